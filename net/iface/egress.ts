/** How transports send: flows resolved once, and a record for each in which few fields change from packet to packet. */
import type { TransmitHalf } from '../phy/net-device.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  type IpAddress,
  isIpv4Mapped,
  isLoopback,
  isMulticast,
  isUnspecified,
} from '../wire/ip-address.ts'
import { IPV4_CHECKSUM_OFFSET, IPV4_IDENTIFICATION_OFFSET, IpProtocol } from '../wire/ipv4.ts'
import { FlowPath, ORDINARY_FIELDS } from './flow-path.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import { NeighborState } from './neighbor-entry.ts'
import type { Egress, Flow, FlowFields } from './protocol-handler.ts'

/** While a neighbour is being verified, flows look at its state this often. */
const RECHECK_MS = 1_000

/** Places in the headers of an IPv4 packet. */
const IDENTIFICATION = ETHERNET_HEADER_LENGTH + IPV4_IDENTIFICATION_OFFSET
const HEADER_CHECKSUM = ETHERNET_HEADER_LENGTH + IPV4_CHECKSUM_OFFSET

export class FlowEgress implements Egress {
  /** A packet was refused since this was last cleared: device full, link down or neighbour unresolved. */
  refused = false
  private readonly parts: InterfaceParts
  private readonly tx: TransmitHalf
  private readonly groupDestination: LinkDestination = { high: 0, low: 0 }

  constructor(parts: InterfaceParts) {
    this.parts = parts
    this.tx = parts.device.tx
  }

  openFlow(
    destination: IpAddress,
    source: IpAddress | null,
    protocol: number,
    fields: FlowFields = ORDINARY_FIELDS,
  ): Flow | null {
    const { device, addresses, routes, random } = this.parts
    if (isUnspecified(destination) || isIpv4Mapped(destination)) return null
    // RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: such packets must never leave a host.
    if (isLoopback(destination)) return null
    // There is no loopback interface: a packet to ourselves would have to come back from the wire.
    if (addresses.isLocal(destination)) return null
    if (this.isGroup(destination)) {
      // RFC 9293 MUST-46: "A TCP implementation MUST reject as an error a local OPEN call for an invalid remote IP address (e.g., a
      // broadcast or multicast address)."
      if (protocol === IpProtocol.Tcp) return null
    } else if (routes.lookup(destination) === null) {
      return null
    }
    const chosen = source ?? addresses.selectSource(destination)
    if (chosen === null || chosen.version !== destination.version) return null
    const { maxTransmissionUnit } = device.capabilities
    const identification = random.nextInt32()
    return new FlowPath(chosen, destination, protocol, maxTransmissionUnit, identification, fields)
  }

  prepare(
    flow: Flow,
    transportHeaderLength: number,
    payloadLength: number,
    segmentSize: number,
    nowMs: number,
  ): boolean {
    const path = flow as FlowPath
    if (nowMs >= path.validUntilMs || path.generation !== this.parts.neighbors.generation) {
      if (!this.resolve(path, nowMs)) return false
    }
    path.prepare(transportHeaderLength, payloadLength, segmentSize)
    return true
  }

  submit(flow: Flow): boolean {
    const path = flow as FlowPath
    const { record } = path
    if (path.ipVersion === 4) {
      const { header } = record
      const { identification } = path
      // Octets of an array: a store costs half of what a method of DataView does.
      header[IDENTIFICATION] = identification >> 8
      header[IDENTIFICATION + 1] = identification
      // Three terms of 16 bits: two end-around carries at most.
      let sum = path.lengthSum + identification
      if (sum > 0xffff) sum -= 0xffff
      if (sum > 0xffff) sum -= 0xffff
      header[HEADER_CHECKSUM] = ~sum >> 8
      header[HEADER_CHECKSUM + 1] = ~sum
    }
    if (!this.tx.submit(record)) {
      this.refused = true
      return false
    }
    // RFC 6864 §4.1 allows any value where DF is set; receivers that coalesce want consecutive ones.
    path.identification = (path.identification + path.identifications) & 0xffff
    this.parts.counters.framesSent++
    return true
  }

  superSegmentLimit(flow: Flow, transportHeaderLength: number): number {
    const path = flow as FlowPath
    const { segmentation } = this.parts.device.capabilities
    const limit = path.ipVersion === 4 ? segmentation.tcpv4 : segmentation.tcpv6
    if (limit === undefined) return 0
    return limit - path.headerLength - transportHeaderLength
  }

  isUnreachable(flow: Flow, nowMs: number): boolean {
    const path = flow as FlowPath
    if (path.generation !== this.parts.neighbors.generation) this.lookUp(path, nowMs)
    return path.noRoute || (path.neighbor?.unreachable ?? false)
  }

  suspect(flow: Flow, nowMs: number): void {
    const { neighbor, generation } = flow as FlowPath
    const { neighbors } = this.parts
    // With another generation the entry may have left the cache; the path is resolved anew anyway.
    if (neighbor !== null && generation === neighbors.generation) neighbors.suspect(neighbor, nowMs)
  }

  /** Brings the record's hardware addresses up to date; false, and the packet refused, while there are none. */
  private resolve(path: FlowPath, nowMs: number): boolean {
    if (this.lookUp(path, nowMs)) return true
    this.refused = true
    path.isResolving = true
    return false
  }

  private lookUp(path: FlowPath, nowMs: number): boolean {
    const { routes, neighbors, hardwareHigh, hardwareLow } = this.parts
    const group = this.groupDestination
    const generation = neighbors.generation
    path.generation = generation
    path.validUntilMs = Number.NEGATIVE_INFINITY
    path.noRoute = false
    path.isResolving = false
    if (this.isGroup(path.destination)) {
      path.neighbor = null
      resolveGroup(path.destination, group)
      path.setHardwareAddresses(group.high, group.low, hardwareHigh, hardwareLow)
      path.validUntilMs = Number.POSITIVE_INFINITY
      return true
    }
    const route = routes.lookup(path.destination)
    if (route === null) {
      path.neighbor = null
      path.noRoute = true
      return false
    }
    const entry = neighbors.use(route.gateway ?? path.destination, route.gateway !== null, nowMs)
    path.neighbor = entry
    if (entry === null || !entry.isUsable()) return false
    path.setHardwareAddresses(entry.hardwareHigh, entry.hardwareLow, hardwareHigh, hardwareLow)
    path.validUntilMs =
      entry.state === NeighborState.Reachable ? entry.reachableUntilMs : nowMs + RECHECK_MS
    return true
  }

  private isGroup(destination: IpAddress): boolean {
    return (
      isMulticast(destination) ||
      (destination.version === 4 && this.parts.addresses.isBroadcast(destination.word3))
    )
  }
}
