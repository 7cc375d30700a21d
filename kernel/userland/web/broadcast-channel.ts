/** BroadcastChannel (HTML §9.5): all of one name hear each other, within this program. */
import { DOMException } from './dom-exception.ts'
import { EventHandlers } from './event-handlers.ts'
import { EventTarget } from './event-target.ts'
import { startTimer } from './host-globals.ts'
import { MessageEvent } from './message-event.ts'
import { structuredClone } from './structured-clone.ts'

/** Those that are open, by name, in the order of their making. */
const channels = /* @__PURE__ */ new Map<string, Set<BroadcastChannel>>()

export class BroadcastChannel extends EventTarget {
  readonly name: string
  readonly #handlers = new EventHandlers(this)

  constructor(...given: [name: string]) {
    super()
    if (!(0 in given)) throw new TypeError('Cannot make BroadcastChannel: it has no name')
    this.name = `${given[0]}`
    const namesakes = channels.get(this.name)
    if (namesakes === undefined) channels.set(this.name, new Set([this]))
    else namesakes.add(this)
  }

  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('message')
  }

  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('message', handler)
  }

  get onmessageerror(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('messageerror')
  }

  set onmessageerror(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('messageerror', handler)
  }

  /** Throws DOMException: 'InvalidStateError' once closed, 'DataCloneError' for functions. */
  postMessage(message: unknown): void {
    const namesakes = channels.get(this.name)
    if (namesakes?.has(this) !== true) {
      throw new DOMException('Cannot post: the BroadcastChannel is closed', 'InvalidStateError')
    }
    // Cloned now, for the sender may go on to change it; and for each, who may change it too.
    const kept = structuredClone(message)
    for (const channel of namesakes) {
      if (channel === this) continue
      startTimer(() => {
        if (!namesakes.has(channel)) return
        const data = structuredClone(kept)
        channel.dispatchEvent(new MessageEvent('message', { data }))
      }, 0)
    }
  }

  close(): void {
    const namesakes = channels.get(this.name)
    if (namesakes?.delete(this) === true && namesakes.size === 0) channels.delete(this.name)
  }

  override get [Symbol.toStringTag](): string {
    return 'BroadcastChannel'
  }
}
