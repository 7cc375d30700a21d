/** Builds and sends the interface's own small packets: ICMP, neighbour discovery, ARP. */
import { createTransmitRecord, type TransmitRecord } from '../phy/transmit-record.ts'
import { addLengthToSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { ICMP_CHECKSUM_OFFSET } from '../wire/icmpv4.ts'
import { type IpAddress, isMulticast, setAddress } from '../wire/ip-address.ts'
import {
  createIpv4Header,
  emitIpv4,
  IPV4_CHECKSUM_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
} from '../wire/ipv4.ts'
import {
  createIpv6Header,
  emitIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_PAYLOAD_LENGTH_OFFSET,
} from '../wire/ipv6.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'
import { DEFAULT_HOP_LIMIT } from './flow-path.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import type { ReceivedPacket } from './received-packet.ts'

export class ControlSender {
  /** Offset of the ICMP message in the record's header. */
  messageOffset = 0
  private readonly parts: InterfaceParts
  private readonly destination: LinkDestination = { high: 0, low: 0 }
  /** Without DF: nobody would hear of an answer that is too big for its way. */
  private readonly ipv4 = { ...createIpv4Header(), flagsAndOffset: 0 }
  private readonly ipv6 = createIpv6Header()
  /** Of the open IPv6 packet; ICMP for IPv4 has no pseudo-header. */
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
    const headerLength = ipVersion === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH
    return this.parts.device.capabilities.maxTransmissionUnit - headerLength
  }

  /**
   * Opens an ICMP packet that answers `packet`, from `source` (its destination unless that was a group). It
   * goes to the neighbour that the route names, or, while that is not resolved, back to the station the packet
   * came from: an answer costs no resolution and no memory. Null when it cannot be sent.
   */
  beginReply(packet: ReceivedPacket, source: IpAddress, nowMs: number): TransmitRecord {
    const destination = packet.source
    if (!this.resolve(destination, nowMs)) {
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

  /** Completes lengths and checksums of a message of `length` bytes at messageOffset, and commits. */
  finish(record: TransmitRecord, length: number): boolean {
    const { bulk } = this.parts
    const { view, header } = record
    const message = this.messageOffset
    const ip = ETHERNET_HEADER_LENGTH
    let seed = 0
    if (this.ipVersion === 4) {
      view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, IPV4_HEADER_LENGTH + length)
      const sum = bulk.checksum(header, ip, IPV4_HEADER_LENGTH, 0)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
    } else {
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, length)
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
    return record
  }

  /** Sends it with so many bytes behind the Ethernet header; false, and counted, when it cannot leave. */
  finishRaw(record: TransmitRecord, payloadLength: number): boolean {
    return this.submit(record, ETHERNET_HEADER_LENGTH + payloadLength)
  }

  private submit(record: TransmitRecord, length: number): boolean {
    const { counters, device } = this.parts
    record.headerLength = length
    if (!device.tx.submit(record)) {
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
    const ip = ETHERNET_HEADER_LENGTH
    if (isIpv4) this.writeIpv4(record.view, ip, source, destination, hopLimit)
    else this.writeIpv6(record.view, ip, source, destination, hopLimit)
    this.ipVersion = destination.version
    this.messageOffset = ip + (isIpv4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH)
    return record
  }

  private writeIpv4(
    view: DataView,
    offset: number,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
  ): void {
    const header = this.ipv4
    header.timeToLive = hopLimit
    header.protocol = IpProtocol.Icmpv4
    header.identification = this.parts.random.nextInt32() & 0xffff
    header.source = source.word3
    header.destination = destination.word3
    emitIpv4(view, offset, header)
  }

  private writeIpv6(
    view: DataView,
    offset: number,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
  ): void {
    const header = this.ipv6
    header.nextHeader = IpProtocol.Icmpv6
    header.hopLimit = hopLimit
    setAddress(header.source, source)
    setAddress(header.destination, destination)
    emitIpv6(view, offset, header)
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
