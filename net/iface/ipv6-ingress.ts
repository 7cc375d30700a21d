/**
 * IPv6 packets: addresses checked, extension headers walked, fragments put together, Parameter
 * Problems sent (RFC 8200 §4, RFC 4291).
 */
import type { ReceivedFrame } from '../phy/net-device.ts'
import { LONGEST_IPV6_FRAME } from '../phy/received-frame.ts'
import { AddressScope } from '../wire/address-policy.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import { type IpAddress, isLinkLocal, isLoopback, isUnspecified } from '../wire/ip-address.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import {
  createIpv6Header,
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER_OFFSET,
  type Ipv6Header,
  parseIpv6,
} from '../wire/ipv6.ts'
import {
  ChainVerdict,
  createExtensionChain,
  holdsUpperLayerHeader,
  ParameterProblemCode,
  skipExtensionHeaders,
  walkExtensionHeaders,
} from '../wire/ipv6-extension.ts'
import { TRANSPORT_MAX_HEADER_LENGTH } from '../wire/transport-header.ts'
import type { Reassembler } from './fragments/reassembler.ts'
import type { GroupMembership } from './group-membership.ts'
import type { IcmpErrorSender } from './icmp-error-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { TransportDelivery } from './transport-delivery.ts'

export class Ipv6Ingress {
  private readonly parts: InterfaceParts
  private readonly packet: ReceivedPacket
  private readonly delivery: TransportDelivery
  private readonly errors: IcmpErrorSender
  private readonly groups: GroupMembership
  private readonly reassembler: Reassembler
  private readonly header: Ipv6Header
  private readonly chain = createExtensionChain()

  constructor(
    parts: InterfaceParts,
    packet: ReceivedPacket,
    delivery: TransportDelivery,
    errors: IcmpErrorSender,
    groups: GroupMembership,
    reassembler: Reassembler,
  ) {
    this.parts = parts
    this.packet = packet
    // One that is refused in the end may overwrite the packet's addresses: nothing is predicted
    // from it.
    this.header = createIpv6Header(packet.source, packet.destination)
    this.delivery = delivery
    this.errors = errors
    this.groups = groups
    this.reassembler = reassembler
  }

  process(frame: ReceivedFrame, view: DataView, network: number, nowMs: number): void {
    const { counters, addresses, hostAddresses } = this.parts
    const header = this.header
    const contiguous = frame.fragments[0]!.length - ETHERNET_HEADER_LENGTH
    if (
      contiguous < IPV6_HEADER_LENGTH ||
      !parseIpv6(view, network, frame.length - ETHERNET_HEADER_LENGTH, header)
    ) {
      counters.ipv6Malformed++
      return
    }
    if (frame.length > LONGEST_IPV6_FRAME) {
      header.payloadLength = frame.length - ETHERNET_HEADER_LENGTH - IPV6_HEADER_LENGTH
    }
    const packet = this.packet
    if (
      !this.isPossibleSource(header) ||
      ((addresses.isLocal(header.source) ||
        (hostAddresses.areOfSeveral && this.isOfOtherInterface(header.source))) &&
        !isOwnersAdvertisement(header, view, network, contiguous))
    ) {
      // Egress has chosen our own.
      if (!packet.isInternal) {
        counters.ipv6BadSource++
        return
      }
    }
    const { destination } = header
    let isInGroupFrame = false
    if (addresses.isLocal(destination)) {
      isInGroupFrame = packet.linkToGroup
      packet.toGroup = isInGroupFrame
    } else if (this.isOurGroup(destination)) {
      packet.toGroup = true
    } else if (packet.isInternal && isLoopback(destination)) {
      packet.toGroup = false
    } else if (!this.isForOtherInterface()) {
      return
    } else {
      isInGroupFrame = packet.linkToGroup
    }
    packet.ipVersion = 6
    packet.ecn = header.trafficClass & 3
    packet.hopLimit = header.hopLimit
    packet.networkOffset = network
    packet.networkLength = IPV6_HEADER_LENGTH + header.payloadLength
    const { nextHeader } = header
    if (nextHeader === IpProtocol.Tcp || nextHeader === IpProtocol.Udp) {
      packet.protocol = nextHeader
      packet.hasFragmentHeader = false
      packet.nextHeaderPointer = IPV6_NEXT_HEADER_OFFSET
      packet.transportOffset = network + IPV6_HEADER_LENGTH
      packet.transportLength = header.payloadLength
    } else if (!this.walkChain(view, network, contiguous, header.payloadLength, nowMs)) {
      if (!packet.hasFragmentHeader) return
      if (isInGroupFrame) counters.ipv6InGroupFrame++
      else this.processFragment(view, nowMs)
      return
    }
    // As RFC 1122 §3.3.6 has it of IPv4. Neighbors that ask or answer so are heard.
    if (isInGroupFrame && packet.protocol !== IpProtocol.Icmpv6) {
      counters.ipv6InGroupFrame++
      return
    }
    if (isUnspecified(header.source)) {
      if (packet.protocol !== IpProtocol.Icmpv6) {
        counters.ipv6BadSource++
        return
      }
    }
    this.delivery.deliver(packet, nowMs)
  }

