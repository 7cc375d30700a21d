/**
 * What congestion controls have in common: the window of a connection through start, loss, timeout
 * and idleness (RFC 5681, 6582, 6928).
 */
import { RTT_SHIFT } from '../rtt-estimator.ts'
import type { CongestionControl } from './congestion-control.ts'

/** Beyond any send buffer; keeps sums in int32. */
export const WINDOW_LIMIT = 1 << 29

/** A super-segment not yet acknowledged is no sign of a window that is not used. */
export const UNUSED_SLACK_BYTES = 65536

/**
 * Most that one ACK may add in slow start. RFC 3465 §2.3 proposes two segments for ACKs of single
 * segments; peers that receive coalesced super-segments acknowledge up to 64 KiB at once, of
 * several such ACKs that have come together the stack gets the last alone, and growing by less than
 * what was acknowledged would stall slow start there. Bytes are counted, so splitting one ACK into
 * many gains a peer nothing.
 */
export const MAX_SLOW_START_STEP = 16 * 65536

const INITIAL_BYTES = 14_600

/** Differences to it are still whole numbers of 32 bits. */
const LONG_AGO_MS = -0x40000000

/** RFC 6928 §2: min (10*MSS, max (2*MSS, 14600)). */
export function initialWindow(segmentSize: number): number {
  const most = 10 * segmentSize
  if (most <= INITIAL_BYTES) return most
  return Math.max(2 * segmentSize, INITIAL_BYTES)
}

export abstract class CongestionWindow implements CongestionControl {
  readonly name: string
  windowBytes = 0
  thresholdBytes = WINDOW_LIMIT
  inRecovery = false
  wantsRoundTrips = false
  roundTrip = 0
  protected segmentSize = 536
  private initialWindow = 0
  private windowBefore = 0
  /** When an ACK last found the window in use. */
  private usedMs = LONG_AGO_MS
  private thresholdBefore = WINDOW_LIMIT

  constructor(name: string) {
    this.name = name
  }

  start(segmentSize: number): void {
    this.takeSegmentSize(segmentSize)
    this.windowBytes = this.initialWindow
  }

  isDispensable(): boolean {
    const { windowBytes, thresholdBytes } = this
    return thresholdBytes === WINDOW_LIMIT && windowBytes >= this.initialWindow && !this.inRecovery
  }

  setSegmentSize(segmentSize: number): void {
    this.takeSegmentSize(segmentSize)
    // What a window is ever set to holds a segment of the new size: no segment would go into less,
    // and no ACK would make it grow.
    if (this.windowBytes < segmentSize) this.windowBytes = segmentSize
    if (this.thresholdBytes < 2 * segmentSize) this.thresholdBytes = 2 * segmentSize
  }

  private takeSegmentSize(segmentSize: number): void {
    this.segmentSize = segmentSize
    this.initialWindow = initialWindow(segmentSize)
  }

  abstract onAcknowledged(
    ackedBytes: number,
    flightBefore: number,
    nowMs: number,
    rttMs: number,
  ): void

  onCongestion(flightBytes: number, nowMs: number): void {
    this.windowBefore = this.windowBytes
    this.thresholdBefore = this.thresholdBytes
    const reduced = this.reducedWindow(flightBytes, nowMs)
    const floor = 2 * this.segmentSize
    this.thresholdBytes = Math.max(reduced, floor)
  }

  onRecoveryStart(flightBytes: number, nowMs: number): void {
    this.inRecovery = true
    this.onCongestion(flightBytes, nowMs)
    // RFC 5681 §3.2 step 3: cwnd MUST be set to ssthresh plus 3*SMSS.
    this.windowBytes = this.thresholdBytes + 3 * this.segmentSize
  }

  onRecoveryDuplicate(flightBytes: number): void {
    // RFC 5681 §3.2 step 4 inflates by one segment a duplicate; its note bounds that by what is in
    // flight, which keeps forged duplicates from opening the window.
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
    // RFC 6582 §3.2 step 3, option 1: min (ssthresh, max(FlightSize, SMSS) + SMSS), so that no
    // burst follows.
    const floor = Math.max(flightBytes, this.segmentSize) + this.segmentSize
    this.windowBytes = Math.min(floor, this.thresholdBytes)
  }

  onRetransmitTimeout(flightBytes: number, first: boolean, nowMs: number): void {
    // RFC 5681 §3.1: ssthresh is held constant when a retransmitted segment is lost again.
    if (first) this.onCongestion(flightBytes, nowMs)
    this.inRecovery = false
    this.windowBytes = this.segmentSize
  }

  onIdleRestart(): void {
    if (this.windowBytes > this.initialWindow) this.windowBytes = this.initialWindow
  }

  undo(): void {
    this.windowBytes = Math.max(this.windowBytes, this.windowBefore)
    this.thresholdBytes = Math.max(this.thresholdBytes, this.thresholdBefore)
  }

  /**
   * RFC 7661 §1: a window that is not used must not grow. `isShort`: less was in flight before this
   * ACK than using it takes. What was in use counts as that for a round trip: of ACKs that a turn
   * takes one after the other, and of those of a paced flight, only the first finds all of it
   * there.
   */
  protected isUnused(isShort: boolean, nowMs: number): boolean {
    if (isShort) return nowMs - this.usedMs > this.roundTrip >> RTT_SHIFT
    this.usedMs = nowMs
    return false
  }

  /**
   * The window after an ACK in slow start that may add `step`. RFC 3465 §2.3 lets an ACK add one
   * segment after a timeout: what it covers beyond what was in flight had left before that. Behind
   * ssthresh begins congestion avoidance, however much the ACK is of.
   */
  protected grownBy(step: number, flightBefore: number): number {
    const most = Math.min(step, flightBefore, MAX_SLOW_START_STEP)
    return Math.min(this.windowBytes + most, this.thresholdBytes)
  }

  /**
   * What a sign of congestion makes of the window, before the floor of two segments; a whole
   * number.
   */
  protected abstract reducedWindow(flightBytes: number, nowMs: number): number
}
