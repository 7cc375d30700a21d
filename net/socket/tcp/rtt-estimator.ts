/** Round-trip time and the retransmission timeout computed from it (RFC 6298). */
import type { TcpConfiguration } from './configuration.ts'

export class RttEstimator {
  /** Smoothed round-trip time in milliseconds; 0 before the first sample. */
  smoothedMs = 0
  variationMs = 0
  /** Smallest sample. */
  minimumMs = Number.POSITIVE_INFINITY
  /** The timeout to arm timers with, back-off included. */
  rtoMs: number
  private readonly configuration: TcpConfiguration

  constructor(configuration: TcpConfiguration) {
    this.rtoMs = configuration.rtoInitialMs
    this.configuration = configuration
  }

  /**
   * Takes a sample of a segment that was sent once only (Karn), or of an echoed timestamp. Ends any
   * back-off.
   */
  sample(rttMs: number): void {
    if (rttMs < this.minimumMs) this.minimumMs = rttMs
    if (this.smoothedMs === 0) {
      // (2.2) SRTT <- R, RTTVAR <- R/2. A sample of 0 still counts as one.
      this.smoothedMs = Math.max(rttMs, 0.001)
      this.variationMs = rttMs / 2
    } else {
      // (2.3) RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT <- 7/8 SRTT + 1/8 R'
      let error = this.smoothedMs - rttMs
      if (error < 0) error = -error
      this.variationMs += (error - this.variationMs) * 0.25
      this.smoothedMs += (rttMs - this.smoothedMs) * 0.125
    }
    this.endBackOff()
  }

  /**
   * The timeout as the samples have it, whatever was doubled since: for what says nothing about the
   * path.
   */
  endBackOff(): void {
    if (this.smoothedMs === 0) {
      this.rtoMs = this.configuration.rtoInitialMs
      return
    }
    // The floor is added to the variation, not compared with the sum, as Linux does: a steady path
    // with a long RTT keeps a margin above the peer's delayed ACK.
    let variation = this.variationMs * 4
    const { rtoMinimumMs, rtoMaximumMs } = this.configuration
    if (variation < rtoMinimumMs) variation = rtoMinimumMs
    const rto = this.smoothedMs + variation
    this.rtoMs = rto
    if (rto > rtoMaximumMs) this.rtoMs = rtoMaximumMs
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
    if (this.smoothedMs === 0) this.rtoMs = 3_000
  }
}
