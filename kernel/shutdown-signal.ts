/**
 * `system.shutdown`: the wish of the machine to be switched off, as an AbortSignal that needs no
 * web globals, and as a promise.
 */
import type {
  AbortEvent,
  AbortListener,
  AbortListenerOptions,
  AbortSignal,
} from './abort-signal.ts'

export interface ShutdownSignal extends AbortSignal {
  /** Resolves when the guest is asked to end; never rejects. */
  readonly requested: Promise<void>
  /**
   * The guest ends no sooner than `work` is settled, but when its grace is over. What `work`
   * rejects with ends it as a failure.
   */
  waitUntil(work: Promise<unknown>): void
}

export class ShutdownController implements ShutdownSignal {
  readonly requested: Promise<void>
  aborted = false
  reason: unknown = undefined
  onabort: ((event: AbortEvent) => void) | null = null
  /** Promises given to waitUntil that are not settled. */
  pendingWork = 0
  private listeners: AbortListener[] = []
  private resolve!: () => void

  constructor() {
    this.requested = new Promise((resolve) => {
      this.resolve = resolve
    })
  }

  get [Symbol.toStringTag](): string {
    return 'AbortSignal'
  }

  waitUntil(work: Promise<unknown>): void {
    this.pendingWork++
    const settle = () => {
      this.pendingWork--
    }
    // A rejection goes on as one that nobody has handled.
    void Promise.resolve(work).finally(settle)
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.reason
  }

  addEventListener(
    type: string,
    listener: AbortListener | null,
    options?: AbortListenerOptions | boolean,
  ): void {
    if (type !== 'abort' || listener === null || this.aborted) return
    const signal = typeof options === 'object' ? options.signal : undefined
    if (signal?.aborted || this.listeners.includes(listener)) return
    this.listeners.push(listener)
    signal?.addEventListener('abort', () => this.removeEventListener('abort', listener))
  }

  removeEventListener(type: string, listener: AbortListener | null): void {
    if (type === 'abort') this.listeners = this.listeners.filter((entry) => entry !== listener)
  }

  /**
   * For the kernel. What a listener throws becomes an unhandled rejection and keeps no other from
   * being called.
   */
  request(): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = Object.assign(new Error('The guest was asked to shut down'), {
      name: 'AbortError',
    })
    this.resolve()
    const event: AbortEvent = { type: 'abort', target: this }
    const listeners = this.listeners
    this.listeners = []
    if (this.onabort !== null) callListener(this.onabort, event)
    for (const listener of listeners) callListener(listener, event)
  }
}

function callListener(listener: AbortListener, event: AbortEvent): void {
  try {
    if (typeof listener === 'function') listener.call(event.target, event)
    else listener.handleEvent(event)
  } catch (error) {
    Promise.reject(error)
  }
}
