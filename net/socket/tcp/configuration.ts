/** What can be chosen about TCP, with the defaults and why they are so. */

export interface TcpConfiguration {
  /**
   * Most bytes that a connection may have queued, and its largest window; both grow into it as the
   * path needs. As Linux's.
   */
  sendBufferBytes: number
  receiveBufferBytes: number
  /** The same of what is lent instead of copied, which takes no memory of others. */
  lentBytes: number
  /**
   * What may be queued and is offered before anything is known of the path: as Linux's first
   * window.
   */
  initialBufferBytes: number
  /**
   * Least memory that bytes are put into: a power of two, which holds what most requests and
   * answers are.
   */
  minimumBufferBytes: number
  /**
   * What all connections together hold bytes in, sent and received; a connection without any holds
   * none.
   */
  bufferBudgetBytes: number
  /**
   * Connections whose SYN-ACK nobody has acknowledged, all listeners together, and of one listener,
   * so that the flood of one leaves room for the others. SYNs beyond are answered with cookies.
   * Many times what honest clients begin at once.
   */
  maxHalfOpen: number
  maxHalfOpenPerListener: number
  maxConnections: number
  /**
   * Connections whose users are gone and whose peers have not ended them yet; one more ends the
   * oldest.
   */
  maxOrphans: number
  /**
   * Those that have nothing left to say and are no more than records; one more has the one go that
   * would go next.
   */
  maxFinWait2: number
  maxTimeWait: number
  /**
   * How long TIME-WAIT lasts (2 MSL, RFC 9293 MUST-13). Declared deviation: the MSL of 2 minutes is
   * taken as 30 s, as Linux does.
   */
  timeWaitMs: number
  /** FIN-WAIT-2 after close() (not after closeWrite()); as long as Linux's tcp_fin_timeout. */
  finWait2TimeoutMs: number
  /**
   * How long after linger() a peer that has everything may go on sending before it is reset; common
   * for HTTP servers.
   */
  lingerTimeoutMs: number
  /** RFC 9293 MUST-40 asks for less than 500 ms; Linux uses 40 ms. */
  delayedAckMs: number
  /** RFC 6298 (2.1). */
  rtoInitialMs: number
  /**
   * RFC 6298 (2.4) says 1 s SHOULD be the floor; RFC 8961 §4 lets RTTs measured in fact go below
   * it, and Linux has used 200 ms for decades. It stays above every common peer's delayed ACK.
   */
  rtoMinimumMs: number
  /** RFC 6298 (2.5): at least 60 s. */
  rtoMaximumMs: number
  /** R2 of RFC 9293 §3.8.3 for data: at least 100 s (SHLD-11). */
  userTimeoutMs: number
  /** R2 for an active SYN: at least 3 minutes (MUST-23). */
  synTimeoutMs: number
  /** Retransmissions of a SYN-ACK before a half-open connection is dropped; Linux uses 5 (63 s). */
  synAckRetries: number
  /** Least time between two challenge ACKs of one connection (RFC 5961 §7), as in Linux. */
  challengeAckIntervalMs: number
  /** Resets per second sent for segments that belong to no connection. */
  resetsPerSecond: number
  /**
   * Keep-alive idle time, probe interval and probes (RFC 9293 §3.8.4) once a socket asks for them.
   */
  keepAliveIdleMs: number
  keepAliveIntervalMs: number
  keepAliveProbes: number
  /**
   * How windows grow and shrink: CUBIC with HyStart++ (RFC 9438, RFC 9406), or NewReno (RFC 5681).
   */
  congestionControl: 'cubic' | 'reno'
  /**
   * Explicit congestion notification (RFC 3168): taken up when a peer asks, which is Linux's
   * default too; asked for in our own SYNs as well; or refused.
   */
  explicitCongestion: 'accept' | 'offer' | 'off'
  /** Spread what is sent over the round trip, where that is long enough to be worth it. */
  pacing: boolean
  /**
   * Offer selective acknowledgments (RFC 2018) and take up a peer's offer; without them losses are
   * repaired as NewReno does.
   */
  selectiveAcks: boolean
  /** Offer timestamps in our own SYNs (RFC 7323); a peer's offer is always taken up. */
  offerTimestamps: boolean
}

export const DEFAULT_TCP_CONFIGURATION: TcpConfiguration = {
  sendBufferBytes: 6 * 1024 * 1024,
  receiveBufferBytes: 6 * 1024 * 1024,
  lentBytes: 10 * 1024 * 1024,
  initialBufferBytes: 64 * 1024,
  minimumBufferBytes: 4 * 1024,
  bufferBudgetBytes: 16 * 1024 * 1024,
  maxHalfOpen: 1024,
  maxHalfOpenPerListener: 512,
  maxConnections: 4096,
  maxOrphans: 1024,
  maxFinWait2: 1024,
  maxTimeWait: 1024,
  timeWaitMs: 60_000,
  finWait2TimeoutMs: 60_000,
  lingerTimeoutMs: 5_000,
  delayedAckMs: 40,
  rtoInitialMs: 1_000,
  rtoMinimumMs: 200,
  rtoMaximumMs: 60_000,
  userTimeoutMs: 120_000,
  synTimeoutMs: 180_000,
  synAckRetries: 5,
  challengeAckIntervalMs: 500,
  resetsPerSecond: 1_000,
  keepAliveIdleMs: 7_200_000,
  keepAliveIntervalMs: 75_000,
  keepAliveProbes: 9,
  congestionControl: 'cubic',
  explicitCongestion: 'accept',
  pacing: true,
  selectiveAcks: true,
  offerTimestamps: true,
}
