/**
 * CUBIC congestion control in bytes (RFC 9438), with HyStart++ in the first slow start: what most
 * hosts use.
 */
import { RTT_SHIFT } from '../rtt-estimator.ts'
import { CongestionWindow, UNUSED_SLACK_BYTES, WINDOW_LIMIT } from './congestion-window.ts'
import { CONSERVATIVE_DIVISOR, HyStart } from './hystart.ts'

/** RFC 9438 §4.6: multiplicative decrease; §5.1: C, in segments per second cubed. */
const BETA = 0.7
const C = 0.4
/**
 * RFC 9438 §4.3: growth that is as fair to Reno as Reno is, 3 * (1 - BETA) / (1 + BETA) segments a
 * round trip.
 */
const FRIENDLY_ALPHA = (3 * (1 - BETA)) / (1 + BETA)
/** RFC 9438 §4.2: at most half as much again in a round trip. */
const MAXIMUM_GROWTH = 1.5
/** So often the curve is followed: computing it for each ACK would double what an ACK costs. */
const FOLLOW_MS = 4

const NEVER = Number.POSITIVE_INFINITY

export class Cubic extends CongestionWindow {
  /**
   * Watches the first slow start; made when the window first grows, which that of most connections
   * never does.
   */
  private hyStart: HyStart | null = null
  private isFirstSlowStart = true
  /**
   * W_max: where the window was at the last sign of congestion, in bytes; 0 = there was none yet.
   */
  private maximumBytes = 0
  private maximumBefore = 0
  /**
   * When this stage of congestion avoidance began, or -1; time that the window was not used does
   * not count.
   */
  private epochMs = -1
  private lastAckMs = 0
  /** K: seconds from the beginning of the epoch until the window is back at the origin. */
  private plateauSeconds = 0
  private originBytes = 0
  /** W_est: what Reno would have by now. */
  private friendlyBytes = 0
  /** cwnd_prior: where W_est begins to grow as fast as Reno. */
  private priorBytes = 0
  /**
   * Bytes acknowledged in congestion avoidance and not yet turned into window; so many of them are
   * worth a segment.
   */
  private countedBytes = 0
  private stepBytes = NEVER
  /** When the curve is to be looked at next, and when it was. */
  private followMs = 0
  private followedMs = 0

  constructor() {
    super('cubic')
    this.wantsRoundTrips = true
  }

  override onAcknowledged(
    ackedBytes: number,
    flightBefore: number,
    nowMs: number,
    rttMs: number,
  ): void {
    const window = this.windowBytes
    if (window < this.thresholdBytes) {
      // RFC 9438 §5.8: a window that is not used does not grow. Twice what was in flight is Linux's
      // measure.
      const isShort = flightBefore * 2 < window
      const isUnused = this.isUnused(isShort, nowMs) || window >= WINDOW_LIMIT
      // Round trips are of no use, and not worth their price, while nothing grows.
      if (this.wantsRoundTrips === isUnused)
        this.wantsRoundTrips = this.isFirstSlowStart && !isUnused
      if (!isUnused) this.growInSlowStart(ackedBytes, flightBefore, rttMs)
      return
    }
    const isShort = flightBefore + UNUSED_SLACK_BYTES < window
    if (this.isUnused(isShort, nowMs) || window >= WINDOW_LIMIT) {
      this.skipTime(nowMs)
    } else {
      this.growInAvoidance(ackedBytes, nowMs)
    }
  }

  override onRetransmitTimeout(flightBytes: number, first: boolean, nowMs: number): void {
    super.onRetransmitTimeout(flightBytes, first, nowMs)
    // RFC 9438 §4.8: "K is set to 0, and Wmax is set to the congestion window size at the beginning
    // of the current congestion avoidance stage".
    this.maximumBytes = 0
    this.epochMs = -1
  }

  override onIdleRestart(): void {
    super.onIdleRestart()
    this.epochMs = -1
  }

  override undo(): void {
    super.undo()
    this.maximumBytes = this.maximumBefore
    this.epochMs = -1
  }

