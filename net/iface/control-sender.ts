/**
 * Builds and sends the interface's own packets: ICMP, neighbor discovery, ARP, reports of groups.
 */
import { createTransmitRecord, type TransmitRecord } from '../phy/transmit-record.ts'
import { addLengthToSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { ICMP_CHECKSUM_OFFSET } from '../wire/icmpv4.ts'
import { hashAddress, type IpAddress, isMulticast, setAddress } from '../wire/ip-address.ts'
import {
  createIpv4Header,
  emitIpv4,
  emitIpv4WithRouterAlert,
  IPV4_CHECKSUM_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_ROUTER_ALERT_HEADER_LENGTH,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
} from '../wire/ipv4.ts'
import {
  createIpv6Header,
  emitIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH_OFFSET,
} from '../wire/ipv6.ts'
import { emitRouterAlertHeader, ROUTER_ALERT_HEADER_LENGTH } from '../wire/ipv6-extension.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'
import { MESSAGE_OFFSET } from './fragments/fragmenter.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { isInternal } from './internal-link.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import { DEFAULT_HOP_LIMIT } from './link-parameters.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** RFC 3376 §4, RFC 3810 §5: reports of groups stay on the link. */
const REPORT_HOP_LIMIT = 1
/** RFC 3376 §4: Internetwork Control. */
const IPV4_REPORT_TRAFFIC_CLASS = 0xc0

export class ControlSender {
  /** Offset of the ICMP or IGMP message in the record's header. */
  messageOffset = 0
  private readonly parts: InterfaceParts
  private readonly destination: LinkDestination = { high: 0, low: 0 }
  /** Without DF: nobody would hear of an answer that is too big for its way. */
  private readonly ipv4 = { ...createIpv4Header(), flagsAndOffset: 0, protocol: IpProtocol.Icmpv4 }
  private readonly igmp = {
    ...createIpv4Header(),
    protocol: IpProtocol.Igmp,
    timeToLive: REPORT_HOP_LIMIT,
    trafficClass: IPV4_REPORT_TRAFFIC_CLASS,
  }
  private readonly ipv6 = createIpv6Header()
  /** Of the open IPv6 packet; ICMP and IGMP for IPv4 have no pseudo-header. */
  private pseudoHeaderSum = 0
  private ipVersion = 4
  /** Of every packet: one is written and sent before the next begins. */
  private readonly record: TransmitRecord

  constructor(parts: InterfaceParts) {
    this.parts = parts
    const { maxTransmissionUnit } = parts.device.capabilities
    this.record = createTransmitRecord(ETHERNET_HEADER_LENGTH + maxTransmissionUnit)
  }

  /** Largest ICMP message that leaves in one packet. */
  maxMessageLength(ipVersion: 4 | 6): number {
    const { link } = this.parts
    return ipVersion === 4 ? link.mtu4 - IPV4_HEADER_LENGTH : link.mtu6 - IPV6_HEADER_LENGTH
  }

  /** The same toward one destination, as far as its path is known. */
  maxMessageLengthTo(destination: IpAddress, nowMs: number): number {
    const most = this.maxMessageLength(destination.version)
    const known = this.parts.pathMtus.find(destination, nowMs)
    if (known === null) return most
    return known.mtu - (destination.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH)
  }

  /**
   * Where a message may be written, from MESSAGE_OFFSET on, that is longer than a packet on its
   * path; finish it with finishFragments. Null, and counted, while such a message is still on its
   * way out.
   */
  openFragments(): Uint8Array | null {
    const buffer = this.parts.fragmenter.open()
    if (buffer === null) this.parts.counters.controlNotSent++
    return buffer
  }

  /**
   * Sends the message in fragments behind the headers that a begin method has made; false, and
   * counted, when it cannot leave.
   */
  finishFragments(
    buffer: Uint8Array,
    source: IpAddress,
    destination: IpAddress,
    length: number,
    nowMs: number,
  ): boolean {
    const { bulk, fragmenter, counters } = this.parts
    const headerLength = this.messageOffset
    bulk.copy(buffer, MESSAGE_OFFSET - headerLength, this.record.header, 0, headerLength)
    const seed = this.ipVersion === 4 ? 0 : addLengthToSum(this.pseudoHeaderSum, length)
    const field = MESSAGE_OFFSET + ICMP_CHECKSUM_OFFSET
    buffer[field] = 0
    buffer[field + 1] = 0
    const checksum = ~bulk.checksum(buffer, MESSAGE_OFFSET, length, seed)
    buffer[field] = checksum >> 8
    buffer[field + 1] = checksum
    const mtu = this.maxMessageLengthTo(destination, nowMs) + headerLength - ETHERNET_HEADER_LENGTH
    if (fragmenter.send(source, destination, length, mtu, this.record.flowHash, nowMs)) return true
    counters.controlNotSent++
    return false
  }

  /**
   * Opens an ICMP packet that answers `packet`, from `source` (its destination unless that was a
   * group). It goes to the neighbor that the route names, or, while that is not resolved, back to
   * the station the packet came from: an answer costs no resolution and no memory. Null when it
   * cannot be sent.
   */
  beginReply(packet: ReceivedPacket, source: IpAddress, nowMs: number): TransmitRecord {
    const destination = packet.source
    const isInternalPacket = (packet.linkSourceHigh | packet.linkSourceLow) === 0
    if (isInternalPacket || !this.resolve(destination, nowMs)) {
      this.destination.high = packet.linkSourceHigh
      this.destination.low = packet.linkSourceLow
    }
    return this.begin(source, destination, DEFAULT_HOP_LIMIT)
  }

  /** Opens an ICMP packet to a hardware address already known. */
  beginTo(
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    hardwareHigh: number,
    hardwareLow: number,
  ): TransmitRecord {
    this.destination.high = hardwareHigh
    this.destination.low = hardwareLow
    return this.begin(source, destination, hopLimit)
  }

  /** Opens an ICMP packet to a group. */
  beginGroup(source: IpAddress, group: IpAddress, hopLimit: number): TransmitRecord {
    resolveGroup(group, this.destination)
    return this.begin(source, group, hopLimit)
  }

  /** Opens a report of groups, of IGMP or MLD, with the Router Alert that both have. */
  beginReport(source: IpAddress, group: IpAddress): TransmitRecord {
    resolveGroup(group, this.destination)
    const { high, low } = this.destination
    const network = ETHERNET_HEADER_LENGTH
    this.ipVersion = group.version
    if (group.version === 4) {
      const record = this.beginRaw(high, low, EtherType.Ipv4)
      const header = this.igmp
      header.source = source.word3
      header.destination = group.word3
      emitIpv4WithRouterAlert(record.view, network, header)
      this.messageOffset = network + IPV4_ROUTER_ALERT_HEADER_LENGTH
      return record
    }
    const record = this.beginRaw(high, low, EtherType.Ipv6)
    const { HopByHop, Icmpv6 } = IpProtocol
    this.writeIpv6(record.view, source, group, REPORT_HOP_LIMIT, HopByHop)
    emitRouterAlertHeader(record.view, network + IPV6_HEADER_LENGTH, Icmpv6)
    this.messageOffset = network + IPV6_HEADER_LENGTH + ROUTER_ALERT_HEADER_LENGTH
    return record
  }

  /**
   * Completes lengths and checksums of a message of `length` bytes at messageOffset, and commits.
   */
  finish(record: TransmitRecord, length: number): boolean {
    const { bulk } = this.parts
    const { view, header } = record
    const message = this.messageOffset
    const ip = ETHERNET_HEADER_LENGTH
    let seed = 0
    if (this.ipVersion === 4) {
      const headerLength = message - ip
      view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, headerLength + length)
      const sum = bulk.checksum(header, ip, headerLength, 0)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
    } else {
      const extensionsLength = message - ip - IPV6_HEADER_LENGTH
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, extensionsLength + length)
      seed = addLengthToSum(this.pseudoHeaderSum, length)
    }
    view.setUint16(message + ICMP_CHECKSUM_OFFSET, 0)
    const sum = bulk.checksum(header, message, length, seed)
    view.setUint16(message + ICMP_CHECKSUM_OFFSET, ~sum & 0xffff)
    return this.submit(record, message + length)
  }

  /** Begins a frame of any EtherType, its Ethernet header in place; finish it with finishRaw. */
  beginRaw(hardwareHigh: number, hardwareLow: number, etherType: number): TransmitRecord {
    const { record } = this
    const { view } = record
    emitHardwareAddress(view, 0, hardwareHigh, hardwareLow)
    const { hardwareHigh: ownHigh, hardwareLow: ownLow } = this.parts
    emitHardwareAddress(view, 6, ownHigh, ownLow)
    view.setUint16(ETHERNET_TYPE_OFFSET, etherType)
    record.flowHash = 0
    return record
  }

  /**
   * Sends it with that many bytes behind the Ethernet header; false, and counted, when it cannot
   * leave.
   */
  finishRaw(record: TransmitRecord, payloadLength: number): boolean {
    return this.submit(record, ETHERNET_HEADER_LENGTH + payloadLength)
  }

  private submit(record: TransmitRecord, length: number): boolean {
    const { counters, device, internal } = this.parts
    record.headerLength = length
    const tx = isInternal(record.view) ? internal : device.tx
    if (!tx.submit(record)) {
      counters.controlNotSent++
      return false
    }
    counters.framesSent++
    return true
  }

  private begin(source: IpAddress, destination: IpAddress, hopLimit: number): TransmitRecord {
    const { high, low } = this.destination
    const isIpv4 = destination.version === 4
    const record = this.beginRaw(high, low, isIpv4 ? EtherType.Ipv4 : EtherType.Ipv6)
    if (isIpv4) this.writeIpv4(record.view, source, destination, hopLimit)
    else this.writeIpv6(record.view, source, destination, hopLimit, IpProtocol.Icmpv6)
    record.flowHash = hashAddress(destination)
    this.ipVersion = destination.version
    this.messageOffset = ETHERNET_HEADER_LENGTH + (isIpv4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH)
    return record
  }

  private writeIpv4(
    view: DataView,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
  ): void {
    const header = this.ipv4
    header.timeToLive = hopLimit
    header.identification = this.parts.random.nextInt32() & 0xffff
    header.source = source.word3
    header.destination = destination.word3
    emitIpv4(view, ETHERNET_HEADER_LENGTH, header)
  }

  private writeIpv6(
    view: DataView,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    nextHeader: number,
  ): void {
    const header = this.ipv6
    header.nextHeader = nextHeader
    header.hopLimit = hopLimit
    setAddress(header.source, source)
    setAddress(header.destination, destination)
    emitIpv6(view, ETHERNET_HEADER_LENGTH, header)
    this.pseudoHeaderSum = pseudoHeaderSum(source, destination, IpProtocol.Icmpv6)
  }

  /** The next hop's hardware address into `destination`, when it is known. */
  private resolve(destination: IpAddress, nowMs: number): boolean {
    const { routes, neighbors } = this.parts
    if (isMulticast(destination)) return false
    const route = routes.lookup(destination)
    if (route === null) return false
    const nextHop = route.gateway ?? destination
    const known = neighbors.lookup(nextHop)
    if (known === null || !known.isUsable()) return false
    neighbors.use(nextHop, route.gateway !== null, nowMs)
    this.destination.high = known.hardwareHigh
    this.destination.low = known.hardwareLow
    return true
  }
}
