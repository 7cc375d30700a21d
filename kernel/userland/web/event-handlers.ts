/** The `on…` properties of an EventTarget (HTML §8.1.8): one handler a type, called in its turn. */
import type { Event } from './event.ts'
import type { EventTarget } from './event-target.ts'

type Handler<Of> = ((event: Of) => unknown) | null

export class EventHandlers {
  private readonly target: EventTarget
  private readonly handlers = new Map<string, (event: never) => unknown>()

  constructor(target: EventTarget) {
    this.target = target
  }

  get<Of>(type: string): Handler<Of> {
    return (this.handlers.get(type) as Handler<Of> | undefined) ?? null
  }

  /** Anything but a function takes the handler off. */
  set<Of>(type: string, handler: Handler<Of>): void {
    const isThere = this.handlers.has(type)
    if (typeof handler !== 'function') {
      if (isThere) this.target.removeEventListener(type, this.call)
      this.handlers.delete(type)
      return
    }
    this.handlers.set(type, handler)
    // Its turn is that of the first handler, whichever it is now.
    if (!isThere) this.target.addEventListener(type, this.call)
  }

  private readonly call = (event: Event): unknown =>
    this.handlers.get(event.type)?.call(this.target, event as never)
}