  /** RFC 9438 §4.6 and §4.7: the window as far as it was used, times BETA. */
  protected override reducedWindow(flightBytes: number): number {
    this.endFirstSlowStart()
    // Half as much again as was in flight bounds what an unused window may remember.
    const used = Math.min(this.windowBytes, flightBytes + (flightBytes >> 1))
    this.maximumBefore = this.maximumBytes
    this.priorBytes = used
    // Fast convergence: whoever lost before it came back to where it was leaves room for newcomers.
    this.maximumBytes = used < this.maximumBytes ? (used * (1 + BETA)) / 2 : used
    this.epochMs = -1
    return Math.floor(used * BETA)
  }

  /** Time in which the window was not used. */
  private skipTime(nowMs: number): void {
    const skippedMs = nowMs - this.lastAckMs
    this.lastAckMs = nowMs
    if (this.epochMs < 0) return
    this.epochMs += skippedMs
    this.followedMs += skippedMs
  }

  private growInSlowStart(ackedBytes: number, flightBefore: number, rttMs: number): void {
    let step = ackedBytes
    if (this.isFirstSlowStart) {
      if (this.hyStart === null) this.hyStart = new HyStart()
      const { hyStart } = this
      if (hyStart.noteAck(ackedBytes, flightBefore, rttMs)) {
        this.endFirstSlowStart()
        this.thresholdBytes = this.windowBytes
        return
      }
      if (hyStart.isConservative) step = Math.floor(step / CONSERVATIVE_DIVISOR)
    }
    this.windowBytes = this.grownBy(step, flightBefore)
  }

  private endFirstSlowStart(): void {
    this.isFirstSlowStart = false
    this.hyStart = null
    this.wantsRoundTrips = false
  }

  /**
   * Reno's arithmetic for each ACK; the curve says now and then after how many bytes the window
   * grows by a segment.
   */
  private growInAvoidance(ackedBytes: number, nowMs: number): void {
    if (this.epochMs < 0) this.beginEpoch(nowMs)
    this.lastAckMs = nowMs
    this.countedBytes += ackedBytes
    const counted = this.countedBytes
    if (nowMs >= this.followMs) this.followCurve(nowMs)
    const { stepBytes } = this
    if (counted < stepBytes) return
    const steps = Math.floor(counted / stepBytes)
    this.countedBytes = counted - steps * stepBytes
    this.windowBytes += steps * this.segmentSize
  }

  /** RFC 9438 §4.2 to §4.5: how fast to grow from here, until FOLLOW_MS later. */
  private followCurve(nowMs: number): void {
    const { segmentSize } = this
    const window = this.windowBytes
    this.followMs = nowMs + FOLLOW_MS
    const seconds = (nowMs - this.epochMs) / 1000
    // Reno's window counts round trips; what one of them acknowledges is a window.
    const smoothedMs = this.roundTrip / (1 << RTT_SHIFT)
    const roundTripMs = smoothedMs > 0 ? smoothedMs : FOLLOW_MS
    const rounds = (nowMs - this.followedMs) / roundTripMs
    const alpha = this.friendlyBytes < this.priorBytes ? FRIENDLY_ALPHA : 1
    this.friendlyBytes += alpha * segmentSize * rounds
    this.followedMs = nowMs
    let target = this.cubicWindow(seconds + smoothedMs / 1000)
    if (this.cubicWindow(seconds) < this.friendlyBytes) target = this.friendlyBytes
    const growth = Math.min(target, window * MAXIMUM_GROWTH) - window
    this.stepBytes = growth > 0 ? (window * segmentSize) / growth : NEVER
  }

  private beginEpoch(nowMs: number): void {
    const window = this.windowBytes
    this.epochMs = nowMs
    this.friendlyBytes = window
    this.countedBytes = 0
    this.followMs = nowMs
    this.followedMs = nowMs
    if (window < this.maximumBytes) {
      this.originBytes = this.maximumBytes
      this.plateauSeconds = Math.cbrt((this.maximumBytes - window) / this.segmentSize / C)
    } else {
      this.originBytes = window
      this.plateauSeconds = 0
    }
  }

  /** W_cubic (RFC 9438 §4.2) in bytes. */
  private cubicWindow(seconds: number): number {
    const distance = seconds - this.plateauSeconds
    return C * distance * distance * distance * this.segmentSize + this.originBytes
  }
}
