/**
 * Cuts one TCP super-segment into frames of a device, payload left where it lies. Those in the
 * middle differ in few fields, and a device that can writes them itself, all at once.
 */
import type { BulkOperations, PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import { addSums, foldSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  IPV4_CHECKSUM_OFFSET,
  IPV4_IDENTIFICATION_OFFSET,
  IPV4_TOTAL_LENGTH_OFFSET,
} from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH_OFFSET } from '../wire/ipv6.ts'
import { TCP_CHECKSUM_OFFSET, TCP_FLAGS_OFFSET, TCP_SEQUENCE_OFFSET, TcpFlag } from '../wire/tcp.ts'
import { sumTransmitRecord } from './frame-checksum.ts'
import { ONE_BY_ONE, type TransmitHalf } from './net-device.ts'
import { NO_OFFLOAD, type PacketMeta } from './offload.ts'
import { TcpSeries } from './tcp-series.ts'
import { createTransmitRecord, type TransmitRecord } from './transmit-record.ts'

/** Ethernet, IPv6 and the longest TCP header, with room for IP options. */
export const MAX_SEGMENTED_HEADER_LENGTH = 256
const ON_LAST_ONLY = TcpFlag.Fin | TcpFlag.Psh

/** Holds at most one super-segment; the device may take its segments in several goes. */
export class SegmentSplitter {
  /** Payload bytes not yet handed to the device; 0 = nothing is pending. Read only outside. */
  remaining = 0
  private readonly device: TransmitHalf
  private readonly bulk: BulkOperations
  private readonly deviceChecksums: boolean
  /**
   * The next segment; its header is right but for sequence number, identification and checksums.
   */
  private readonly segment = createTransmitRecord(MAX_SEGMENTED_HEADER_LENGTH)
  /** Ask the device for the checksum of TCP behind an IP header of each family. */
  private ipv4Meta: PacketMeta = NO_OFFLOAD
  private ipv6Meta: PacketMeta = NO_OFFLOAD
  private headerLength = 0
  private transportOffset = 0
  private isIpv4 = true
  private segmentSize = 0
  private sequenceNumber = 0
  private identification = 0
  /** Sum of the IPv4 header with the identification of the next segment. */
  private ipv4Sum = 0
  /** Pseudo-header sum with addresses and protocol only. */
  private pseudoHeaderSum = 0
  /** The same with the length of a full segment: the seed of all but the last. */
  private fullSeed = 0
  private readonly ipv4Series: TcpSeries
  private readonly ipv6Series: TcpSeries
  /** Flags as the stack wrote them; the last segment's, CWR apart. */
  private flags = 0
  private range0: PacketBuffer | null = null
  private range0Offset = 0
  private range0Length = 0
  private range1: PacketBuffer | null = null
  private range1Offset = 0
  private range1Length = 0
  private owner: PayloadOwner | null = null

  constructor(device: TransmitHalf, bulk: BulkOperations, deviceChecksums: boolean) {
    this.device = device
    this.bulk = bulk
    this.deviceChecksums = deviceChecksums
    this.ipv4Series = new TcpSeries(true, !deviceChecksums)
    this.ipv6Series = new TcpSeries(false, !deviceChecksums)
  }

  /**
   * Takes over a super-segment and sends as many segments as the device accepts; false, and nothing
   * done, when it accepts none. Nothing may be pending.
   */
  begin(record: TransmitRecord): boolean {
    const { headerLength } = record
    if (headerLength > MAX_SEGMENTED_HEADER_LENGTH) {
      throw new RangeError(`Cannot segment a frame: its headers take ${headerLength} bytes`)
    }
    this.headerLength = headerLength
    this.bulk.copy(this.segment.header, 0, record.header, 0, headerLength)
    this.segment.headerLength = headerLength
    this.segment.flowHash = record.flowHash
    this.range0 = record.payload0
    this.range0Offset = record.payload0Offset
    this.range0Length = record.payload0Length
    this.range1 = record.payload1
    this.range1Offset = record.payload1Offset
    this.range1Length = record.payload1Length
    this.owner = record.owner
    this.remaining = record.payload0Length + record.payload1Length
    this.prepareHeader(record.meta)
    if (!this.sendNext()) {
      this.remaining = 0
      this.owner = null
      return false
    }
    if (this.remaining > 0) {
      // The payload is in use as long as segments of it are still to be queued.
      if (this.owner !== null) this.owner.framesInFlight++
      this.resume()
    }
    return true
  }