  /**
   * True when there is a packet to deliver; false with `hasFragmentHeader` when it is a fragment of
   * one.
   */
  private walkChain(
    view: DataView,
    network: number,
    contiguous: number,
    payloadLength: number,
    nowMs: number,
  ): boolean {
    const { counters } = this.parts
    const { packet, chain } = this
    packet.hasFragmentHeader = false
    const verdict = walkExtensionHeaders(view, network, contiguous, payloadLength, chain)
    switch (verdict) {
      case ChainVerdict.Transport:
        // In the second page of a datagram that came in fragments, protocols do not look for it.
        if (
          chain.transportOffset + Math.min(chain.transportLength, TRANSPORT_MAX_HEADER_LENGTH) >
          network + contiguous
        ) {
          counters.ipv6ChainTooLong++
          return false
        }
        packet.protocol = chain.protocol
        packet.transportOffset = chain.transportOffset
        packet.transportLength = chain.transportLength
        packet.nextHeaderPointer = chain.nextHeaderPointer
        packet.hasFragmentHeader = chain.hasFragmentHeader
        // What a device says of a fragment is not believed, of an atomic one neither.
        if (chain.hasFragmentHeader) packet.frame.meta.checksumVerified = false
        return true
      case ChainVerdict.Fragment:
        packet.hasFragmentHeader = true
        return false
      case ChainVerdict.Silent:
        counters.ipv6Discarded++
        return false
      case ChainVerdict.TooLong:
        counters.ipv6ChainTooLong++
        return false
      case ChainVerdict.TooManyOptions:
        counters.ipv6TooManyOptions++
        return false
      case ChainVerdict.Malformed:
        counters.ipv6Malformed++
        return false
      default: {
        counters.ipv6ParameterProblem++
        // RFC 4443 §2.4 (e.3): only Parameter Problem code 2 for action 10 answers a group.
        const evenToGroup = verdict === ChainVerdict.ParameterProblem && chain.problemCode === 2
        const { problemCode, problemPointer } = chain
        // RFC 4443 §2.4 (e.1): never about an ICMPv6 error, which may lie behind the header in
        // question.
        if (!skipExtensionHeaders(view, network, contiguous, payloadLength, chain)) return false
        packet.protocol = chain.protocol
        packet.transportOffset = chain.transportOffset
        packet.transportLength = chain.transportLength
        this.errors.sendParameterProblem(packet, problemCode, problemPointer, evenToGroup, nowMs)
        return false
      }
    }
  }

  /**
   * True when the destination is an address of another interface, and may be here: we have sent it
   * ourselves, or are a weak host and it is of no link. False, and counted, when it may not.
   */
  private isForOtherInterface(): boolean {
    const { packet } = this
    const { counters, hostAddresses, isWeak } = this.parts
    const { destination } = packet
    if (!hostAddresses.isLocal(destination)) {
      counters.ipv6NotForUs++
      return false
    }
    if (!packet.isInternal && (!isWeak || isLinkLocal(destination))) {
      counters.ipv6OtherInterface++
      return false
    }
    packet.interfaceIndex = hostAddresses.ownerOf(destination)
    // What comes from ourselves came by no link: it arrives where the address is, unless its
    // answer has to go to the link of its source.
    if (packet.isInternal && !isLinkLocal(packet.source)) {
      packet.arrivalIndex = packet.interfaceIndex
    }
    packet.toGroup = packet.linkToGroup
    return true
  }

