/** Answers pings with the same data (RFC 792, RFC 1122 §3.2.2.6, RFC 4443 §4.2). */
import { ICMP_HEADER_LENGTH, Icmpv4Type } from '../wire/icmpv4.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import type { ControlSender } from './control-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'

export class EchoResponder {
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
  }

  /** Takes an echo request whose checksum is right. */
  process(packet: ReceivedPacket, nowMs: number): void {
    const { bulk, counters } = this.parts
    const source = this.selectSource(packet)
    const length = packet.transportLength
    if (source === null || length > this.sender.maxMessageLength(packet.ipVersion)) {
      counters.icmpIgnored++
      return
    }
    const record = this.sender.beginReply(packet, source, nowMs)
    const message = this.sender.messageOffset
    const { view } = record
    const received = packet.frame.fragments[0]!.buffer
    const type = packet.ipVersion === 4 ? Icmpv4Type.EchoReply : Icmpv6Type.EchoReply
    view.setInt32(message, type << 24)
    view.setInt32(message + 4, received.view.getInt32(packet.transportOffset + 4))
    const dataLength = length - ICMP_HEADER_LENGTH
    if (dataLength > 0) {
      const data = packet.transportOffset + ICMP_HEADER_LENGTH
      bulk.copy(record.header, message + ICMP_HEADER_LENGTH, received.bytes, data, dataLength)
    }
    this.sender.finish(record, length)
    counters.echoReplies++
  }

  /**
   * The address that was asked. IPv4 broadcast and multicast are not answered (smurf, RFC 1122 §3.2.2.6 allows
   * it); an IPv6 group is, from a unicast address, as RFC 4443 §4.2 says it should.
   */
  private selectSource(packet: ReceivedPacket): IpAddress | null {
    if (!packet.toGroup) return packet.destination
    if (packet.ipVersion === 4 || packet.destination.word0 >>> 24 !== 0xff) return null
    return this.parts.addresses.selectSource(packet.source)
  }
}
