/** NewReno congestion control, counting bytes (RFC 5681, RFC 6582, RFC 3465, RFC 6928). */
import type { CongestionControl } from './congestion-control.ts'

/** Beyond any send buffer; keeps sums in int32. */
const WINDOW_LIMIT = 1 << 29

/**
 * Most that one ACK may add in slow start. RFC 3465 §2.3 proposes two segments for ACKs of single segments; peers that
 * receive coalesced super-segments acknowledge up to 64 KiB at once, and growing by less than what was acknowledged would
 * stall slow start there. Bytes are counted, so splitting one ACK into many gains a peer nothing.
 */
const MAX_SLOW_START_STEP = 65536

export class Reno implements CongestionControl {
  readonly name = 'reno'
  windowBytes = 0
  thresholdBytes = WINDOW_LIMIT
  inRecovery = false
  private segmentSize = 536
  private initialWindow = 0
  /** Bytes acknowledged in congestion avoidance and not yet turned into window (RFC 3465 §2.1). */
  private countedBytes = 0

  start(segmentSize: number): void {
    this.segmentSize = segmentSize
    // RFC 6928 §2: min (10*MSS, max (2*MSS, 14600))
    const floor = Math.max(2 * segmentSize, 14600)
    this.initialWindow = Math.min(10 * segmentSize, floor)
    this.windowBytes = this.initialWindow
  }

  setSegmentSize(segmentSize: number): void {
    this.segmentSize = segmentSize
    if (this.windowBytes < segmentSize) this.windowBytes = segmentSize
  }

  onAcknowledged(ackedBytes: number, flightBefore: number): void {
    const window = this.windowBytes
    if (window < this.thresholdBytes) {
      // RFC 7661 §1: a window that is not used must not grow. Twice what was in flight is Linux's measure.
      if (flightBefore * 2 < window || window >= WINDOW_LIMIT) return
      let step = ackedBytes
      if (step > MAX_SLOW_START_STEP) step = MAX_SLOW_START_STEP
      this.windowBytes = window + step
    } else {
      if (flightBefore + 65536 < window || window >= WINDOW_LIMIT) return
      this.countedBytes += ackedBytes
      if (this.countedBytes >= window) {
        this.countedBytes -= window
        this.windowBytes = window + this.segmentSize
      }
    }
  }

  onRecoveryStart(flightBytes: number): void {
    this.inRecovery = true
    this.reduce(flightBytes)
    // RFC 5681 §3.2 step 3: cwnd MUST be set to ssthresh plus 3*SMSS.
    this.windowBytes = this.thresholdBytes + 3 * this.segmentSize
  }

  onRecoveryDuplicate(flightBytes: number): void {
    // RFC 5681 §3.2 step 4 inflates by one segment a duplicate; its note bounds that by what is in flight, which
    // keeps forged duplicates from opening the window.
    if (this.windowBytes < this.thresholdBytes + flightBytes) this.windowBytes += this.segmentSize
  }

  onPartialAcknowledgment(ackedBytes: number): void {
    // RFC 6582 §3.2 step 3: deflate by the data acknowledged; if at least one SMSS, add back SMSS.
    let window = this.windowBytes - ackedBytes
    if (ackedBytes >= this.segmentSize) window += this.segmentSize
    this.windowBytes = Math.max(window, this.segmentSize)
  }

  onRecoveryEnd(flightBytes: number): void {
    this.inRecovery = false
    this.countedBytes = 0
    // RFC 6582 §3.2 step 3, option 1: min (ssthresh, max(FlightSize, SMSS) + SMSS), so that no burst follows.
    const floor = Math.max(flightBytes, this.segmentSize) + this.segmentSize
    this.windowBytes = Math.min(floor, this.thresholdBytes)
  }

  onRetransmitTimeout(flightBytes: number, first: boolean): void {
    // RFC 5681 §3.1: ssthresh is held constant when a retransmitted segment is lost again.
    if (first) this.reduce(flightBytes)
    this.inRecovery = false
    this.countedBytes = 0
    this.windowBytes = this.segmentSize
  }

  onIdleRestart(): void {
    if (this.windowBytes > this.initialWindow) this.windowBytes = this.initialWindow
  }

  /** RFC 5681 (4): ssthresh = max (FlightSize / 2, 2*SMSS). */
  private reduce(flightBytes: number): void {
    const half = flightBytes >> 1
    const floor = 2 * this.segmentSize
    this.thresholdBytes = Math.max(half, floor)
    this.countedBytes = 0
  }
}
