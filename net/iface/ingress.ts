/** Takes received frames apart, drops what is not right or not ours, and passes the rest on. */
import type { ReceivedFrame } from '../phy/net-device.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import {
  checkIpv4Options,
  createIpv4Header,
  IPV4_HEADER_LENGTH,
  IPV4_RESERVED_FLAG,
  IpProtocol,
  Ipv4OptionsVerdict,
  parseIpv4,
} from '../wire/ipv4.ts'
import type { Arp } from './arp.ts'
import type { GroupMembership } from './group-membership.ts'
import { IPV4_ALL_SYSTEMS } from './igmp.ts'
import { IngressPrediction } from './ingress-prediction.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { Ipv6Ingress } from './ipv6-ingress.ts'
import type { ProtocolHandler } from './protocol-handler.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { TransportDelivery } from './transport-delivery.ts'
import { isTagged, removeVlanTag, VLAN_TAG_LENGTH, vlanOf } from './vlan-tag.ts'

export class Ingress {
  private readonly parts: InterfaceParts
  private readonly counters: InterfaceCounters
  /** Who takes what the prediction recognises when that is TCP. */
  private tcp: ProtocolHandler | null = null
  private readonly packet: ReceivedPacket
  private readonly arp: Arp
  private readonly ipv6: Ipv6Ingress
  private readonly delivery: TransportDelivery
  private readonly groups: GroupMembership
  private readonly ipv4Header = createIpv4Header()
  private readonly maxFrameLength: number
  private readonly prediction: IngressPrediction

  constructor(
    parts: InterfaceParts,
    packet: ReceivedPacket,
    arp: Arp,
    ipv6: Ipv6Ingress,
    delivery: TransportDelivery,
    groups: GroupMembership,
  ) {
    this.parts = parts
    this.counters = parts.counters
    this.packet = packet
    this.arp = arp
    this.ipv6 = ipv6
    this.delivery = delivery
    this.groups = groups
    this.maxFrameLength = ETHERNET_HEADER_LENGTH + parts.device.capabilities.maxTransmissionUnit
    this.prediction = new IngressPrediction(parts, packet, this.maxFrameLength)
  }

  /** Takes one frame, which the caller has counted; afterwards it may be released. */
  process(frame: ReceivedFrame, nowMs: number): void {
    const first = frame.fragments[0]!
    const { packet, delivery } = this
    if (this.prediction.match(frame, first)) {
      const tcp = this.tcp
      if (tcp !== null && frame.meta.checksumVerified) {
        this.counters.packetsDelivered++
        // TCP answers itself what nobody wants.
        tcp.process(packet, nowMs)
      } else {
        delivery.deliver(packet, nowMs)
      }
      return
    }
    packet.isPlain = false
    // What the prediction recognises keeps the number.
    packet.conversation++
    this.processAny(frame, nowMs)
    this.prediction.learn(first)
    this.tcp = packet.protocol === IpProtocol.Tcp ? delivery.handlerOf(IpProtocol.Tcp) : null
  }

