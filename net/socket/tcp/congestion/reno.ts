/** NewReno congestion control, counting bytes (RFC 5681, RFC 6582, RFC 3465). */
import { CongestionWindow, UNUSED_SLACK_BYTES, WINDOW_LIMIT } from './congestion-window.ts'

export class Reno extends CongestionWindow {
  /** Bytes acknowledged in congestion avoidance and not yet turned into window (RFC 3465 §2.1). */
  private countedBytes = 0

  constructor() {
    super('reno')
  }

  override onAcknowledged(ackedBytes: number, flightBefore: number, nowMs: number): void {
    const window = this.windowBytes
    if (window < this.thresholdBytes) {
      // Twice what was in flight is Linux's measure.
      const isShort = flightBefore * 2 < window
      if (this.isUnused(isShort, nowMs) || window >= WINDOW_LIMIT) return
      this.windowBytes = this.grownBy(ackedBytes, flightBefore)
    } else {
      const isShort = flightBefore + UNUSED_SLACK_BYTES < window
      if (this.isUnused(isShort, nowMs) || window >= WINDOW_LIMIT) return
      this.countedBytes += ackedBytes
      if (this.countedBytes >= window) {
        this.countedBytes -= window
        this.windowBytes = window + this.segmentSize
      }
    }
  }

  override onRecoveryEnd(flightBytes: number): void {
    super.onRecoveryEnd(flightBytes)
    this.countedBytes = 0
  }

  override onRetransmitTimeout(flightBytes: number, first: boolean, nowMs: number): void {
    super.onRetransmitTimeout(flightBytes, first, nowMs)
    this.countedBytes = 0
  }

  /** RFC 5681 (4): ssthresh = max (FlightSize / 2, 2*SMSS). */
  protected override reducedWindow(flightBytes: number): number {
    this.countedBytes = 0
    return flightBytes >> 1
  }
}
