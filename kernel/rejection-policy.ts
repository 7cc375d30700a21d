/**
 * What becomes of a promise that is rejected and that nobody handles: a line of a guest that
 * serves, the end of any other.
 */
import type { Logger } from './logger.ts'
import { describeError } from './panic.ts'

export class RejectionPolicy {
  /** Those that were logged, since the start. */
  logged = 0
  private readonly options: RejectionPolicyOptions

  constructor(options: RejectionPolicyOptions) {
    this.options = options
  }

  report(reason: unknown): void {
    const { mode, isServing, log, mapStackTrace, end } = this.options
    // What goes wrong in one request is no reason to drop the others; who serves nobody would go on
    // for nothing.
    if (mode === 'exit' || !isServing()) {
      end(reason)
      return
    }
    this.logged++
    const { message, stack } = describeError(reason, mapStackTrace)
    log.error(`unhandled rejection: ${message}${stack === '' ? '' : `\n${stack}`}`)
  }
}

export interface RejectionPolicyOptions {
  /** `unhandled=`. */
  readonly mode: 'log' | 'exit'
  /** Something listens, and the guest is not about to end. */
  readonly isServing: () => boolean
  readonly log: Logger
  readonly mapStackTrace: (stack: string) => string
  readonly end: (reason: unknown) => void
}
