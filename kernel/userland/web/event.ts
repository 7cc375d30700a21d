/** Event and CustomEvent (DOM §2.2) for objects that have no parents: nothing bubbles. */
import { monotonicMs } from './host-globals.ts'

/** What an event is told to: see event-target.ts. */
export interface Target {
  addEventListener(type: string, callback: never): void
  removeEventListener(type: string, callback: never): void
  dispatchEvent(event: Event): boolean
}

export interface EventInit {
  bubbles?: boolean
  cancelable?: boolean
  composed?: boolean
}

/** What only dispatchEvent may set. */
interface Dispatch {
  target: Target | null
  isDispatched: boolean
  isStopped: boolean
  isPassive: boolean
}
/** For this folder. */
export const dispatches = /* @__PURE__ */ new WeakMap<Event, Dispatch>()

export class Event {
  static readonly NONE = 0
  static readonly CAPTURING_PHASE = 1
  static readonly AT_TARGET = 2
  static readonly BUBBLING_PHASE = 3
  readonly type: string
  readonly bubbles: boolean
  readonly cancelable: boolean
  readonly composed: boolean
  readonly isTrusted = false
  readonly timeStamp = monotonicMs()
  defaultPrevented = false
  cancelBubble = false

  constructor(...given: [type: string, init?: EventInit]) {
    const [type, init] = given
    if (!(0 in given)) throw new TypeError('Cannot make Event: it has no type')
    const { bubbles, cancelable, composed } = init ?? {}
    this.type = `${type}`
    this.bubbles = Boolean(bubbles)
    this.cancelable = Boolean(cancelable)
    this.composed = Boolean(composed)
    dispatches.set(this, { target: null, isDispatched: false, isStopped: false, isPassive: false })
  }

  get target(): Target | null {
    return dispatches.get(this)!.target
  }

  get currentTarget(): Target | null {
    const { target, isDispatched } = dispatches.get(this)!
    return isDispatched ? target : null
  }

  get eventPhase(): number {
    return dispatches.get(this)!.isDispatched ? Event.AT_TARGET : Event.NONE
  }

  get returnValue(): boolean {
    return !this.defaultPrevented
  }

  composedPath(): Target[] {
    const { currentTarget } = this
    return currentTarget === null ? [] : [currentTarget]
  }

  preventDefault(): void {
    if (this.cancelable && !dispatches.get(this)!.isPassive) this.defaultPrevented = true
  }

  stopPropagation(): void {
    this.cancelBubble = true
  }

  stopImmediatePropagation(): void {
    this.cancelBubble = true
    dispatches.get(this)!.isStopped = true
  }

  get [Symbol.toStringTag](): string {
    return 'Event'
  }
}

export class CustomEvent<T = unknown> extends Event {
  readonly detail: T

  constructor(...given: [type: string, init?: EventInit & { detail?: T }]) {
    super(...given)
    this.detail = (given[1]?.detail ?? null) as T
  }

  override get [Symbol.toStringTag](): string {
    return 'CustomEvent'
  }
}
