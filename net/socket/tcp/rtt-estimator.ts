/** Round-trip time and the retransmission timeout computed from it (RFC 6298). */
import type { TcpConfiguration } from './configuration.ts'

/**
 * Times are kept in 1/1024 ms: whole numbers, which cost an engine without compiler a fifth of what
 * fractions do, and the gains of RFC 6298 are shifts.
 */
export const RTT_SHIFT = 10
/** A longer sample counts as this one; four times as much is an int32 still. */
const LONGEST_SAMPLE_MS = 500_000

export class RttEstimator {
  /** Smoothed round-trip time in 1/1024 ms; 0 before the first sample. */
  smoothed = 0
  /** In 1/1024 ms. */
  variation = 0
  /** Smallest sample in milliseconds. */
  minimumMs = Number.POSITIVE_INFINITY
  /** The timeout to arm timers with in whole milliseconds, back-off included. */
  rtoMs: number
  private readonly configuration: TcpConfiguration

  constructor(configuration: TcpConfiguration) {
    this.rtoMs = configuration.rtoInitialMs
    this.configuration = configuration
  }

  /** Smoothed round-trip time in milliseconds; 0 before the first sample. Not for each packet. */
  get smoothedMs(): number {
    return this.smoothed / (1 << RTT_SHIFT)
  }

  /** In milliseconds. Not for each packet. */
  get variationMs(): number {
    return this.variation / (1 << RTT_SHIFT)
  }

  /**
   * Takes a sample of a segment that was sent once only (Karn), or of an echoed timestamp. Ends any
   * back-off.
   */
  sample(rttMs: number): void {
    if (rttMs < this.minimumMs) this.minimumMs = rttMs
    let rtt = (LONGEST_SAMPLE_MS << RTT_SHIFT) | 0
    if (rttMs < LONGEST_SAMPLE_MS) rtt = (rttMs * (1 << RTT_SHIFT)) | 0
    const { smoothed } = this
    if (smoothed === 0) {
      // (2.2) SRTT <- R, RTTVAR <- R/2. A sample of 0 still counts as one.
      this.smoothed = rtt === 0 ? 1 : rtt
      this.variation = rtt >> 1
    } else {
      // (2.3) RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT <- 7/8 SRTT + 1/8 R'
      const error = rtt - smoothed
      const { variation } = this
      this.variation = variation + (((error < 0 ? -error : error) - variation) >> 2)
      // Rounded up: what has once been measured never becomes 0.
      this.smoothed = smoothed + ((error + 7) >> 3)
    }
    this.endBackOff()
  }

  /**
   * The timeout as the samples have it, whatever was doubled since: for what says nothing about the
   * path.
   */
  endBackOff(): void {
    const { smoothed } = this
    if (smoothed === 0) {
      this.rtoMs = this.configuration.rtoInitialMs
      return
    }
    // The floor is added to the variation, not compared with the sum, as Linux does: a steady path
    // with a long RTT keeps a margin above the peer's delayed ACK.
    let variation = this.variation << 2
    const { rtoMinimumMs, rtoMaximumMs } = this.configuration
    const floor = rtoMinimumMs << RTT_SHIFT
    if (variation < floor) variation = floor
    let rtoMs = (smoothed + variation + ((1 << RTT_SHIFT) - 1)) >> RTT_SHIFT
    if (rtoMs > rtoMaximumMs) rtoMs = rtoMaximumMs
    this.rtoMs = rtoMs
  }

  /** (5.5) RTO <- RTO * 2, at most the ceiling. */
  backOff(): void {
    const doubled = this.rtoMs * 2
    this.rtoMs = Math.min(doubled, this.configuration.rtoMaximumMs)
  }

  /**
   * (5.7) After a lost SYN an RTO below 3 s is raised to 3 s when data begins, unless a sample says
   * better.
   */
  raiseAfterLostSyn(): void {
    if (this.smoothed === 0) this.rtoMs = 3_000
  }
}
