/** The listeners of one EventTarget (DOM §2.7 to §2.10), and how they are told of an event. */
import { dispatches, Event, type Target } from './event.ts'
import { logError } from './host-globals.ts'

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

export class EventListeners {
  private readonly target: Target
  /** Told after a listener has come or gone. */
  private readonly onChange: (() => void) | null
  private listeners: Listener[] = []

  constructor(target: Target, onChange: (() => void) | null = null) {
    this.target = target
    this.onChange = onChange
  }

  has(type: string): boolean {
    return this.listeners.some((listener) => listener.type === type)
  }

  add(type: string, callback: EventListenerLike, options: ListenerOptions | boolean = {}): void {
    const { capture, once, passive, signal } = readOptions(options)
    if (callback === null || callback === undefined || signal?.aborted === true) return
    if (typeof callback !== 'function' && typeof callback !== 'object') {
      throw new TypeError(`Cannot listen: a ${typeof callback} is neither function nor object`)
    }
    if (this.indexOf(`${type}`, callback, capture) !== -1) return
    const own = { type: `${type}`, callback, capture, once, passive }
    const listener: Listener = { ...own, unlink: null, isRemoved: false }
    this.listeners.push(listener)
    if (signal !== undefined && signal !== null) {
      const remove = () => this.removeAt(this.listeners.indexOf(listener))
      signal.addEventListener('abort', remove)
      listener.unlink = () => signal.removeEventListener('abort', remove)
    }
    this.onChange?.()
  }

  remove(type: string, callback: EventListenerLike, options: ListenerOptions | boolean = {}): void {
    if (callback === null || callback === undefined) return
    this.removeAt(this.indexOf(`${type}`, callback, readOptions(options).capture))
  }

  /** Takes off all of a type, of which there will be no event any more. */
  forget(type: string): void {
    for (let at = this.listeners.length - 1; at >= 0; at--) {
      if (this.listeners[at]!.type === type) this.removeAt(at)
    }
  }

  /** False when the event is cancelable and a listener has canceled it. */
  dispatch(event: Event): boolean {
    const dispatch = event instanceof Event ? dispatches.get(event)! : undefined
    if (dispatch === undefined) throw new TypeError('Cannot dispatch: it is no Event')
    if (dispatch.isDispatched) {
      throw new TypeError('Cannot dispatch: the event is being dispatched')
    }
    dispatch.target = this.target
    dispatch.isDispatched = true
    // Those that are added meanwhile hear the next one; capturing ones come first.
    const heard = this.listeners.filter(({ type }) => type === event.type)
    for (const isCapture of [true, false]) {
      for (const listener of heard) {
        if (listener.capture === isCapture && !dispatch.isStopped) this.call(listener, event)
      }
    }
    dispatch.isDispatched = false
    dispatch.isStopped = false
    event.cancelBubble = false
    return !event.defaultPrevented
  }

  private call(listener: Listener, event: Event): void {
    if (listener.isRemoved) return
    const { callback, once, passive } = listener
    if (once) this.removeAt(this.listeners.indexOf(listener))
    const dispatch = dispatches.get(event)!
    dispatch.isPassive = passive
    try {
      if (typeof callback === 'function') callback.call(this.target as never, event)
      else callback.handleEvent(event)
    } catch (error) {
      // §2.10: reported, and the other listeners are called.
      logError('A listener has failed:', error)
    }
    dispatch.isPassive = false
  }

  /** Nothing when there is none at -1. */
  private removeAt(index: number): void {
    const [listener] = index === -1 ? [] : this.listeners.splice(index, 1)
    if (listener === undefined) return
    listener.isRemoved = true
    listener.unlink?.()
    this.onChange?.()
  }

  private indexOf(type: string, callback: unknown, capture: boolean): number {
    return this.listeners.findIndex(
      (it) => it.type === type && it.callback === callback && it.capture === capture,
    )
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
