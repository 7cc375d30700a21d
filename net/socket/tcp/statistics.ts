/** Counters of one connection and of TCP as a whole; drops are counted by reason. */

export interface TcpSocketStatistics {
  segmentsReceived: number
  segmentsSent: number
  /** Payload bytes accepted in order. */
  bytesReceived: number
  /** Payload bytes sent for the first time. */
  bytesSent: number
  /** Frames that carried more than one segment's payload. */
  superSegmentsSent: number
  largestSegmentSent: number
  /** Segments sent again, for whatever reason, and their bytes. */
  retransmissions: number
  retransmittedBytes: number
  retransmitTimeouts: number
  fastRetransmits: number
  duplicateAcks: number
  outOfOrderSegments: number
  zeroWindowProbes: number
  /** Segments sent to ask for an ACK that did not come (RFC 8985 §7). */
  tailLossProbes: number
  /** Larger segments that try what a path carries, and those of them that were lost (RFC 4821). */
  mtuProbes: number
  mtuProbesLost: number
  /** D-SACKs of the peer: segments that it has received twice. */
  duplicateSacks: number
  /** Reductions of the congestion window that were taken back, for nothing had been lost. */
  undoneReductions: number
  /**
   * Packets received with a router's congestion mark, and ACKs that made us reduce for one of ours
   * (RFC 3168).
   */
  congestionMarks: number
  congestionEchoes: number
}

export interface TcpDropCounters {
  malformed: number
  groupAddress: number
  noSocket: number
  outOfWindow: number
  unacceptableAck: number
  protectAgainstWrappedSequence: number
  missingTimestamp: number
  noAckFlag: number
  /** ACKs while cookies are out that are none of theirs. */
  synCookieInvalid: number
  backlogFull: number
  noBuffer: number
  outOfOrderPruned: number
  noRoute: number
  tooManyConnections: number
  tooManyRanges: number
  badSackBlock: number
  resetLimit: number
  challengeLimit: number
}

/** Sums over all connections ever, plus what belongs to none. */
export interface TcpStatistics extends TcpSocketStatistics {
  activeOpens: number
  passiveOpens: number
  failedOpens: number
  resetsReceived: number
  resetsSent: number
  challengeAcksSent: number
  /** SYNs answered with a cookie, and connections made of cookies that came back. */
  synCookiesSent: number
  synCookiesAccepted: number
  finWait2Recycled: number
  timeWaitRecycled: number
  /** How often socket memory has become scarce, and writes that had to wait for some. */
  memoryPressures: number
  memoryWaits: number
  /** Connections without a user that were ended: for their number, or for their memory. */
  orphansEvicted: number
  /** Connections that are over and lost what nobody had read, for their memory. */
  unreadDropped: number
  fastPathSegments: number
  readonly drops: TcpDropCounters
}

export function createSocketStatistics(): TcpSocketStatistics {
  return {
    segmentsReceived: 0,
    segmentsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    superSegmentsSent: 0,
    largestSegmentSent: 0,
    retransmissions: 0,
    retransmittedBytes: 0,
    retransmitTimeouts: 0,
    fastRetransmits: 0,
    duplicateAcks: 0,
    outOfOrderSegments: 0,
    zeroWindowProbes: 0,
    tailLossProbes: 0,
    mtuProbes: 0,
    mtuProbesLost: 0,
    duplicateSacks: 0,
    undoneReductions: 0,
    congestionMarks: 0,
    congestionEchoes: 0,
  }
}

export function createTcpStatistics(): TcpStatistics {
  return {
    ...createSocketStatistics(),
    activeOpens: 0,
    passiveOpens: 0,
    failedOpens: 0,
    resetsReceived: 0,
    resetsSent: 0,
    challengeAcksSent: 0,
    synCookiesSent: 0,
    synCookiesAccepted: 0,
    finWait2Recycled: 0,
    timeWaitRecycled: 0,
    memoryPressures: 0,
    memoryWaits: 0,
    orphansEvicted: 0,
    unreadDropped: 0,
    fastPathSegments: 0,
    drops: {
      malformed: 0,
      groupAddress: 0,
      noSocket: 0,
      outOfWindow: 0,
      unacceptableAck: 0,
      protectAgainstWrappedSequence: 0,
      missingTimestamp: 0,
      noAckFlag: 0,
      synCookieInvalid: 0,
      backlogFull: 0,
      noBuffer: 0,
      outOfOrderPruned: 0,
      noRoute: 0,
      tooManyConnections: 0,
      tooManyRanges: 0,
      badSackBlock: 0,
      resetLimit: 0,
      challengeLimit: 0,
    },
  }
}

/**
 * Adds a connection's counters to a total. Called when a connection ends and when totals are read,
 * so that the packet path counts each event once.
 */
export function addSocketStatistics(total: TcpSocketStatistics, part: TcpSocketStatistics): void {
  total.segmentsReceived += part.segmentsReceived
  total.segmentsSent += part.segmentsSent
  total.bytesReceived += part.bytesReceived
  total.bytesSent += part.bytesSent
  if (part.largestSegmentSent > total.largestSegmentSent) {
    total.largestSegmentSent = part.largestSegmentSent
  }
  // A short connection, such as most are, has counted nothing else.
  if (hasCountedRare(part)) addRare(total, part)
}

function hasCountedRare(part: TcpSocketStatistics): boolean {
  const sent = part.superSegmentsSent | part.retransmissions | part.retransmitTimeouts
  const probed = part.zeroWindowProbes | part.tailLossProbes | part.mtuProbes | part.mtuProbesLost
  const heard = part.fastRetransmits | part.duplicateAcks | part.outOfOrderSegments
  const told = part.duplicateSacks | part.undoneReductions
  return (sent | probed | heard | told | part.congestionMarks | part.congestionEchoes) !== 0
}

/** All that loss, reordering, congestion and bulk make a connection count. */
function addRare(total: TcpSocketStatistics, part: TcpSocketStatistics): void {
  total.superSegmentsSent += part.superSegmentsSent
  total.retransmissions += part.retransmissions
  total.retransmittedBytes += part.retransmittedBytes
  total.retransmitTimeouts += part.retransmitTimeouts
  total.fastRetransmits += part.fastRetransmits
  total.duplicateAcks += part.duplicateAcks
  total.outOfOrderSegments += part.outOfOrderSegments
  total.zeroWindowProbes += part.zeroWindowProbes
  total.tailLossProbes += part.tailLossProbes
  total.mtuProbes += part.mtuProbes
  total.mtuProbesLost += part.mtuProbesLost
  total.duplicateSacks += part.duplicateSacks
  total.undoneReductions += part.undoneReductions
  total.congestionMarks += part.congestionMarks
  total.congestionEchoes += part.congestionEchoes
}
