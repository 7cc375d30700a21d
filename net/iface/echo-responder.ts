/** Answers pings with the same data (RFC 792, RFC 1122 §3.2.2.6, RFC 4443 §4.2). */
import { copyReceived } from '../phy/gather.ts'
import { ICMP_HEADER_LENGTH, Icmpv4Type } from '../wire/icmpv4.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import {
  createAddressRecord,
  type IpAddress,
  isSameAddress,
  setAddress,
} from '../wire/ip-address.ts'
import { IPV6_MINIMUM_MTU } from '../wire/ipv6.ts'
import type { ControlSender } from './control-sender.ts'
import { MESSAGE_OFFSET } from './fragments/fragmenter.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** How many of the last answers are remembered that a path may not carry. */
export const REMEMBERED_ECHO_REPLIES = 16

interface SentReply {
  readonly destination: ReturnType<typeof createAddressRecord>
  /** Identifier and sequence number. */
  word: number
}

export class EchoResponder {
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly replies: SentReply[] = []
  private nextReply = 0

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
  }

  /** Takes an echo request whose checksum is right. */
  process(packet: ReceivedPacket, nowMs: number): void {
    const { bulk, counters } = this.parts
    const { sender } = this
    const source = this.selectSource(packet)
    if (source === null) {
      counters.icmpIgnored++
      return
    }
    const length = packet.transportLength
    const { frame, transportOffset } = packet
    const word = frame.fragments[0]!.buffer.view.getInt32(transportOffset + 4)
    if (length > IPV6_MINIMUM_MTU / 2 && packet.ipVersion === 6) this.remember(packet.source, word)
    if (length > sender.maxMessageLengthTo(packet.source, nowMs)) {
      if (this.answerInFragments(packet, source, nowMs)) counters.echoReplies++
      return
    }
    const record = sender.beginReply(packet, source, nowMs)
    const message = sender.messageOffset
    const { view } = record
    view.setInt32(message, echoReply(packet.ipVersion) << 24)
    view.setInt32(message + 4, word)
    const data = transportOffset + ICMP_HEADER_LENGTH
    const target = message + ICMP_HEADER_LENGTH
    copyReceived(frame, data, length - ICMP_HEADER_LENGTH, record.header, target, bulk)
    sender.finish(record, length)
    counters.echoReplies++
  }

  /**
   * True when one of the last long answers to that destination had this identifier and sequence
   * number.
   */
  hasSent(destination: IpAddress, word: number): boolean {
    return this.replies.some(
      (reply) => reply.word === word && isSameAddress(reply.destination, destination),
    )
  }

  private answerInFragments(packet: ReceivedPacket, source: IpAddress, nowMs: number): boolean {
    const { sender } = this
    const buffer = sender.openFragments()
    if (buffer === null) return false
    sender.beginReply(packet, source, nowMs)
    const { frame, transportOffset, transportLength } = packet
    const { bulk } = this.parts
    copyReceived(frame, transportOffset, transportLength, buffer, MESSAGE_OFFSET, bulk)
    buffer[MESSAGE_OFFSET] = echoReply(packet.ipVersion)
    return sender.finishFragments(buffer, source, packet.source, transportLength, nowMs)
  }

  private remember(destination: IpAddress, word: number): void {
    if (this.replies.length < REMEMBERED_ECHO_REPLIES) {
      this.replies.push({ destination: createAddressRecord(), word: 0 })
    }
    const reply = this.replies[this.nextReply]!
    this.nextReply = (this.nextReply + 1) % REMEMBERED_ECHO_REPLIES
    setAddress(reply.destination, destination)
    reply.word = word
  }

  /**
   * The address that was asked. IPv4 broadcast and multicast are not answered (smurf, RFC 1122
   * §3.2.2.6 allows it); an IPv6 group is, from a unicast address, as RFC 4443 §4.2 says it should.
   */
  private selectSource(packet: ReceivedPacket): IpAddress | null {
    if (!packet.toGroup) return packet.destination
    if (packet.ipVersion === 4 || packet.destination.word0 >>> 24 !== 0xff) return null
    return this.parts.addresses.selectSource(packet.source)
  }
}

function echoReply(ipVersion: 4 | 6): number {
  return ipVersion === 4 ? Icmpv4Type.EchoReply : Icmpv6Type.EchoReply
}
