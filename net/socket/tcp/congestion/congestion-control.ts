/** How many bytes a connection may have in flight: what a congestion control is told and what it answers. */

export interface CongestionControl {
  readonly name: string
  /** Congestion window in bytes (cwnd). Read on every send. */
  windowBytes: number
  /** Slow start threshold in bytes. */
  thresholdBytes: number
  /** True from the first fast retransmit until all that was in flight then is acknowledged. */
  inRecovery: boolean

  /** The connection begins, or its segment size has changed. `segmentSize` is the effective MSS. */
  start(segmentSize: number): void
  setSegmentSize(segmentSize: number): void
  /** New data acknowledged outside of recovery; `flightBefore` bytes were in flight before this ACK. */
  onAcknowledged(ackedBytes: number, flightBefore: number): void
  /** The third duplicate ACK: recovery begins. */
  onRecoveryStart(flightBytes: number): void
  /** Another duplicate ACK in recovery. */
  onRecoveryDuplicate(flightBytes: number): void
  /** An ACK in recovery that leaves a hole (RFC 6582 §3.2 step 3, partial). */
  onPartialAcknowledgment(ackedBytes: number): void
  /** Everything in flight at the loss is acknowledged. */
  onRecoveryEnd(flightBytes: number): void
  /** `first` is false for further timeouts of the same data. */
  onRetransmitTimeout(flightBytes: number, first: boolean): void
  /** Nothing was sent for longer than an RTO (RFC 5681 §4.1). */
  onIdleRestart(): void
}