  private processAny(frame: ReceivedFrame, nowMs: number): void {
    const { counters, hardwareHigh, hardwareLow } = this.parts
    const first = frame.fragments[0]!
    const offset = first.offset
    if (first.length < ETHERNET_HEADER_LENGTH || frame.fragmentCount < 1) {
      counters.frameTruncated++
      return
    }
    const view = first.buffer.view
    const etherType = view.getUint16(offset + ETHERNET_TYPE_OFFSET)
    // virtio 1.2 §5.1.6.4.1: beyond the MTU only what the device coalesced is legal; a tag is no part of the MTU.
    if (frame.length > this.maxFrameLength && frame.meta.segmentSize === 0) {
      const excess = frame.length - this.maxFrameLength
      if (excess > VLAN_TAG_LENGTH || etherType !== EtherType.Vlan) {
        counters.frameTooLong++
        return
      }
    }
    const packet = this.packet
    const destinationHigh = view.getUint16(offset)
    if (destinationHigh === hardwareHigh && view.getInt32(offset + 2) === hardwareLow) {
      packet.linkToGroup = false
    } else if ((destinationHigh & 0x0100) !== 0) {
      packet.linkToGroup = true
    } else {
      counters.frameNotForUs++
      return
    }
    const sourceHigh = view.getUint16(offset + 6)
    const sourceLow = view.getInt32(offset + 8)
    if ((sourceHigh & 0x0100) !== 0 || (sourceLow === hardwareLow && sourceHigh === hardwareHigh)) {
      counters.frameBadSource++
      return
    }
    packet.linkSourceHigh = sourceHigh
    packet.linkSourceLow = sourceLow
    packet.frame = frame
    const network = offset + ETHERNET_HEADER_LENGTH
    if (etherType === EtherType.Ipv4) {
      this.processIpv4(frame, view, network, nowMs)
    } else if (etherType === EtherType.Ipv6) {
      this.ipv6.process(frame, view, network, nowMs)
    } else if (etherType === EtherType.Arp) {
      this.arp.process(view, network, first.length - ETHERNET_HEADER_LENGTH, nowMs)
    } else if (etherType === EtherType.Vlan) {
      this.processTagged(frame, nowMs)
    } else {
      counters.frameUnknownType++
    }
  }

  /**
   * IEEE 802.1Q §9.6: the null VLAN identifier means that the tag carries a priority only, so the frame belongs to
   * where it came from. Only the outermost tag is ours to take off: what follows it is the frame's type, and another
   * tag there is none that a station reads.
   */
  private processTagged(frame: ReceivedFrame, nowMs: number): void {
    const { counters } = this.parts
    const first = frame.fragments[0]!
    if (first.length < ETHERNET_HEADER_LENGTH + VLAN_TAG_LENGTH) {
      counters.frameTruncated++
    } else if (vlanOf(first) !== 0) {
      counters.frameOtherVlan++
    } else {
      removeVlanTag(frame)
      if (isTagged(first)) {
        counters.frameUnknownType++
        return
      }
      counters.framePriorityTagged++
      this.processAny(frame, nowMs)
    }
  }

  private processIpv4(frame: ReceivedFrame, view: DataView, network: number, nowMs: number): void {
    const { counters, bulk, addresses } = this.parts
    const header = this.ipv4Header
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
      addresses.isLocalIpv4(source) ||
      addresses.isBroadcast(source)
    ) {
      // RFC 4541 §2.1.1: a switch that asks without having an address does so from 0.0.0.0.
      if (source !== 0 || header.protocol !== IpProtocol.Igmp) {
        counters.ipv4BadSource++
        return
      }
    }
    const packet = this.packet
    if (addresses.isLocalIpv4(destination)) {
      packet.toGroup = packet.linkToGroup
    } else if (
      destination === IPV4_ALL_SYSTEMS ||
      addresses.isBroadcast(destination) ||
      this.groups.isMember(0, 0, 0, destination)
    ) {
      packet.toGroup = true
    } else {
      counters.ipv4NotForUs++
      return
    }
    if ((header.flagsAndOffset & 0x3fff) !== 0) {
      counters.ipv4Fragment++
      return
    }
    if (packet.ipVersion !== 4) clearHighWords(packet)
    packet.protocol = header.protocol
    packet.source3 = source
    packet.destination3 = destination
    packet.isPlain =
      (header.protocol === IpProtocol.Tcp || header.protocol === IpProtocol.Udp) &&
      headerLength === IPV4_HEADER_LENGTH &&
      !packet.toGroup
    packet.ecn = header.trafficClass & 3
    packet.hopLimit = header.timeToLive
    packet.networkOffset = network
    packet.networkLength = header.totalLength
    packet.transportOffset = network + headerLength
    packet.transportLength = header.totalLength - headerLength
    this.delivery.deliver(packet, nowMs)
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

/** Makes the record one of IPv4: between two such packets these words stay 0. */
function clearHighWords(packet: ReceivedPacket): void {
  packet.ipVersion = 4
  packet.source0 = 0
  packet.source1 = 0
  packet.source2 = 0
  packet.destination0 = 0
  packet.destination1 = 0
  packet.destination2 = 0
}
