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
  private listeners: {
    readonly type: string
    readonly listener: AbortListener
    readonly once: boolean
  }[] = []
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
    listener: AbortListener | null | undefined,
    options?: AbortListenerOptions | boolean | null,
  ): void {
    if (listener === null || listener === undefined) return
    if (type === 'abort' && this.aborted) return
    const { once = false, signal } = typeof options === 'object' ? (options ?? {}) : {}
    if (signal?.aborted || this.indexOf(type, listener) !== -1) return
    this.listeners.push({ type, listener, once })
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener))
  }

  removeEventListener(type: string, listener: AbortListener | null | undefined): void {
    if (listener === null || listener === undefined) return
    const index = this.indexOf(type, listener)
    if (index !== -1) this.listeners.splice(index, 1)
  }

  /** As an EventTarget's: for events of the app's own. */
  dispatchEvent(event: { readonly type: string; readonly defaultPrevented?: boolean }): boolean {
    for (const entry of this.listeners.filter(({ type }) => type === event.type)) {
      // Taken off meanwhile.
      if (!this.listeners.includes(entry)) continue
      if (entry.once) this.removeEventListener(entry.type, entry.listener)
      callListener(this, entry.listener, event as AbortEvent)
    }
    return event.defaultPrevented !== true
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
    if (this.onabort !== null) callListener(this, this.onabort, event)
    this.dispatchEvent(event)
    this.listeners = this.listeners.filter(({ type }) => type !== 'abort')
  }

  private indexOf(type: string, listener: AbortListener): number {
    return this.listeners.findIndex((it) => it.type === type && it.listener === listener)
  }
}

function callListener(target: AbortSignal, listener: AbortListener, event: AbortEvent): void {
  try {
    if (typeof listener === 'function') listener.call(target, event)
    else listener.handleEvent(event)
  } catch (error) {
    Promise.reject(error)
  }
}
