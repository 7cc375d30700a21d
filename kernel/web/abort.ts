/** AbortController and AbortSignal (DOM §3). */
import { DOMException } from './dom-exception.ts'
import { startTimer } from './host-globals.ts'

export interface AbortEvent {
  readonly type: 'abort'
  readonly target: AbortSignal
}

type Listener = ((event: AbortEvent) => void) | { handleEvent(event: AbortEvent): void }

type Fire = (reason: unknown) => void

/** Only this module makes signals. */
const MAKE = /* @__PURE__ */ Symbol('make')

export class AbortSignal {
  onabort: ((event: AbortEvent) => void) | null = null
  private listeners: Listener[] = []
  private isAborted = false
  private cause: unknown

  /** `expose` is handed the way to abort, which the signal's holders do not have. */
  constructor(key: typeof MAKE, expose: (fire: Fire) => void) {
    if (key !== MAKE) throw new TypeError('Cannot make AbortSignal: use AbortController')
    expose((reason) => this.fire(reason))
  }

  static abort(reason?: unknown): AbortSignal {
    const controller = new AbortController()
    controller.abort(reason)
    return controller.signal
  }

  static timeout(delayMs: number): AbortSignal {
    if (!(delayMs >= 0)) throw new RangeError(`Cannot wait ${delayMs} ms`)
    const controller = new AbortController()
    startTimer(() => {
      controller.abort(new DOMException('The operation was aborted due to timeout', 'TimeoutError'))
    }, delayMs)
    return controller.signal
  }

  /** Aborted as soon as one of `signals` is. */
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const sources = [...signals]
    const result = new AbortController()
    const aborted = sources.find((source) => source.aborted)
    if (aborted !== undefined) {
      result.abort(aborted.reason)
      return result.signal
    }
    for (const source of sources) {
      source.addEventListener('abort', () => result.abort(source.reason))
    }
    return result.signal
  }

  get aborted(): boolean {
    return this.isAborted
  }

  get reason(): unknown {
    return this.cause
  }

  throwIfAborted(): void {
    if (this.isAborted) throw this.cause
  }

  /** `options` are taken as given elsewhere; a signal fires once, so that `once` goes without saying. */
  addEventListener(type: string, listener: Listener | null, _options?: unknown): void {
    if (type !== 'abort' || listener === null || this.isAborted) return
    if (!this.listeners.includes(listener)) this.listeners.push(listener)
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (type !== 'abort') return
    this.listeners = this.listeners.filter((entry) => entry !== listener)
  }

  get [Symbol.toStringTag](): string {
    return 'AbortSignal'
  }

  /** Aborts once. What a listener throws becomes an unhandled rejection. */
  private fire(reason: unknown): void {
    if (this.isAborted) return
    this.isAborted = true
    this.cause =
      reason === undefined ? new DOMException('This operation was aborted', 'AbortError') : reason
    const event: AbortEvent = { type: 'abort', target: this }
    const listeners = this.listeners
    this.listeners = []
    if (this.onabort !== null) call(this.onabort, event)
    for (const listener of listeners) call(listener, event)
  }
}

/** One listener that throws keeps no other from being called. */
function call(listener: Listener, event: AbortEvent): void {
  try {
    if (typeof listener === 'function') listener.call(event.target, event)
    else listener.handleEvent(event)
  } catch (error) {
    Promise.reject(error)
  }
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
