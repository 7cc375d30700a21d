/** `node:timers/promises`: timers as promises, which a signal ends. */
import type { AbortSignal } from '../web/abort.ts'
import { startTimer, stopTimer } from '../web/host-globals.ts'

export interface TimerOptions {
  readonly signal?: AbortSignal | undefined
  /** Ignored: no timer keeps a guest from its end. */
  readonly ref?: boolean
}

/** Resolves with `value` after `delayMs`; rejects with AbortError, whose cause is the reason. */
export function setTimeout<Value>(
  delayMs?: number,
  value?: Value,
  options: TimerOptions = {},
): Promise<Value | undefined> {
  const { signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(abortError(signal))
      return
    }
    const timer = startTimer(() => {
      signal?.removeEventListener('abort', stop)
      resolve(value)
    }, delayMs ?? 1)
    const stop = () => {
      stopTimer(timer)
      reject(abortError(signal!))
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** Once the loop has had its turn. */
export function setImmediate<Value>(
  value?: Value,
  options?: TimerOptions,
): Promise<Value | undefined> {
  return setTimeout(0, value, options)
}

/** `value` each `delayMs`, for as long as it is asked for. */
export async function* setInterval<Value>(
  delayMs?: number,
  value?: Value,
  options?: TimerOptions,
): AsyncGenerator<Value | undefined, void> {
  for (;;) yield await setTimeout(delayMs, value, options)
}

export const scheduler = {
  wait: (delayMs: number, options?: TimerOptions): Promise<undefined> =>
    setTimeout(delayMs, undefined, options),
  yield: (): Promise<undefined> => setImmediate(undefined),
} as const

function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason })
  error.name = 'AbortError'
  return Object.assign(error, { code: 'ABORT_ERR' })
}

export default { scheduler, setImmediate, setInterval, setTimeout }
