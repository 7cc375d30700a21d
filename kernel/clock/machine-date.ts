/**
 * What of the date is believed that a clock of the machine tells: it goes on at once, jumps when it
 * is said twice, and into another time zone only with the real-time clock.
 */
import type { Logger } from '../logger.ts'
import { STEP_US } from './correction-line.ts'

const US_PER_SECOND = 1e6
/** What the clock says next differs by no more from what it has said, but for a jump. */
const NEAR_US = 2 * US_PER_SECOND
/** Zones differ by a multiple of it, and so do summer and winter. */
const ZONE_UNIT_US = 900 * US_PER_SECOND
/**
 * A guest that was stopped is as far behind once in two thousand times, or as who stops it likes;
 * timers are wrong by much less between two looks.
 */
const ZONE_ERROR_US = 200_000

export class MachineDate {
  private readonly log: Logger
  private readonly name: string
  private readonly readRtcUs: () => number | null
  /** What the date is when the monotonic clock says 0, in microseconds since 1970. */
  private believedUs: number
  /** A jump that was said once. */
  private doubtedUs: number | null = null
  /** Of the clock's own zone, as far as that has changed since boot. */
  private zoneUs = 0
  /** What the real-time clock said when the date was believed last. */
  private rtcUs: number | null

  /**
   * `atZeroUs`: the guest's date when the monotonic clock says 0, as `readRtcUs` has it of the
   * real-time clock, to a second; null: that says nothing.
   */
  constructor(atZeroUs: number, readRtcUs: () => number | null, name: string, log: Logger) {
    this.name = name
    this.believedUs = atZeroUs
    this.readRtcUs = readRtcUs
    this.rtcUs = readRtcUs()
    this.log = log
  }

  /**
   * Of what the clock says, what to believe, both as the date when the monotonic clock says 0;
   * null: nothing yet. `isJump`: further from before than any timer drifts.
   */
  judge(toldUs: number): { readonly atZeroUs: number; readonly isJump: boolean } | null {
    const saidUs = toldUs - this.zoneUs
    const jumpUs = saidUs - this.believedUs
    const zonesUs = Math.round(jumpUs / ZONE_UNIT_US) * ZONE_UNIT_US
    const isZone = zonesUs !== 0 && Math.abs(jumpUs - zonesUs) <= ZONE_ERROR_US
    if (isZone && !this.hasRtcMoved(zonesUs)) {
      this.zoneUs += zonesUs
      this.warn(zonesUs, 'as a time zone does: that is not followed')
      return this.believe(saidUs - zonesUs)
    }
    const isNear = Math.abs(jumpUs) <= NEAR_US
    const isSaidAgain = this.doubtedUs !== null && Math.abs(saidUs - this.doubtedUs) <= NEAR_US
    if (isNear || isSaidAgain) return this.believe(saidUs)
    this.doubtedUs = saidUs
    this.warn(jumpUs, 'believed when it says so again')
    return null
  }

  /** The real-time clock knows of no summer: it has gone on while the guest was stopped. */
  private hasRtcMoved(byUs: number): boolean {
    const rtcUs = this.readRtcUs()
    return rtcUs !== null && this.rtcUs !== null && Math.abs(rtcUs - this.rtcUs - byUs) <= NEAR_US
  }

  private believe(atZeroUs: number): { atZeroUs: number; isJump: boolean } {
    const isJump = Math.abs(atZeroUs - this.believedUs) > STEP_US
    this.doubtedUs = null
    this.believedUs = atZeroUs
    this.rtcUs = this.readRtcUs() ?? this.rtcUs
    return { atZeroUs, isJump }
  }

  private warn(jumpUs: number, what: string): void {
    const seconds = (jumpUs / US_PER_SECOND).toFixed(3)
    this.log.warn(`${this.name}'s date has moved by ${seconds} s, ${what}`)
  }
}
