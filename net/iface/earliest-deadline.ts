/**
 * The earliest of many deadlines: one comparison a turn tells that none has come, whoever keeps
 * them.
 */

export class EarliestDeadline {
  /** None comes before this; it may be too early, never too late. Infinity = there is none. */
  ms = Number.POSITIVE_INFINITY
  /**
   * Somebody has asked for a turn at once, and may have had it since: who wants to know asks each.
   */
  isUrgent = false

  /** There is a deadline at that time. Whoever looks at all of them sets `ms` anew. */
  note(deadlineMs: number): void {
    if (deadlineMs < this.ms) this.ms = deadlineMs
  }
}