  /** The fields of `chain` are those of the fragment. */
  private processFragment(view: DataView, nowMs: number): void {
    const { packet, chain, reassembler } = this
    const { counters } = this.parts
    if (isUnspecified(packet.source)) {
      counters.ipv6BadSource++
      return
    }
    // A device coalesces TCP segments only, and those are no fragments.
    if (packet.frame.meta.segmentSize !== 0) {
      counters.frameBadSegmentation++
      return
    }
    const { transportOffset, transportLength, protocol } = chain
    packet.protocol = protocol
    packet.transportOffset = transportOffset
    packet.transportLength = transportLength
    if (chain.fragmentOffset === 0) {
      const first = packet.frame.fragments[0]!
      const end = Math.min(transportOffset + transportLength, first.offset + first.length)
      if (!holdsUpperLayerHeader(view, transportOffset, end, protocol)) {
        counters.ipv6ParameterProblem++
        const { IncompleteHeaderChain } = ParameterProblemCode
        this.errors.sendParameterProblem(packet, IncompleteHeaderChain, 0, false, nowMs)
        return
      }
    }
    const datagram = reassembler.addIpv6(packet, chain, nowMs)
    if (datagram === null) return
    this.deliverWhole(datagram.partLength, nowMs)
    reassembler.release(datagram)
  }

  /** RFC 8200 §4.5: what was fragmented begins with extension headers or the upper layer's. */
  private deliverWhole(payloadLength: number, nowMs: number): void {
    const { packet } = this
    const { buffer, offset, length } = packet.frame.fragments[0]!
    const network = packet.networkOffset
    const contiguous = offset + length - network
    const isPacket = this.walkChain(buffer.view, network, contiguous, payloadLength, nowMs)
    if (packet.hasFragmentHeader) {
      // RFC 8200 §4.1: each header but destination options at most once.
      this.parts.counters.ipv6Malformed++
      return
    }
    if (!isPacket) return
    packet.hasFragmentHeader = true
    this.delivery.deliver(packet, nowMs)
  }

  /** Our own addresses are another matter. */
  private isPossibleSource(header: Ipv6Header): boolean {
    const { word0, word1, word2, word3 } = header.source
    if (word0 >>> 24 === 0xff) return false
    if ((word0 | word1) === 0) {
      // ::1 and ::ffff:0:0/96 never appear on a link; :: is looked at once the protocol is known.
      if (word2 === 0 && word3 === 1) return false
      if (word2 === 0xffff) return false
    }
    return true
  }

  /**
   * The address is ours by another interface, and so a forgery here: an answer to it would never
   * leave the host. A link-local one is somebody else's on another link (RFC 4007 §6).
   */
  private isOfOtherInterface(source: IpAddress): boolean {
    return !isLinkLocal(source) && this.parts.hostAddresses.isLocal(source)
  }

  /**
   * All nodes of link or interface (RFC 4291 §2.8), and what was joined, solicited-node groups
   * among it.
   */
  private isOurGroup(destination: IpAddress): boolean {
    const { word0, word1, word2, word3 } = destination
    if (word0 >>> 24 !== 0xff) return false
    // RFC 4291 §2.7 has scope 0 "silently dropped", and its erratum 3480 what comes from others for
    // groups of an interface alone.
    if (((word0 >>> 16) & 15) <= AddressScope.InterfaceLocal && !this.packet.isInternal)
      return false
    if ((word1 | word2) === 0 && word3 === 1) {
      if (word0 === (0xff020000 | 0) || word0 === (0xff010000 | 0)) return true
    }
    return this.groups.isMember(destination)
  }
}

/**
 * An address of ours as source is a forgery (LAND), but for one packet: whoever has that address
 * too defends it with an advertisement from it (RFC 4861 §7.2.4), which duplicate detection must
 * hear.
 */
function isOwnersAdvertisement(
  header: Ipv6Header,
  view: DataView,
  network: number,
  contiguous: number,
): boolean {
  return (
    header.nextHeader === IpProtocol.Icmpv6 &&
    contiguous > IPV6_HEADER_LENGTH &&
    view.getUint8(network + IPV6_HEADER_LENGTH) === Icmpv6Type.NeighborAdvertisement
  )
}
