/** AbortController and AbortSignal (DOM §3). */
import type {
  AbortEvent,
  AbortSignal as AnySignal,
  AbortListener as Listener,
} from '../../abort-signal.ts'
import { DOMException } from './dom-exception.ts'
import { Event } from './event.ts'
import { EventHandlers } from './event-handlers.ts'
import { type EventListenerLike, EventListeners, type ListenerOptions } from './event-listeners.ts'
import { EventTarget } from './event-target.ts'
import { monotonicMs, startTimer, stopTimer } from './host-globals.ts'

type Fire = (reason: unknown) => void

/** Only this module makes signals. */
const MAKE = /* @__PURE__ */ Symbol('make')
/** Longest time that one timer takes. */
const TIMER_LIMIT_MS = 2 ** 31 - 1

let dependentsMade = 0
/**
 * What stands here for signals that are not of this class: at most one for each, whoever depends on
 * it.
 */
const adopted = /* @__PURE__ */ new WeakMap<AnySignal, AbortSignal>()

/**
 * Nothing holds a signal that nobody listens to: neither those it depends on nor a timer. Whether
 * it is aborted is found out when somebody asks. It is entered there with its first listener, and
 * taken off with the last one or when it fires, so that signals that come and go leave nothing with
 * one that stays (DOM §3.2 asks for references that are weak).
 */
export class AbortSignal extends EventTarget implements AnySignal {
  /**
   * The guest's own signal, `system.shutdown`, is one too: the kernel makes it, which has not this
   * class.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Object.prototype.toString.call(value) === '[object AbortSignal]'
  }

  private readonly listeners = new EventListeners(this, () => this.attend())
  private readonly handlers = new EventHandlers(this)
  /** Somebody listens, so that it is told instead of looking. */
  private isWatching = false
  private isAborted = false
  private cause: unknown
  /** When it happened: of several sources the first one gives the reason. */
  private abortedAtMs = 0
  /** What it depends on; these depend on nothing. */
  private sources: readonly AbortSignal[] = []
  /** Those depending on it that have listeners. */
  private dependents: Set<AbortSignal> | null = null
  private order = 0
  /** Of AbortSignal.timeout. */
  private deadlineMs = Number.POSITIVE_INFINITY
  private timer: number | undefined

  /** `expose` is handed the way to abort, which the signal's holders do not have. */
  constructor(key: typeof MAKE, expose: ((fire: Fire) => void) | null) {
    super()
    if (key !== MAKE) throw new TypeError('Cannot make AbortSignal: use AbortController')
    expose?.((reason) => this.fire(reason))
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(MAKE, null)
    signal.fire(reason)
    return signal
  }

  static timeout(delayMs: number): AbortSignal {
    if (!(delayMs >= 0)) throw new RangeError(`Cannot wait ${delayMs} ms`)
    const signal = new AbortSignal(MAKE, null)
    signal.deadlineMs = monotonicMs() + Math.trunc(delayMs)
    return signal
  }

  /** Aborted as soon as one of `signals` is. */
  static any(signals: Iterable<AnySignal>): AbortSignal {
    const result = new AbortSignal(MAKE, null)
    const sources = new Set<AbortSignal>()
    for (const each of signals) {
      if (!(each instanceof AbortSignal)) {
        throw new TypeError('Cannot follow signals: one is no AbortSignal')
      }
      const signal = AbortSignal.adopt(each)
      if (signal.sources.length === 0) sources.add(signal)
      else for (const source of signal.sources) sources.add(source)
      if (!signal.aborted || result.isAborted) continue
      result.isAborted = true
      result.cause = signal.cause
    }
    if (result.isAborted) return result
    result.sources = [...sources]
    result.order = ++dependentsMade
    return result
  }

  private static adopt(signal: AnySignal): AbortSignal {
    if (Object.getPrototypeOf(signal) === AbortSignal.prototype) return signal as AbortSignal
    const known = adopted.get(signal)
    if (known !== undefined) return known
    const own = new AbortSignal(MAKE, null)
    if (signal.aborted) own.settle(signal.reason, monotonicMs())
    else signal.addEventListener('abort', () => own.fire(signal.reason))
    adopted.set(signal, own)
    return own
  }

