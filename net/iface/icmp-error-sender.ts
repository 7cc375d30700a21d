/**
 * Sends ICMP and ICMPv6 errors about received packets, within the rules and a rate (RFC 1122
 * §3.2.2, RFC 4443 §2.4).
 */

import { ICMP_HEADER_LENGTH, Icmpv4Type, Icmpv4Unreachable, isIcmpv4Error } from '../wire/icmpv4.ts'
import { Icmpv6Type, Icmpv6Unreachable, isIcmpv6Error } from '../wire/icmpv6.ts'
import { isUnspecified } from '../wire/ip-address.ts'
import { IPV4_HEADER_LENGTH, IPV4_MINIMUM_REASSEMBLY, IpProtocol } from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_MINIMUM_MTU } from '../wire/ipv6.ts'
import { ParameterProblemCode } from '../wire/ipv6-extension.ts'
import type { ControlSender } from './control-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'
import { TokenBucket } from './token-bucket.ts'

/** Errors per second, and at once, toward all destinations together. */
const ERRORS_PER_SECOND = 100
const ERROR_BURST = 50
/** RFC 792, RFC 4443 §3.3. */
const FRAGMENT_REASSEMBLY_TIME_EXCEEDED = 1

export class IcmpErrorSender {
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly limit: TokenBucket

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
    this.limit = new TokenBucket(ERRORS_PER_SECOND, ERROR_BURST, parts.random)
  }

  sendPortUnreachable(packet: ReceivedPacket, nowMs: number): void {
    if (packet.ipVersion === 4) {
      this.send(packet, Icmpv4Type.DestinationUnreachable, Icmpv4Unreachable.Port, 0, false, nowMs)
    } else {
      this.send(packet, Icmpv6Type.DestinationUnreachable, Icmpv6Unreachable.Port, 0, false, nowMs)
    }
  }

  /** No handler for the protocol: IPv4 has an Unreachable for it, IPv6 a Parameter Problem. */
  sendProtocolUnreachable(packet: ReceivedPacket, nowMs: number): void {
    if (packet.ipVersion === 4) {
      const { DestinationUnreachable } = Icmpv4Type
      this.send(packet, DestinationUnreachable, Icmpv4Unreachable.Protocol, 0, false, nowMs)
    } else {
      const code = ParameterProblemCode.UnrecognizedNextHeader
      this.sendParameterProblem(packet, code, packet.nextHeaderPointer, false, nowMs)
    }
  }

  /** About the first fragment of a datagram that did not become whole: code 1 in both families. */
  sendReassemblyTimeExceeded(packet: ReceivedPacket, nowMs: number): void {
    const type = packet.ipVersion === 4 ? Icmpv4Type.TimeExceeded : Icmpv6Type.TimeExceeded
    this.send(packet, type, FRAGMENT_REASSEMBLY_TIME_EXCEEDED, 0, false, nowMs)
  }

  /** ICMPv6 only. `pointer` counts from the IPv6 header. */
  sendParameterProblem(
    packet: ReceivedPacket,
    code: number,
    pointer: number,
    evenToGroup: boolean,
    nowMs: number,
  ): void {
    this.send(packet, Icmpv6Type.ParameterProblem, code, pointer, evenToGroup, nowMs)
  }

  private send(
    packet: ReceivedPacket,
    type: number,
    code: number,
    rest: number,
    evenToGroup: boolean,
    nowMs: number,
  ): void {
    const { addresses, bulk, counters } = this.parts
    if ((packet.toGroup && !evenToGroup) || isAboutError(packet) || isFromNobody(packet)) return
    if (!this.limit.take(nowMs)) {
      counters.icmpErrorsSuppressed++
      return
    }
    const source = packet.toGroup ? addresses.selectSource(packet.source) : packet.destination
    if (source === null) return
    const record = this.sender.beginReply(packet, source, nowMs)
    const message = this.sender.messageOffset
    const first = packet.frame.fragments[0]!
    const most =
      packet.ipVersion === 4
        ? IPV4_MINIMUM_REASSEMBLY - IPV4_HEADER_LENGTH
        : IPV6_MINIMUM_MTU - IPV6_HEADER_LENGTH
    const limit =
      Math.min(most, this.sender.maxMessageLength(packet.ipVersion)) - ICMP_HEADER_LENGTH
    const contiguous = first.offset + first.length - packet.networkOffset
    const quoted = Math.min(packet.networkLength, limit, contiguous)
    record.view.setInt32(message, (type << 24) | (code << 16))
    record.view.setInt32(message + 4, rest)
    const target = message + ICMP_HEADER_LENGTH
    bulk.copy(record.header, target, first.buffer.bytes, packet.networkOffset, quoted)
    this.sender.finish(record, ICMP_HEADER_LENGTH + quoted)
    counters.icmpErrorsSent++
  }
}

/** An error about an error would never end. A message too short to have a type counts as one. */
function isAboutError(packet: ReceivedPacket): boolean {
  const isIcmpv4 = packet.ipVersion === 4 && packet.protocol === IpProtocol.Icmpv4
  const isIcmpv6 = packet.ipVersion === 6 && packet.protocol === IpProtocol.Icmpv6
  if (!isIcmpv4 && !isIcmpv6) return false
  if (packet.transportLength < 1) return true
  const type = packet.frame.fragments[0]!.buffer.view.getUint8(packet.transportOffset)
  return isIcmpv4 ? isIcmpv4Error(type) : isIcmpv6Error(type) || type === Icmpv6Type.Redirect
}

function isFromNobody(packet: ReceivedPacket): boolean {
  return isUnspecified(packet.source)
}
