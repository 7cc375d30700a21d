/** What UDP has done and why it dropped what it dropped, by reason: one flat record of numbers. */
import {
  createDropCounters,
  type DatagramDropCounters,
  type DatagramStatistics,
} from '../datagram/datagram-host.ts'

export interface UdpStatistics extends DatagramStatistics {
  readonly drops: UdpDropCounters
}

export interface UdpDropCounters extends DatagramDropCounters {
  /** Destination port 0, which nobody can have. */
  portZero: number
  /** The header does not fit its packet. */
  malformed: number
}

export function createUdpStatistics(): UdpStatistics {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    bytesSent: 0,
    errorsReceived: 0,
    errorsUnrelated: 0,
    drops: { ...createDropCounters(), portZero: 0, malformed: 0 },
  }
}