  /** Sends what is pending as far as the device has room; true when nothing is left. */
  resume(): boolean {
    while (this.remaining > 0) {
      if (!this.sendNext()) return false
      if (this.remaining > 0) continue
      if (this.owner !== null) this.owner.framesInFlight--
      this.owner = null
      this.range0 = null
      this.range1 = null
    }
    return true
  }

  /** Sends one segment or as many as may go at once; false when the device has no room for any. */
  private sendNext(): boolean {
    const count = this.device.submitSeries === undefined ? 0 : this.countAlike()
    const sent = count > 1 ? this.sendSeries(count) : ONE_BY_ONE
    return sent === ONE_BY_ONE ? this.sendSegment() : sent > 0
  }

  /**
   * Segments from the next one on that are full, lie in the first range, and have the same flags.
   */
  private countAlike(): number {
    if ((this.flags & TcpFlag.Cwr) !== 0) return 0
    const { remaining, range0Length, segmentSize, flags } = this
    const length = Math.min(range0Length, remaining)
    const count = (length / segmentSize) | 0
    const isLastIncluded = count * segmentSize === remaining
    return isLastIncluded && (flags & ON_LAST_ONLY) !== 0 ? count - 1 : count
  }

  /** As TransmitHalf.submitSeries. */
  private sendSeries(count: number): number {
    const { segment, segmentSize, transportOffset: transport, isIpv4 } = this
    const { view } = segment
    const series = isIpv4 ? this.ipv4Series : this.ipv6Series
    series.describe(transport, segmentSize, count, 1)
    view.setInt32(transport + TCP_SEQUENCE_OFFSET, this.sequenceNumber)
    view.setUint16(transport + TCP_CHECKSUM_OFFSET, this.fullSeed)
    if (isIpv4) this.writeIdentification(this.ipv4Sum)
    segment.payload0 = this.range0
    segment.payload0Offset = this.range0Offset
    segment.payload0Length = count * segmentSize
    segment.payload1Length = 0
    const sent = this.device.submitSeries!(segment, series)
    if (sent <= 0) return sent
    const length = sent * segmentSize
    this.sequenceNumber = (this.sequenceNumber + length) | 0
    this.remaining -= length
    this.takePayload(length)
    if (isIpv4) this.advanceIdentification(sent)
    return sent
  }

