/**
 * How far the date of NTP servers is off when none answers any more, by a clock of the machine: a
 * guest that was stopped, or put back to a snapshot, is behind by as long. Less is not looked at:
 * that clock tells whole seconds, and the date is kept by a timer that the servers have corrected.
 */

const US_PER_SECOND = 1e6
/** That clock is read twice, to a second each time. */
const SURE_US = 2 * US_PER_SECOND

export class MachineJumps {
  /** That clock's, since 1970, in whatever time zone; null: it does not say. */
  private readonly readSeconds: () => number | null
  /** By how much it was ahead of the servers' date; null: not known. */
  private aheadUs: number | null = null
  /** A jump that was seen once. */
  private doubtedUs: number | null = null

  constructor(readSeconds: () => number | null) {
    this.readSeconds = readSeconds
  }

  /** The date is that now, as servers have told. */
  note(dateUs: number): void {
    const seconds = this.readSeconds()
    this.aheadUs = seconds === null ? null : seconds * US_PER_SECOND - dateUs
    this.doubtedUs = null
  }

  /** By how much the date is behind for certain, at the second look that says so; else 0. */
  look(dateUs: number): number {
    const seconds = this.readSeconds()
    if (seconds === null || this.aheadUs === null) return 0
    const jumpUs = seconds * US_PER_SECOND - this.aheadUs - dateUs
    const { doubtedUs } = this
    this.doubtedUs = null
    if (Math.abs(jumpUs) <= SURE_US) return 0
    if (doubtedUs !== null && Math.abs(jumpUs - doubtedUs) <= SURE_US) return Math.round(jumpUs)
    this.doubtedUs = jumpUs
    return 0
  }
}
