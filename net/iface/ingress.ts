/**
 * Ethernet frames: those of the flow heard last straight to their protocol, others by type, what is
 * not ours dropped.
 */
import type { ReceivedFrame } from '../phy/net-device.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import type { Arp } from './arp.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { Ipv4Ingress } from './ipv4-ingress.ts'
import type { Ipv6Ingress } from './ipv6-ingress.ts'
import type { LastFlow } from './last-flow.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { TransportDelivery } from './transport-delivery.ts'
import { isTagged, removeVlanTag, VLAN_TAG_LENGTH, vlanOf } from './vlan-tag.ts'

export class Ingress {
  private readonly parts: InterfaceParts
  private readonly counters: InterfaceCounters
  readonly packet: ReceivedPacket
  private readonly arp: Arp
  private readonly ipv4: Ipv4Ingress
  private readonly ipv6: Ipv6Ingress
  private readonly delivery: TransportDelivery
  private readonly lastFlow: LastFlow

  constructor(
    parts: InterfaceParts,
    arp: Arp,
    ipv4: Ipv4Ingress,
    ipv6: Ipv6Ingress,
    delivery: TransportDelivery,
    lastFlow: LastFlow,
  ) {
    this.parts = parts
    this.counters = parts.counters
    this.packet = lastFlow.packet
    this.arp = arp
    this.ipv4 = ipv4
    this.ipv6 = ipv6
    this.delivery = delivery
    this.lastFlow = lastFlow
  }

  /** Takes one frame, which the caller has counted; afterwards it may be released. */
  process(frame: ReceivedFrame, nowMs: number): void {
    const first = frame.fragments[0]!
    const { packet, lastFlow } = this
    if (lastFlow.match(frame, first)) {
      const { tcp } = lastFlow
      if (tcp !== null && (frame.meta.checksumVerified || lastFlow.isIntact(frame))) {
        this.counters.packetsDelivered++
        // TCP answers itself what nobody wants.
        tcp.process(packet, nowMs)
      } else {
        this.delivery.deliver(packet, nowMs)
      }
      return
    }
    lastFlow.forget()
    this.processAny(frame, nowMs)
    // The headers of a datagram that came in fragments are not those of this frame.
    if (packet.frame === frame) lastFlow.learn(first)
    // It was for an address of another interface: nothing is predicted from that.
    if (packet.interfaceIndex !== packet.arrivalIndex) {
      packet.interfaceIndex = packet.arrivalIndex
      lastFlow.forget()
    }
  }

  /** Takes the oldest frame of those that we have sent to ourselves. */
  processInternal(nowMs: number): void {
    const { packet, lastFlow } = this
    const { counters, index } = this.parts
    const { link } = this.parts.internal
    lastFlow.forget()
    packet.isInternal = true
    packet.linkToGroup = false
    packet.linkSourceHigh = 0
    packet.linkSourceLow = 0
    const frame = link.peek()
    const { view } = frame.fragments[0]!.buffer
    counters.framesReceived++
    counters.bytesReceived += frame.length
    packet.frame = frame
    packet.connection = null
    packet.interfaceIndex = index
    packet.arrivalIndex = index
    const isIpv4 = view.getUint16(ETHERNET_TYPE_OFFSET) === EtherType.Ipv4
    const network = isIpv4 ? this.ipv4 : this.ipv6
    network.process(frame, view, ETHERNET_HEADER_LENGTH, nowMs)
    link.release()
    packet.isInternal = false
    packet.interfaceIndex = index
    packet.arrivalIndex = index
    lastFlow.forget()
  }

  private processAny(frame: ReceivedFrame, nowMs: number): void {
    const { counters, hardwareHigh, hardwareLow, maxFrameLength } = this.parts
    const first = frame.fragments[0]!
    const offset = first.offset
    if (first.length < ETHERNET_HEADER_LENGTH || frame.fragmentCount < 1) {
      counters.frameTruncated++
      return
    }
    const view = first.buffer.view
    const etherType = view.getUint16(offset + ETHERNET_TYPE_OFFSET)
    // virtio 1.2 §5.1.6.4.1: beyond the MTU only what the device coalesced is legal; a tag is no
    // part of the MTU.
    if (frame.length > maxFrameLength && frame.meta.segmentSize === 0) {
      const excess = frame.length - maxFrameLength
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
      this.ipv4.process(frame, view, network, nowMs)
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
   * IEEE 802.1Q §9.6: the null VLAN identifier means that the tag carries a priority only, so the
   * frame belongs to where it came from. Only the outermost tag is ours to take off: what follows
   * it is the frame's type, and another tag there is a type that no station reads.
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
}
