/**
 * HyStart++: leaves slow start when round trips grow, before the queue on the way overflows (RFC
 * 9406).
 */

/** RFC 9406 §4.3. */
const MINIMUM_THRESHOLD_MS = 4
const MAXIMUM_THRESHOLD_MS = 16
const MINIMUM_SAMPLES = 8
/** Conservative slow start grows so many times slower, for so many rounds. */
export const CONSERVATIVE_DIVISOR = 16
const CONSERVATIVE_ROUNDS = 5

const NEVER = Number.POSITIVE_INFINITY

/**
 * Told of each ACK of a connection's first slow start. RFC 9406 compares the least round trip of a
 * round with that of the round before. That of a round in which a queue begins to grow is of its
 * first packets, which met none; when the next has told, twice what the path holds is on its way.
 * So each eight samples of a round are compared, and eight that were late by chance are forgiven as
 * soon.
 */
export class HyStart {
  /** In conservative slow start: the queue may have begun to grow. */
  isConservative = false
  /** Bytes to be acknowledged until this round ends: what was in flight when it began. */
  private roundBytes = 0
  /** Of this part of the round, and the least of them. */
  private samples = 0
  private partMs = NEVER
  private currentMs = NEVER
  private lastMs = NEVER
  /**
   * The least round trip with which conservative slow start began, RFC 9406's cssBaselineMinRtt:
   * with one below that it was a whim of the path, and ends.
   */
  private forgivenMs = 0
  private conservativeRounds = 0

  /** True when slow start is over. `rttMs` is below 0 when the ACK has no sample. */
  noteAck(ackedBytes: number, flightBytes: number, rttMs: number): boolean {
    this.roundBytes -= ackedBytes
    if (this.roundBytes <= 0) {
      if (this.isConservative && ++this.conservativeRounds >= CONSERVATIVE_ROUNDS) return true
      this.lastMs = Math.min(this.currentMs, this.partMs)
      this.currentMs = NEVER
      this.partMs = NEVER
      this.samples = 0
      this.roundBytes = flightBytes
    }
    if (rttMs < 0) return false
    if (rttMs < this.partMs) this.partMs = rttMs
    if (++this.samples < MINIMUM_SAMPLES) return false
    this.endPart(this.partMs)
    this.samples = 0
    this.partMs = NEVER
    return false
  }

  private endPart(partMs: number): void {
    if (partMs < this.currentMs) this.currentMs = partMs
    if (this.isConservative) {
      if (partMs < this.forgivenMs) this.isConservative = false
      return
    }
    const { lastMs } = this
    if (lastMs === NEVER) return
    const eighthMs = Math.min(lastMs / 8, MAXIMUM_THRESHOLD_MS)
    const thresholdMs = Math.max(eighthMs, MINIMUM_THRESHOLD_MS)
    if (partMs < lastMs + thresholdMs) return
    this.isConservative = true
    this.forgivenMs = partMs
    this.conservativeRounds = 0
  }
}
