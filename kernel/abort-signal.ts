/**
 * What an AbortSignal is to those who hold one (DOM §3.2): the guest's own, and those of the class
 * that is bundled into apps.
 */
export interface AbortEvent {
  readonly type: 'abort'
  readonly target: AbortSignal
}

export type AbortListener = ((event: AbortEvent) => void) | { handleEvent(event: AbortEvent): void }

/** A signal fires once, so that `once` goes without saying. */
export interface AbortListenerOptions {
  readonly once?: boolean
  /** Takes the listener off when it fires. */
  readonly signal?: AbortSignal
}

export interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  onabort: ((event: AbortEvent) => void) | null
  throwIfAborted(): void
  addEventListener(
    type: string,
    listener: AbortListener | null,
    options?: AbortListenerOptions | boolean,
  ): void
  removeEventListener(type: string, listener: AbortListener | null): void
  /** Tells the listeners of the event's type; it aborts nothing. */
  dispatchEvent(event: { readonly type: string }): boolean
}
