/**
 * HyStart++: leaves slow start when round trips grow, before the queue on the way overflows (RFC
 * 9406).
 */

/** RFC 9406 §4.3. */
const MINIMUM_THRESHOLD_MS = 4
const MAXIMUM_THRESHOLD_MS = 16
const MINIMUM_SAMPLES = 8
/** Conservative slow start grows so many times slower, for so many rounds. */
export const CONSERVATIVE_DIVISOR = 4
const CONSERVATIVE_ROUNDS = 5

const NEVER = Number.POSITIVE_INFINITY

/** Told of each ACK of a connection's first slow start. */
export class HyStart {
  /** In conservative slow start: the queue may have begun to grow. */
  isConservative = false
  /** Bytes to be acknowledged until this round ends: what was in flight when it began. */
  private roundBytes = 0
  private samples = 0
  private currentMs = NEVER
  private lastMs = NEVER
  private baselineMs = NEVER
  private conservativeRounds = 0

  /** True when slow start is over. `rttMs` is below 0 when the ACK has no sample. */
  noteAck(ackedBytes: number, flightBytes: number, rttMs: number): boolean {
    this.roundBytes -= ackedBytes
    if (this.roundBytes <= 0) {
      if (this.isConservative && ++this.conservativeRounds >= CONSERVATIVE_ROUNDS) return true
      this.lastMs = this.currentMs
      this.currentMs = NEVER
      this.samples = 0
      this.roundBytes = flightBytes
    }
    if (rttMs < 0) return false
    this.samples++
    if (rttMs < this.currentMs) this.currentMs = rttMs
    if (this.samples < MINIMUM_SAMPLES) return false
    if (this.isConservative) {
      // It was a whim of the path: RFC 9406 §4.2, "the measured round's minRTT is below the
      // baseline".
      if (this.currentMs < this.baselineMs) this.isConservative = false
    } else if (this.lastMs !== NEVER) {
      const eighth = Math.min(this.lastMs / 8, MAXIMUM_THRESHOLD_MS)
      if (this.currentMs >= this.lastMs + Math.max(eighth, MINIMUM_THRESHOLD_MS)) {
        this.isConservative = true
        this.baselineMs = this.currentMs
        this.conservativeRounds = 0
      }
    }
    return false
  }
}
