/** Recognises the next TCP packet of the conversation just heard, so that checks already made are not made again. */
import type { ReceivedFrame } from '../phy/net-device.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ReceivedPacket } from './received-packet.ts'

/** Ethernet, IPv4 and TCP headers without options; with IPv6 instead. */
const IPV4_TCP_LENGTH = 54
const IPV6_TCP_LENGTH = 74
/** Of the word with flags, offset, TTL and protocol: all but DF and TTL. */
const FRAGMENT_AND_PROTOCOL = 0xbfff00ff | 0

/**
 * Only frames whose Ethernet header, first two IP octets and addresses equal those of the packet last accepted
 * match, while our addresses are the same; what remains to check is what differs from packet to packet. A frame
 * that does not match goes the whole way, which also counts why it is dropped if it is.
 */
export class IngressPrediction {
  private readonly parts: InterfaceParts
  private readonly packet: ReceivedPacket
  private readonly maxFrameLength: number
  private armed = false
  private generation = 0
  private word0 = 0
  private word1 = 0
  private word2 = 0
  private word3 = 0

  constructor(parts: InterfaceParts, packet: ReceivedPacket, maxFrameLength: number) {
    this.parts = parts
    this.packet = packet
    this.maxFrameLength = maxFrameLength
  }

  /** Remembers the frame whose packet was just accepted, or nothing when it was not TCP to us alone. */
  learn(view: DataView, offset: number): void {
    this.armed = this.packet.isPlainTcp
    if (!this.armed) return
    this.generation = this.parts.addresses.generation
    this.word0 = view.getInt32(offset)
    this.word1 = view.getInt32(offset + 4)
    this.word2 = view.getInt32(offset + 8)
    this.word3 = view.getInt32(offset + 12)
  }

  /** True when the frame matches and its IP header is right; then the packet record describes it. */
  match(frame: ReceivedFrame, view: DataView, offset: number): boolean {
    const packet = this.packet
    if (
      !this.armed ||
      frame.fragments[0]!.length < IPV4_TCP_LENGTH ||
      view.getInt32(offset + 8) !== this.word2 ||
      view.getInt32(offset + 12) !== this.word3 ||
      view.getInt32(offset + 4) !== this.word1 ||
      view.getInt32(offset) !== this.word0 ||
      this.generation !== this.parts.addresses.generation
    ) {
      return false
    }
    if (packet.ipVersion !== 4) return this.matchIpv6(frame, view, offset)
    const totalLength = view.getUint16(offset + 16)
    const frameLength = frame.length
    if (
      totalLength < 40 ||
      totalLength + 14 > frameLength ||
      (frameLength > this.maxFrameLength && frame.meta.segmentSize === 0) ||
      (view.getInt32(offset + 20) & FRAGMENT_AND_PROTOCOL) !== IpProtocol.Tcp ||
      view.getInt32(offset + 26) !== packet.source3 ||
      view.getInt32(offset + 30) !== packet.destination3 ||
      this.parts.bulk.checksum(frame.fragments[0]!.buffer.bytes, offset + 14, 20, 0) !== 0xffff
    ) {
      return false
    }
    packet.frame = frame
    packet.networkOffset = offset + 14
    packet.networkLength = totalLength
    packet.transportOffset = offset + 34
    packet.transportLength = totalLength - 20
    return true
  }

  private matchIpv6(frame: ReceivedFrame, view: DataView, offset: number): boolean {
    const packet = this.packet
    const payloadLength = view.getUint16(offset + 18)
    const frameLength = frame.length
    if (
      payloadLength + 54 > frameLength ||
      frame.fragments[0]!.length < IPV6_TCP_LENGTH ||
      (frameLength > this.maxFrameLength && frame.meta.segmentSize === 0) ||
      view.getUint8(offset + 20) !== IpProtocol.Tcp ||
      view.getInt32(offset + 34) !== packet.source3 ||
      view.getInt32(offset + 50) !== packet.destination3 ||
      view.getInt32(offset + 30) !== packet.source2 ||
      view.getInt32(offset + 26) !== packet.source1 ||
      view.getInt32(offset + 22) !== packet.source0 ||
      view.getInt32(offset + 46) !== packet.destination2 ||
      view.getInt32(offset + 42) !== packet.destination1 ||
      view.getInt32(offset + 38) !== packet.destination0
    ) {
      return false
    }
    packet.frame = frame
    packet.networkOffset = offset + 14
    packet.networkLength = 40 + payloadLength
    packet.transportOffset = offset + 54
    packet.transportLength = payloadLength
    return true
  }
}