  get aborted(): boolean {
    if (!this.isAborted) this.lookUp()
    return this.isAborted
  }

  get reason(): unknown {
    return this.aborted ? this.cause : undefined
  }

  get onabort(): ((event: AbortEvent) => void) | null {
    return this.handlers.get('abort')
  }

  set onabort(handler: ((event: AbortEvent) => void) | null) {
    this.handlers.set('abort', handler)
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.cause
  }

  override addEventListener(
    type: string,
    listener: Listener | EventListenerLike,
    options?: ListenerOptions | boolean,
  ): void {
    // It fires once: what comes too late would only be kept.
    if (type === 'abort' && this.aborted) return
    this.listeners.add(type, listener as EventListenerLike, options)
  }

  override removeEventListener(
    type: string,
    listener: Listener | EventListenerLike,
    options?: ListenerOptions | boolean,
  ): void {
    this.listeners.remove(type, listener as EventListenerLike, options)
  }

  override dispatchEvent(event: Event): boolean {
    return this.listeners.dispatch(event)
  }

  override get [Symbol.toStringTag](): string {
    return 'AbortSignal'
  }

  /** Listeners, its own or of what depends on it, have come or gone. */
  private attend(): void {
    const isHeard =
      !this.isAborted && (this.listeners.has('abort') || (this.dependents?.size ?? 0) > 0)
    if (isHeard === this.isWatching) return
    this.isWatching = isHeard
    if (isHeard) this.watch()
    else this.unwatch()
  }

  /** From here on it is told instead of looking. */
  private watch(): void {
    for (const source of this.sources) {
      source.dependents ??= new Set()
      source.dependents.add(this)
      source.attend()
    }
    if (this.deadlineMs < Number.POSITIVE_INFINITY) this.startTimer()
  }

  private unwatch(): void {
    for (const source of this.sources) {
      if (source.dependents?.delete(this)) source.attend()
    }
    stopTimer(this.timer)
    this.timer = undefined
  }

  private startTimer(): void {
    const delayMs = Math.ceil(Math.max(0, this.deadlineMs - monotonicMs()))
    this.timer = startTimer(
      () => {
        this.timer = undefined
        if (monotonicMs() < this.deadlineMs) this.startTimer()
        else this.fire(timeoutError())
      },
      Math.min(delayMs, TIMER_LIMIT_MS),
    )
  }

  /**
   * Whether what it depends on has happened; with listeners the deadline is their timer's business
   * alone.
   */
  private lookUp(): void {
    if (this.timer === undefined && this.deadlineMs <= monotonicMs()) {
      this.settle(timeoutError(), this.deadlineMs)
    }
    let first: AbortSignal | null = null
    for (const source of this.sources) {
      if (!source.aborted) continue
      if (first === null || source.abortedAtMs < first.abortedAtMs) first = source
    }
    if (first !== null) this.settle(first.cause, first.abortedAtMs)
  }

  private settle(reason: unknown, atMs: number): void {
    this.isAborted = true
    this.cause = reason
    this.abortedAtMs = atMs
  }

  /** Aborts once. */
  private fire(reason: unknown): void {
    if (this.isAborted) return
    this.settle(reason === undefined ? abortError() : reason, monotonicMs())
    this.dispatch()
  }

  /** Tells its own listeners, then those of what depends on it. */
  private dispatch(): void {
    this.attend()
    const dependents = [...(this.dependents ?? [])].sort((a, b) => a.order - b.order)
    this.dependents = null
    if (this.listeners.has('abort')) {
      this.listeners.dispatch(new Event('abort'))
      this.listeners.forget('abort')
    }
    for (const dependent of dependents) {
      dependent.lookUp()
      dependent.dispatch()
    }
  }
}

function abortError(): DOMException {
  return new DOMException('This operation was aborted', 'AbortError')
}

function timeoutError(): DOMException {
  return new DOMException('The operation was aborted due to timeout', 'TimeoutError')
}

export class AbortController {
  readonly signal: AbortSignal
  private fire!: Fire

  constructor() {
    this.signal = new AbortSignal(MAKE, (fire) => {
      this.fire = fire
    })
  }

  abort(reason?: unknown): void {
    this.fire(reason)
  }

  get [Symbol.toStringTag](): string {
    return 'AbortController'
  }
}
