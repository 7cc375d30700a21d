/** What UDP has done and why it dropped what it dropped, by reason: one flat record of numbers. */
import {
  createDatagramStatistics,
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
  const drops = { ...createDropCounters(), portZero: 0, malformed: 0 }
  return { ...createDatagramStatistics(), drops }
}