  private prepareHeader(meta: PacketMeta): void {
    const { view, header } = this.segment
    const transport = meta.checksumStart
    const transportHeaderLength = this.headerLength - transport
    const size = meta.segmentationOffloadSize
    this.transportOffset = transport
    this.segmentSize = size
    this.isIpv4 = meta.ipVersion === 4
    this.sequenceNumber = view.getInt32(transport + TCP_SEQUENCE_OFFSET)
    this.flags = header[transport + TCP_FLAGS_OFFSET]!
    header[transport + TCP_FLAGS_OFFSET] = this.flags & ~ON_LAST_ONLY
    // The seed holds the whole length: taken out again, so that each segment can put in its own.
    const seed = view.getUint16(transport + TCP_CHECKSUM_OFFSET)
    const wholeLength = foldSum(transportHeaderLength + this.remaining)
    this.pseudoHeaderSum = addSums(seed, ~wholeLength & 0xffff)
    this.fullSeed = addSums(this.pseudoHeaderSum, transportHeaderLength + size)
    this.writeLength(size)
    if (this.isIpv4) {
      const ip = ETHERNET_HEADER_LENGTH
      this.identification = view.getUint16(ip + IPV4_IDENTIFICATION_OFFSET)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, 0)
      this.ipv4Sum = this.bulk.checksum(header, ip, transport - ip, 0)
    }
    this.segment.owner = this.owner
    if (this.deviceChecksums) this.segment.meta = this.metaOf(transport)
  }

  private metaOf(checksumStart: number): PacketMeta {
    const known = this.isIpv4 ? this.ipv4Meta : this.ipv6Meta
    if (known.checksumStart === checksumStart) return known
    const meta = { ...NO_OFFLOAD, checksumStart, checksumOffset: TCP_CHECKSUM_OFFSET }
    if (this.isIpv4) this.ipv4Meta = meta
    else this.ipv6Meta = meta
    return meta
  }

  /** Writes the IP length of a segment with `payloadLength` bytes. */
  private writeLength(payloadLength: number): void {
    const { view } = this.segment
    const ip = ETHERNET_HEADER_LENGTH
    const length = this.headerLength - ip + payloadLength
    if (this.isIpv4) view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, length)
    // RFC 8200 §3: the payload length leaves out the fixed header.
    else view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, length - IPV6_HEADER_LENGTH)
  }

  /**
   * Any segment: the first, the last, and one whose payload lies in two places. False when the
   * device has no room.
   */
  private sendSegment(): boolean {
    const { segment, headerLength, transportOffset: transport } = this
    const { view, header } = segment
    let length = this.segmentSize
    let seed = this.fullSeed
    let ipv4Sum = this.ipv4Sum
    if (length >= this.remaining) {
      // The last has its own length, and the flags that the stack gave.
      const shorter = length - this.remaining
      length = this.remaining
      seed = addSums(this.pseudoHeaderSum, headerLength - transport + length)
      ipv4Sum = addSums(ipv4Sum, ~shorter & 0xffff)
      header[transport + TCP_FLAGS_OFFSET] = this.flags
      this.writeLength(length)
    }
    view.setInt32(transport + TCP_SEQUENCE_OFFSET, this.sequenceNumber)
    if (this.isIpv4) this.writeIdentification(ipv4Sum)
    view.setUint16(transport + TCP_CHECKSUM_OFFSET, seed)
    this.placePayload(length)
    if (!this.deviceChecksums) {
      const sum = sumTransmitRecord(segment, transport, this.bulk)
      view.setUint16(transport + TCP_CHECKSUM_OFFSET, ~sum & 0xffff)
    }
    if (!this.device.submit(segment)) return false
    this.sequenceNumber = (this.sequenceNumber + length) | 0
    this.remaining -= length
    this.takePayload(length)
    if (this.isIpv4) this.advanceIdentification(1)
    // CWR only on the first (RFC 3168 §6.1.2: it answers one ECE).
    if ((this.flags & TcpFlag.Cwr) !== 0) {
      this.flags &= ~TcpFlag.Cwr
      header[transport + TCP_FLAGS_OFFSET]! &= ~TcpFlag.Cwr
    }
    return true
  }

  private writeIdentification(ipv4Sum: number): void {
    const { view } = this.segment
    view.setUint16(ETHERNET_HEADER_LENGTH + IPV4_IDENTIFICATION_OFFSET, this.identification)
    view.setUint16(ETHERNET_HEADER_LENGTH + IPV4_CHECKSUM_OFFSET, ~ipv4Sum & 0xffff)
  }

  /** So many more, and so is the sum: that of 65535 and of 0 is the same in ones' complement. */
  private advanceIdentification(count: number): void {
    const next = this.identification + count
    this.ipv4Sum = addSums(this.ipv4Sum, next > 0xffff ? count - 1 : count)
    this.identification = next & 0xffff
  }

  /** Names the next `length` payload bytes in the segment. */
  private placePayload(length: number): void {
    const { segment, range0Length } = this
    segment.payload0 = this.range0
    segment.payload0Offset = this.range0Offset
    segment.payload0Length = Math.min(length, range0Length)
    segment.payload1 = this.range1
    segment.payload1Offset = this.range1Offset
    segment.payload1Length = length < range0Length ? 0 : length - range0Length
  }

  private takePayload(length: number): void {
    if (length < this.range0Length) {
      this.range0Offset += length
      this.range0Length -= length
      return
    }
    // The first range ends here: what is left lies in the second alone.
    const rest = length - this.range0Length
    this.range0 = this.range1
    this.range0Offset = this.range1Offset + rest
    this.range0Length = this.range1Length - rest
    this.range1 = null
    this.range1Length = 0
  }
}
