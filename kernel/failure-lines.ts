/** Keeps failures that peers cause from filling the log: so many lines a second, and a count. */
import type { Logger } from './logger.ts'

export const FAILURE_LINES_A_SECOND = 10

const SECOND_NS = 1e9

export class FailureLines {
  private readonly log: Logger
  private readonly nowNs: () => number
  /** Whose failures they are: 'datagrams', 'connections'. */
  private readonly subject: string
  private beganNs = Number.NEGATIVE_INFINITY
  private writtenLines = 0
  private omittedLines = 0

  constructor(log: Logger, nowNs: () => number, subject: string) {
    this.log = log
    this.nowNs = nowNs
    this.subject = subject
  }

  /**
   * Whether there is room for a line; if not, it is counted. The count is told before the first
   * line of a later second.
   */
  takeLine(): boolean {
    const nowNs = this.nowNs()
    if (nowNs - this.beganNs >= SECOND_NS) {
      const { omittedLines } = this
      this.beganNs = nowNs
      this.writtenLines = 0
      this.omittedLines = 0
      if (omittedLines > 0) {
        this.log.warn(`${omittedLines} more ${this.subject} failed, of which no line was written`)
      }
    }
    if (this.writtenLines === FAILURE_LINES_A_SECOND) {
      this.omittedLines++
      return false
    }
    this.writtenLines++
    return true
  }
}
