/** Named waits with deadlines that all end at once when the guest can no longer answer them. */

export interface WaitOptions {
  /** Milliseconds; the default is 10,000. */
  timeoutMs?: number
  /** Keep waiting when the guest reports a panic (but not when it exits). */
  despitePanic?: boolean
}

const DEFAULT_TIMEOUT_MS = 10_000

export type EndCause = 'panic' | 'exit'

interface PendingWait {
  readonly what: string
  readonly despitePanic: boolean
  fail(reason: string): void
}

/**
 * A wait was not answered: the message says what was waited for, why it ended, and the last output.
 */
export class GuestWaitError extends Error {
  override readonly name = 'GuestWaitError'
}

export class PendingWaits {
  private readonly pending = new Set<PendingWait>()
  private readonly tail: () => string
  private panic: string | undefined
  private exit: string | undefined

  /** @param tail the last lines of output, for messages. */
  constructor(tail: () => string) {
    this.tail = tail
  }

  /** What is waited for now, in words. */
  get names(): string[] {
    return [...this.pending].map(({ what }) => what)
  }

  /**
   * Runs `arm` with the function that answers the wait; `arm` returns what takes its listener away.
   * Rejects with GuestWaitError at the deadline, or at once on panic and exit.
   */
  wait<T>(
    what: string,
    options: WaitOptions,
    arm: (answer: (value: T) => void) => () => void,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const despitePanic = options.despitePanic ?? false
    return new Promise<T>((resolve, reject) => {
      let disarm: (() => void) | undefined
      let settled = false
      const settle = (): boolean => {
        if (settled) return false
        settled = true
        clearTimeout(timer)
        this.pending.delete(entry)
        disarm?.()
        return true
      }
      const entry: PendingWait = {
        what,
        despitePanic,
        fail: (reason) => {
          if (settle()) reject(new GuestWaitError(this.message(what, reason)))
        },
      }
      const timer = setTimeout(() => entry.fail(`nothing within ${timeoutMs} ms`), timeoutMs)
      this.pending.add(entry)
      disarm = arm((value) => {
        if (settle()) resolve(value)
      })
      if (settled) return disarm()
      if (this.exit !== undefined) entry.fail(this.exit)
      else if (this.panic !== undefined && !despitePanic) entry.fail(this.panic)
    })
  }

  /** Ends every wait (those marked `despitePanic` only on exit), now and later. */
  end(cause: EndCause, reason: string): void {
    if (cause === 'exit') this.exit ??= reason
    else this.panic ??= reason
    for (const entry of [...this.pending]) {
      if (cause === 'exit' || !entry.despitePanic) entry.fail(reason)
    }
  }

  private message(what: string, reason: string): string {
    const tail = this.tail()
    return `Cannot see ${what}: ${reason}${tail === '' ? ' (no output)' : `\nLast output:\n${tail}`}`
  }
}
