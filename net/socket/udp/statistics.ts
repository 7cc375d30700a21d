/** What UDP has done and why it dropped what it dropped, by reason: one flat record of numbers. */

export interface UdpStatistics {
  /** Put into a socket's receive queue. */
  datagramsReceived: number
  /** Payload of those. */
  bytesReceived: number
  datagramsSent: number
  bytesSent: number
  /** ICMP errors that concern a peer some socket has sent to. */
  errorsReceived: number
  /** ICMP errors that concern nobody here. */
  errorsUnrelated: number
  readonly drops: UdpDropCounters
}

export interface UdpDropCounters {
  /** No socket for the port: answered with port unreachable. */
  noSocket: number
  /** Destination port 0, which nobody can have. */
  portZero: number
  /** The header does not fit its packet. */
  malformed: number
  receiveQueueFull: number
  /** To a peer whose hardware address was not known yet, when room was needed for others. */
  unresolved: number
  /** To a peer without a route or port, or whose neighbour does not answer. */
  unreachable: number
  /** An answer larger than the path to its peer, or one that became so while it waited. */
  tooLong: number
}

export function createUdpStatistics(): UdpStatistics {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    bytesSent: 0,
    errorsReceived: 0,
    errorsUnrelated: 0,
    drops: {
      noSocket: 0,
      portZero: 0,
      malformed: 0,
      receiveQueueFull: 0,
      unresolved: 0,
      unreachable: 0,
      tooLong: 0,
    },
  }
}
