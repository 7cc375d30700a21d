/**
 * How a guest's run ended, with a clean exit, a guest's failure and QEMU's own failure told apart.
 */

/** isa-debug-exit makes QEMU exit with (value << 1) | 1; the guest writes 0x10 for success. */
export const CLEAN_EXIT_STATUS = 33

const NO_PROGRAM = 127

export type ExitInfo =
  /** The guest ended itself and reported success. */
  | { readonly kind: 'clean'; readonly status: number }
  /** The guest ended itself with another code; `code` is what it wrote to the exit port. */
  | { readonly kind: 'guest-failure'; readonly status: number; readonly code: number }
  /** The guest shut down or reset (a triple fault is a reset) without using the exit port. */
  | { readonly kind: 'shutdown'; readonly reason: string }
  /** QEMU could not start or gave up. */
  | { readonly kind: 'qemu-failure'; readonly status: number; readonly stderr: string }
  /** Somebody or something killed QEMU. */
  | { readonly kind: 'signal'; readonly signal: string; readonly stderr: string }
  /** The runner killed it because the time of the whole run was up. */
  | { readonly kind: 'timeout'; readonly timeoutMs: number; readonly tail: string }
  /** The caller asked for it. */
  | { readonly kind: 'stopped' }

export interface ExitFacts {
  readonly status: number | null
  readonly signal: string | null
  readonly stderr: string
  /** Reason in QMP's SHUTDOWN event, if one came. */
  readonly shutdownReason?: string | undefined
  readonly stopRequested: boolean
  readonly timedOutAfterMs?: number | undefined
  /** The last console lines. */
  readonly tail: string
}

export function classifyExit(facts: ExitFacts): ExitInfo {
  if (facts.timedOutAfterMs !== undefined) {
    return { kind: 'timeout', timeoutMs: facts.timedOutAfterMs, tail: facts.tail }
  }
  const { status, signal } = facts
  if (status === CLEAN_EXIT_STATUS) return { kind: 'clean', status }
  // Status 1 is QEMU's own, 127 a shell's that finds no program: a guest that writes 0 or 0x3f
  // cannot be told from them.
  if (status !== null && status >= 3 && status % 2 === 1 && status !== NO_PROGRAM) {
    return { kind: 'guest-failure', status, code: status >> 1 }
  }
  if (facts.stopRequested) return { kind: 'stopped' }
  if (signal !== null) return { kind: 'signal', signal, stderr: facts.stderr }
  if (status === 0) return { kind: 'shutdown', reason: facts.shutdownReason ?? 'unknown' }
  return { kind: 'qemu-failure', status: status ?? -1, stderr: facts.stderr }
}

/** One line for people. */
export function describeExit(exit: ExitInfo): string {
  switch (exit.kind) {
    case 'clean':
      return 'clean exit'
    case 'guest-failure':
      return `guest failure, exit code ${exit.code} (QEMU status ${exit.status})`
    case 'shutdown':
      return exit.reason === 'guest-reset'
        ? 'guest reset (a triple fault, or a reboot)'
        : `shutdown (${exit.reason})`
    case 'qemu-failure':
      return `QEMU failed with status ${exit.status}: ${exit.stderr.trim() || 'no message'}`
    case 'signal':
      return `QEMU was killed by ${exit.signal}${exit.stderr.trim() === '' ? '' : `: ${exit.stderr.trim()}`}`
    case 'timeout':
      return `killed after ${exit.timeoutMs} ms`
    case 'stopped':
      return 'stopped by the caller'
  }
}
