/**
 * Sends datagrams that are longer than their path carries in fragments (RFC 791 §3.2, RFC 8200
 * §4.5): a whole one or nothing of it.
 */
import type { TransmitHalf } from '../../phy/net-device.ts'
import { NO_OFFLOAD } from '../../phy/offload.ts'
import { createTransmitRecord } from '../../phy/transmit-record.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import {
  IPV4_CHECKSUM_OFFSET,
  IPV4_FRAGMENT_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_IDENTIFICATION_OFFSET,
  IPV4_MORE_FRAGMENTS,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
} from '../../wire/ipv4.ts'
import {
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER_OFFSET,
  IPV6_PAYLOAD_LENGTH_OFFSET,
} from '../../wire/ipv6.ts'
import { emitFragmentHeader, FRAGMENT_HEADER_LENGTH } from '../../wire/ipv6-extension.ts'
import type { EarliestDeadline } from '../earliest-deadline.ts'
import type { InterfaceCounters } from '../interface-counters.ts'
import { isInternal } from '../internal-link.ts'
import type { RandomSource } from '../random-source.ts'
import { FragmentIdentifiers } from './fragment-identifiers.ts'

/** Where in the buffer the message begins; Ethernet and IP header end there. */
export const MESSAGE_OFFSET = 64
/** The longest IP payload there is: of IPv6. */
const MAX_MESSAGE_LENGTH = 65_535
/**
 * How long a device may take nothing more: after that it has forgotten the rest of the datagram,
 * and the peer will have too.
 */
const PENDING_LIFETIME_MS = 1_000
const IP = ETHERNET_HEADER_LENGTH

export class Fragmenter {
  /**
   * Octets of the message that the device has not taken yet; 0 = none is under way. Read only
   * outside.
   */
  remaining = 0
  private readonly device: TransmitHalf
  private readonly internal: TransmitHalf
  /** Of the datagram under way. */
  private tx: TransmitHalf
  private readonly bulk: BulkOperations
  private readonly counters: InterfaceCounters
  private readonly identifiers: FragmentIdentifiers
  /** Made when first used: most guests never send a fragment. */
  private buffer: Uint8Array | null = null
  private readonly record = createTransmitRecord(
    ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + FRAGMENT_HEADER_LENGTH,
  )
  private length = 0
  /** Octets of message in one packet at most. */
  private capacity = 0
  private isIpv4 = true
  private identification = 0
  private nextHeader = 0
  private deadlineMs = 0
  private readonly deadline: EarliestDeadline

  /** `internal` takes what has no hardware address: packets to ourselves. */
  constructor(
    device: TransmitHalf,
    internal: TransmitHalf,
    bulk: BulkOperations,
    counters: InterfaceCounters,
    random: RandomSource,
    deadline: EarliestDeadline,
  ) {
    this.deadline = deadline
    this.device = device
    this.internal = internal
    this.tx = device
    this.bulk = bulk
    this.counters = counters
    this.identifiers = new FragmentIdentifiers(random, bulk)
  }

  /**
   * The memory of the next datagram, to be filled at once: the message from MESSAGE_OFFSET on,
   * checksums in place, before it Ethernet and IP header as of a packet that is whole. Null while
   * the device has not taken the last one.
   */
  open(): Uint8Array | null {
    if (this.remaining > 0) return null
    this.buffer ??= new Uint8Array(MESSAGE_OFFSET + MAX_MESSAGE_LENGTH)
    return this.buffer
  }

  /**
   * Sends the datagram that was filled in, `length` octets behind the IP header, in packets of
   * `mtu` at most, by one queue of the device with frames of the same hash. False, and nothing
   * done, when the device takes none of it; what it does not take now goes out later.
   */
  send(
    source: IpAddress,
    destination: IpAddress,
    length: number,
    mtu: number,
    flowHash: number,
    nowMs: number,
  ): boolean {
    this.isIpv4 = destination.version === 4
    this.identification = this.identifiers.next(source, destination)
    this.record.flowHash = flowHash
    this.length = length
    this.capacity = this.prepareHeader(mtu)
    this.tx = isInternal(this.record.view) ? this.internal : this.device
    this.remaining = length
    this.deadlineMs = nowMs + PENDING_LIFETIME_MS
    if (!this.sendFragment()) {
      this.remaining = 0
      return false
    }
    this.counters.datagramsFragmented++
    this.resume(nowMs)
    if (this.remaining > 0) this.deadline.note(this.deadlineMs)
    return true
  }

  /** Sends what is left, as far as the device has room. */
  resume(nowMs: number): void {
    while (this.remaining > 0) {
      if (this.sendFragment()) continue
      if (nowMs >= this.deadlineMs) {
        this.remaining = 0
        this.counters.fragmentationAbandoned++
      }
      return
    }
  }

  /** When the rest is given up; Infinity = nothing waits. */
  nextDeadlineMs(): number {
    return this.remaining > 0 ? this.deadlineMs : Number.POSITIVE_INFINITY
  }

  /** Takes over the header and returns how many octets of message fit behind it. */
  private prepareHeader(mtu: number): number {
    const { bulk, record } = this
    const { view, header } = record
    const buffer = this.buffer!
    const ipLength = this.isIpv4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH
    const headerLength = ETHERNET_HEADER_LENGTH + ipLength
    bulk.copy(header, 0, buffer, MESSAGE_OFFSET - headerLength, headerLength)
    record.copied = buffer
    record.meta = NO_OFFLOAD
    if (this.isIpv4) {
      record.headerLength = headerLength
      view.setUint16(IP + IPV4_IDENTIFICATION_OFFSET, this.identification & 0xffff)
      return mtu - ipLength
    }
    record.headerLength = headerLength + FRAGMENT_HEADER_LENGTH
    this.nextHeader = header[IP + IPV6_NEXT_HEADER_OFFSET]!
    header[IP + IPV6_NEXT_HEADER_OFFSET] = IpProtocol.Fragment
    return mtu - ipLength - FRAGMENT_HEADER_LENGTH
  }

  private sendFragment(): boolean {
    const { record, remaining, capacity } = this
    const offset = this.length - remaining
    const isLast = remaining <= capacity
    const length = isLast ? remaining : capacity & ~7
    record.copiedOffset = MESSAGE_OFFSET + offset
    record.copiedLength = length
    if (this.isIpv4) this.writeIpv4(offset, length, isLast)
    else this.writeIpv6(offset, length, isLast)
    if (!this.tx.submit(record)) return false
    this.counters.framesSent++
    this.remaining = remaining - length
    return true
  }

  private writeIpv4(offset: number, length: number, isLast: boolean): void {
    const { view, header } = this.record
    // Without DF: routers may cut it further.
    const field = (offset >> 3) | (isLast ? 0 : IPV4_MORE_FRAGMENTS)
    view.setUint16(IP + IPV4_TOTAL_LENGTH_OFFSET, IPV4_HEADER_LENGTH + length)
    view.setUint16(IP + IPV4_FRAGMENT_OFFSET, field)
    view.setUint16(IP + IPV4_CHECKSUM_OFFSET, 0)
    const sum = this.bulk.checksum(header, IP, IPV4_HEADER_LENGTH, 0)
    view.setUint16(IP + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
  }

  private writeIpv6(offset: number, length: number, isLast: boolean): void {
    const { view } = this.record
    view.setUint16(IP + IPV6_PAYLOAD_LENGTH_OFFSET, FRAGMENT_HEADER_LENGTH + length)
    const at = IP + IPV6_HEADER_LENGTH
    emitFragmentHeader(view, at, this.nextHeader, offset, !isLast, this.identification)
  }
}
