/**
 * IPv4 packets: header and options checked, addresses judged, fragments put together (RFC 791, RFC
 * 1122 §3.2.1).
 */
import type { ReceivedFrame } from '../phy/net-device.ts'
import { LONGEST_IPV4_FRAME } from '../phy/received-frame.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { setIpv4Address } from '../wire/ip-address.ts'
import {
  checkIpv4Options,
  createIpv4Header,
  IPV4_FRAGMENT_FIELDS,
  IPV4_HEADER_LENGTH,
  IPV4_RESERVED_FLAG,
  IpProtocol,
  Ipv4OptionsVerdict,
  parseIpv4,
} from '../wire/ipv4.ts'
import { UDP_HEADER_LENGTH } from '../wire/udp.ts'
import type { Reassembler } from './fragments/reassembler.ts'
import type { GroupMembership } from './group-membership.ts'
import { IPV4_ALL_SYSTEMS } from './igmp.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { TransportDelivery } from './transport-delivery.ts'

export class Ipv4Ingress {
  private readonly parts: InterfaceParts
  private readonly packet: ReceivedPacket
  private readonly delivery: TransportDelivery
  private readonly groups: GroupMembership
  /**
   * Datagrams for this UDP port are ours whatever address they go to: a DHCP client has none yet. 0
   * = none.
   */
  unconfiguredPort = 0
  private readonly reassembler: Reassembler
  private readonly header = createIpv4Header()

  constructor(
    parts: InterfaceParts,
    packet: ReceivedPacket,
    delivery: TransportDelivery,
    groups: GroupMembership,
    reassembler: Reassembler,
  ) {
    this.parts = parts
    this.packet = packet
    this.delivery = delivery
    this.groups = groups
    this.reassembler = reassembler
  }

  process(frame: ReceivedFrame, view: DataView, network: number, nowMs: number): void {
    const { counters, bulk, addresses, hostAddresses } = this.parts
    const { header } = this
    const first = frame.fragments[0]!
    const contiguous = first.length - ETHERNET_HEADER_LENGTH
    if (
      contiguous < IPV4_HEADER_LENGTH ||
      !parseIpv4(view, network, frame.length - ETHERNET_HEADER_LENGTH, header) ||
      header.headerLength > contiguous ||
      (header.flagsAndOffset & IPV4_RESERVED_FLAG) !== 0
    ) {
      counters.ipv4Malformed++
      return
    }
    const headerLength = header.headerLength
    if (bulk.checksum(first.buffer.bytes, network, headerLength, 0) !== 0xffff) {
      counters.ipv4BadChecksum++
      return
    }
    if (headerLength > IPV4_HEADER_LENGTH && !this.acceptOptions(view, network, headerLength)) {
      return
    }
    const { source, destination } = header
    const sourceTop = source >>> 24
    // RFC 1122 §3.2.1.3: none of these may be a source, our own included (LAND).
    if (
      sourceTop === 0 ||
      sourceTop === 127 ||
      sourceTop >= 224 ||
      hostAddresses.isLocalIpv4(source) ||
      addresses.isBroadcast(source)
    ) {
      // RFC 4541 §2.1.1: a switch that asks without having an address does so from 0.0.0.0.
      const isFromSwitch = source === 0 && header.protocol === IpProtocol.Igmp
      if (!isFromSwitch && !this.packet.isInternal) {
        counters.ipv4BadSource++
        return
      }
    }
    const packet = this.packet
    setIpv4Address(packet.source, source)
    setIpv4Address(packet.destination, destination)
    if (addresses.isLocalIpv4(destination)) {
      if (!this.isInOwnFrame()) return
    } else if (
      destination === IPV4_ALL_SYSTEMS ||
      addresses.isBroadcast(destination) ||
      this.groups.isMember(packet.destination)
    ) {
      packet.toGroup = true
    } else if (packet.isInternal && destination >>> 24 === 127) {
      packet.toGroup = false
    } else if (this.unconfiguredPort !== 0 && this.isForClient(view, network, contiguous)) {
      // As if to all: no error answers it, and no other packet is taken for one of the kind.
      packet.toGroup = true
    } else if (!this.isForOtherInterface() || !this.isInOwnFrame()) {
      return
    }
    packet.ipVersion = 4
    packet.protocol = header.protocol
    packet.ecn = header.trafficClass & 3
    packet.hopLimit = header.timeToLive
    packet.networkOffset = network
    const totalLength =
      frame.length > LONGEST_IPV4_FRAME ? frame.length - ETHERNET_HEADER_LENGTH : header.totalLength
    packet.networkLength = totalLength
    packet.transportOffset = network + headerLength
    packet.transportLength = totalLength - headerLength
    if ((header.flagsAndOffset & IPV4_FRAGMENT_FIELDS) !== 0) this.processFragment(nowMs)
    else this.delivery.deliver(packet, nowMs)
  }

  /**
   * True when the destination is an address of another interface, and may be here: we have sent it
   * ourselves, or are a weak host. False, and counted, when it may not.
   */
  private isForOtherInterface(): boolean {
    const { packet } = this
    const { counters, hostAddresses, isWeak } = this.parts
    const { destination } = packet
    if (!hostAddresses.isLocal(destination)) {
      counters.ipv4NotForUs++
      return false
    }
    if (!isWeak && !packet.isInternal) {
      counters.ipv4OtherInterface++
      return false
    }
    packet.interfaceIndex = hostAddresses.ownerOf(destination)
    // What comes from ourselves came by no link: it arrives where the address is.
    if (packet.isInternal) packet.arrivalIndex = packet.interfaceIndex
    return true
  }

  /**
   * RFC 1122 §3.3.6: "A host SHOULD silently discard a datagram that is received via a link-layer
   * broadcast … but does not specify an IP multicast or broadcast destination address": all hosts
   * of the link have it, and what comes so has passed what sees to who talks to whom. False, and
   * counted, for one.
   */
  private isInOwnFrame(): boolean {
    const { packet } = this
    packet.toGroup = false
    if (!packet.linkToGroup) return true
    this.parts.counters.ipv4InGroupFrame++
    return false
  }

  private processFragment(nowMs: number): void {
    const { packet, reassembler } = this
    // A device coalesces TCP segments only, and those are no fragments.
    if (packet.frame.meta.segmentSize !== 0) {
      this.parts.counters.frameBadSegmentation++
      return
    }
    const datagram = reassembler.addIpv4(packet, this.header, nowMs)
    if (datagram === null) return
    this.delivery.deliver(packet, nowMs)
    reassembler.release(datagram)
  }

  /** A whole datagram for the port of a client that has no address yet. */
  private isForClient(view: DataView, network: number, contiguous: number): boolean {
    const { protocol, flagsAndOffset, headerLength } = this.header
    return (
      protocol === IpProtocol.Udp &&
      (flagsAndOffset & 0x3fff) === 0 &&
      contiguous >= headerLength + UDP_HEADER_LENGTH &&
      view.getUint16(network + headerLength + 2) === this.unconfiguredPort
    )
  }

  private acceptOptions(view: DataView, network: number, headerLength: number): boolean {
    const { counters } = this.parts
    const length = headerLength - IPV4_HEADER_LENGTH
    const verdict = checkIpv4Options(view, network + IPV4_HEADER_LENGTH, length)
    if (verdict === Ipv4OptionsVerdict.SourceRoute) counters.ipv4SourceRoute++
    else if (verdict === Ipv4OptionsVerdict.Malformed) counters.ipv4BadOptions++
    return verdict === Ipv4OptionsVerdict.Acceptable
  }
}
