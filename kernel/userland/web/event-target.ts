/**
 * Event, CustomEvent and EventTarget (DOM §2) for objects that have no parents: nothing bubbles.
 */
import { logError, monotonicMs } from './host-globals.ts'

export interface EventInit {
  bubbles?: boolean
  cancelable?: boolean
  composed?: boolean
}
type Callback = (event: Event) => unknown
export type EventListenerLike = Callback | { handleEvent(event: Event): unknown } | null
/** The part of AbortSignal that a listener is taken off by. */
interface Signal {
  readonly aborted: boolean
  addEventListener(type: 'abort', callback: () => void): void
  removeEventListener(type: 'abort', callback: () => void): void
}
export interface ListenerOptions {
  capture?: boolean
  once?: boolean
  passive?: boolean
  signal?: Signal
}

interface Listener {
  readonly type: string
  readonly callback: NonNullable<EventListenerLike>
  readonly capture: boolean
  readonly once: boolean
  readonly passive: boolean
  /** Takes it off the signal, so that nothing of it stays with a signal that stays. */
  unlink: (() => void) | null
  isRemoved: boolean
}

/** What only dispatchEvent may set. */
interface Dispatch {
  target: EventTarget | null
  isDispatched: boolean
  isStopped: boolean
  isPassive: boolean
}
const dispatches = /* @__PURE__ */ new WeakMap<Event, Dispatch>()

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

  get target(): EventTarget | null {
    return dispatches.get(this)!.target
  }

  get currentTarget(): EventTarget | null {
    const { target, isDispatched } = dispatches.get(this)!
    return isDispatched ? target : null
  }

  get eventPhase(): number {
    return dispatches.get(this)!.isDispatched ? Event.AT_TARGET : Event.NONE
  }

  get returnValue(): boolean {
    return !this.defaultPrevented
  }

  composedPath(): EventTarget[] {
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

export class EventTarget {
  readonly #listeners: Listener[] = []

  addEventListener(
    type: string,
    callback: EventListenerLike,
    options: ListenerOptions | boolean = {},
  ): void {
    const { capture, once, passive, signal } = readOptions(options)
    if (callback === null || callback === undefined || signal?.aborted === true) return
    if (typeof callback !== 'function' && typeof callback !== 'object') {
      throw new TypeError(`Cannot listen: a ${typeof callback} is neither function nor object`)
    }
    if (this.#indexOf(`${type}`, callback, capture) !== -1) return
    const own = { type: `${type}`, callback, capture, once, passive }
    const listener: Listener = { ...own, unlink: null, isRemoved: false }
    this.#listeners.push(listener)
    if (signal === undefined || signal === null) return
    const remove = () => this.#remove(this.#listeners.indexOf(listener))
    signal.addEventListener('abort', remove)
    listener.unlink = () => signal.removeEventListener('abort', remove)
  }

  removeEventListener(
    type: string,
    callback: EventListenerLike,
    options: ListenerOptions | boolean = {},
  ): void {
    if (callback === null || callback === undefined) return
    this.#remove(this.#indexOf(`${type}`, callback, readOptions(options).capture))
  }

  /** False when the event is cancelable and a listener has canceled it. */
  dispatchEvent(event: Event): boolean {
    const dispatch = event instanceof Event ? dispatches.get(event)! : undefined
    if (dispatch === undefined) throw new TypeError('Cannot dispatch: it is no Event')
    if (dispatch.isDispatched) {
      throw new TypeError('Cannot dispatch: the event is being dispatched')
    }
    dispatch.target = this
    dispatch.isDispatched = true
    // Those that are added meanwhile hear the next one; capturing ones come first.
    const heard = this.#listeners.filter(({ type }) => type === event.type)
    for (const isCapture of [true, false]) {
      for (const listener of heard) {
        if (listener.capture === isCapture && !dispatch.isStopped) this.#call(listener, event)
      }
    }
    dispatch.isDispatched = false
    dispatch.isStopped = false
    event.cancelBubble = false
    return !event.defaultPrevented
  }

  #call(listener: Listener, event: Event): void {
    if (listener.isRemoved) return
    const { callback, once, passive } = listener
    if (once) this.#remove(this.#listeners.indexOf(listener))
    const dispatch = dispatches.get(event)!
    dispatch.isPassive = passive
    try {
      if (typeof callback === 'function') callback.call(this as never, event)
      else callback.handleEvent(event)
    } catch (error) {
      // §2.10: reported, and the other listeners are called.
      logError('A listener has failed:', error)
    }
    dispatch.isPassive = false
  }

  /** Nothing when there is none at -1. */
  #remove(index: number): void {
    const [listener] = index === -1 ? [] : this.#listeners.splice(index, 1)
    if (listener === undefined) return
    listener.isRemoved = true
    listener.unlink?.()
  }

  #indexOf(type: string, callback: unknown, capture: boolean): number {
    return this.#listeners.findIndex(
      (it) => it.type === type && it.callback === callback && it.capture === capture,
    )
  }

  get [Symbol.toStringTag](): string {
    return 'EventTarget'
  }
}

function readOptions(options: ListenerOptions | boolean | null): {
  capture: boolean
  once: boolean
  passive: boolean
  signal: Signal | undefined
} {
  if (typeof options === 'boolean') {
    return { capture: options, once: false, passive: false, signal: undefined }
  }
  const { capture, once, passive, signal } = options ?? {}
  return { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive), signal }
}
