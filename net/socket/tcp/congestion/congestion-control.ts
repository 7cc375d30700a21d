/**
 * How many bytes a connection may have in flight: what a congestion control is told and what it
 * answers. One that has begun may be copied field by field, before it is told of anything else.
 */

export interface CongestionControl {
  readonly name: string
  /** Congestion window in bytes (cwnd), a whole number. Read on every send. */
  windowBytes: number
  /** Slow start threshold in bytes. */
  thresholdBytes: number
  /** True from the first fast retransmit until all that was in flight then is acknowledged. */
  inRecovery: boolean
  /** onAcknowledged can use the round-trip time of every ACK. */
  wantsRoundTrips: boolean
  /** Smoothed round-trip time as the estimator has it, in 1/1024 ms; 0 = not known yet. */
  roundTrip: number

  /**
   * Nothing is known of the path that a new one would not assume (RFC 5681 §4.1): after a pause it
   * would begin as that does.
   */
  isDispensable(): boolean
  /** The connection begins. `segmentSize` is the effective MSS. */
  start(segmentSize: number): void
  setSegmentSize(segmentSize: number): void
  /**
   * New data acknowledged outside of recovery; `flightBefore` bytes were in the network before this
   * ACK. `rttMs` is the round trip of what it acknowledges, below 0 when nobody knows.
   */
  onAcknowledged(ackedBytes: number, flightBefore: number, nowMs: number, rttMs: number): void
  /**
   * Something was lost or marked: sets the threshold, and remembers what undo() needs. The window
   * is the caller's.
   */
  onCongestion(flightBytes: number, nowMs: number): void
  /** The third duplicate ACK of a peer without SACK: recovery begins (RFC 6582). */
  onRecoveryStart(flightBytes: number, nowMs: number): void
  /** Another duplicate ACK in recovery. */
  onRecoveryDuplicate(flightBytes: number): void
  /** An ACK in recovery that leaves a hole (RFC 6582 §3.2 step 3, partial). */
  onPartialAcknowledgment(ackedBytes: number): void
  /** Everything in flight at the loss is acknowledged. */
  onRecoveryEnd(flightBytes: number): void
  /** `first` is false for further timeouts of the same data. */
  onRetransmitTimeout(flightBytes: number, first: boolean, nowMs: number): void
  /** Nothing was sent for longer than an RTO (RFC 5681 §4.1). */
  onIdleRestart(): void
  /**
   * The last reduction was wrong: window and threshold are what they were before, or better (RFC
   * 4015 §3.2).
   */
  undo(): void
}
