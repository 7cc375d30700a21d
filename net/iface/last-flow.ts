/**
 * The flow heard last: recognizes its next TCP or UDP packet, so that checks already made are not
 * made again.
 */
import type { ReceivedFragment, ReceivedFrame } from '../phy/net-device.ts'
import { LONGEST_IPV4_FRAME, LONGEST_IPV6_FRAME } from '../phy/received-frame.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import { pseudoHeaderSum } from '../wire/checksum.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { transportHeaderLength } from '../wire/transport-header.ts'
import type { AddressTable } from './address-table.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { ProtocolHandler } from './protocol-handler.ts'
import type { ReceivedPacket } from './received-packet.ts'

const ETHERNET_BYTES = 14
const IPV4_BYTES = 20
/** Ethernet and IP header without options or extension headers. */
const IPV4_HEADERS = 34
const IPV6_HEADERS = 54

/**
 * Of Ethernet and IP headers, what must be equal: Ethernet, version, type of service, fragment
 * fields but DF, protocol, addresses; with IPv6 version, upper half of the traffic class, next
 * header, addresses.
 */
const IPV4_MASK = maskOf(IPV4_HEADERS, [16, 17, 18, 19, 22, 24, 25])
const DONT_FRAGMENT_OFFSET = 20
const ALL_BUT_DONT_FRAGMENT = 0xbf
IPV4_MASK[DONT_FRAGMENT_OFFSET] = ALL_BUT_DONT_FRAGMENT
const IPV6_MASK = maskOf(IPV6_HEADERS, [16, 17, 18, 19, 21])

/**
 * Only frames whose masked headers equal those of the packet last delivered match, while our
 * addresses are the same; what remains to check is what differs from packet to packet. A frame that
 * does not match goes the whole way, which also counts why it is dropped if it is.
 */
export class LastFlow {
  /** Who took its last packet. */
  handler: ProtocolHandler | null = null
  /**
   * The handler when it is TCP, which needs no other checks than these when the device vouches for
   * the checksum.
   */
  tcp: ProtocolHandler | null = null
  private readonly bulk: BulkOperations
  private readonly addresses: AddressTable
  /** The record that describes the packet at hand. */
  readonly packet: ReceivedPacket
  private readonly maxFrameLength: number
  /** The headers last accepted. */
  private readonly pattern = new Uint8Array(IPV6_HEADERS)
  private mask = IPV4_MASK
  /** IPV4_HEADERS or IPV6_HEADERS; 0 = nothing to compare with. */
  private headerLength = 0
  /** The shortest header of the transport protocol. */
  private transportHeaderLength = 0
  /** Of the pseudo-header without its length; below 0 = not needed so far. */
  private addressSum = -1
  private generation = 0

  constructor(parts: InterfaceParts, packet: ReceivedPacket) {
    this.bulk = parts.bulk
    this.addresses = parts.addresses
    this.packet = packet
    this.maxFrameLength = parts.maxFrameLength
  }

  /** Before a frame that does not match. */
  forget(): void {
    this.headerLength = 0
    this.handler = null
    this.tcp = null
    this.packet.connection = null
  }

  /**
   * After a frame that did not match: remembers its headers when its packet went to a handler,
   * without IP options or extension headers, and to us alone.
   */
  learn({ buffer, offset }: ReceivedFragment): void {
    const { packet, handler } = this
    if (handler === null || packet.toGroup) return
    const isTcp = packet.protocol === IpProtocol.Tcp
    if (!isTcp && packet.protocol !== IpProtocol.Udp) return
    const isIpv4 = packet.ipVersion === 4
    const headerLength = isIpv4 ? IPV4_HEADERS : IPV6_HEADERS
    if (packet.transportOffset - packet.networkOffset !== headerLength - ETHERNET_BYTES) return
    if (isTcp) this.tcp = handler
    this.transportHeaderLength = transportHeaderLength(packet.protocol)
    this.mask = isIpv4 ? IPV4_MASK : IPV6_MASK
    this.headerLength = headerLength
    this.addressSum = -1
    this.generation = this.addresses.generation
    this.bulk.copy(this.pattern, 0, buffer.bytes, offset, headerLength)
  }

  /**
   * True when the frame matches and its IP header is right; then the packet record describes it.
   */
  match(frame: ReceivedFrame, first: ReceivedFragment): boolean {
    const { packet, bulk, headerLength, transportHeaderLength } = this
    const { offset } = first
    const { bytes } = first.buffer
    if (
      headerLength === 0 ||
      first.length < headerLength + transportHeaderLength ||
      !bulk.matches(bytes, offset, this.pattern, this.mask, headerLength) ||
      this.generation !== this.addresses.generation
    ) {
      return false
    }
    const networkOffset = offset + ETHERNET_BYTES
    const frameLength = frame.length
    let transportLength = frameLength - headerLength
    if (headerLength === IPV4_HEADERS) {
      if (frameLength <= LONGEST_IPV4_FRAME) {
        transportLength = ((bytes[offset + 16]! << 8) | bytes[offset + 17]!) - IPV4_BYTES
      }
      if (bulk.checksum(bytes, networkOffset, IPV4_BYTES, 0) !== 0xffff) return false
    } else if (frameLength <= LONGEST_IPV6_FRAME) {
      transportLength = (bytes[offset + 18]! << 8) | bytes[offset + 19]!
    }
    if (
      transportLength + headerLength > frameLength ||
      transportLength < transportHeaderLength ||
      (frameLength > this.maxFrameLength && frame.meta.segmentSize === 0)
    ) {
      return false
    }
    packet.frame = frame
    packet.networkOffset = networkOffset
    packet.networkLength = headerLength - ETHERNET_BYTES + transportLength
    packet.transportOffset = offset + headerLength
    packet.transportLength = transportLength
    return true
  }

  /**
   * Of a frame that matches and that no device vouches for, such as a bridge or a tunnel brings:
   * true when its transport checksum is right. False says nothing yet: it may lie in pieces.
   */
  isIntact({ fragments, fragmentCount }: ReceivedFrame): boolean {
    if (fragmentCount !== 1) return false
    const { packet, bulk } = this
    if (this.addressSum < 0) {
      this.addressSum = pseudoHeaderSum(packet.source, packet.destination, packet.protocol)
    }
    const { transportOffset, transportLength } = packet
    let seed = this.addressSum + transportLength
    // Two terms of 16 bits, since it came in one buffer: one end-around carry at most.
    if (seed > 0xffff) seed -= 0xffff
    const { bytes } = fragments[0]!.buffer
    return bulk.checksum(bytes, transportOffset, transportLength, seed) === 0xffff
  }
}

/** All bits of `length` bytes but those at `free`. */
function maskOf(length: number, free: readonly number[]): Uint8Array {
  const mask = new Uint8Array(length).fill(0xff)
  for (const offset of free) mask[offset] = 0
  return mask
}
