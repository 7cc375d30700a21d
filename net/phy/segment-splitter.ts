/** Cuts one TCP super-segment into frames of a device, headers copied and patched, payload left where it lies. */
import type { BulkOperations, PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import { addSums, foldSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { TCP_CHECKSUM_OFFSET, TCP_FLAGS_OFFSET, TCP_SEQUENCE_OFFSET, TcpFlag } from '../wire/tcp.ts'
import { sumTransmitFrame } from './frame-checksum.ts'
import type { NetDevice, TransmitFrame } from './net-device.ts'

/** Ethernet, IPv6 and the longest TCP header, with room for IP options. */
const TEMPLATE_LENGTH = 256
const ON_LAST_ONLY = TcpFlag.Fin | TcpFlag.Psh

/** Holds at most one super-segment; the device may take its segments in several goes. */
export class SegmentSplitter {
  /** Payload bytes not yet handed to the device; 0 = nothing is pending. Read only outside. */
  remaining = 0
  private readonly device: NetDevice
  private readonly bulk: BulkOperations
  private readonly deviceChecksums: boolean
  /** Headers of the next segment, but for sequence number, identification and checksums. */
  private readonly template = new Uint8Array(TEMPLATE_LENGTH)
  private readonly templateView = new DataView(this.template.buffer)
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
  /** Sum of a full segment's TCP header with its pseudo-header, sequence number 0. */
  private fullSum = 0
  /** Flags as the stack wrote them; the last segment's, CWR apart. */
  private flags = 0
  private range0: PacketBuffer | null = null
  private range0Offset = 0
  private range0Length = 0
  private range1: PacketBuffer | null = null
  private range1Offset = 0
  private range1Length = 0
  private owner: PayloadOwner | null = null

  constructor(device: NetDevice, bulk: BulkOperations, deviceChecksums: boolean) {
    this.device = device
    this.bulk = bulk
    this.deviceChecksums = deviceChecksums
  }

  /**
   * Takes over the open frame of the device, which holds a super-segment as the stack completed it, and sends as
   * many segments as the device accepts. Nothing may be pending.
   */
  begin(frame: TransmitFrame): void {
    const headerLength = frame.headerLength
    if (headerLength > TEMPLATE_LENGTH) {
      throw new RangeError(`Cannot segment a frame: its headers take ${headerLength} bytes`)
    }
    this.headerLength = headerLength
    this.bulk.copy(this.template, 0, frame.header.bytes, frame.headerOffset, headerLength)
    this.range0 = frame.payload0
    this.range0Offset = frame.payload0Offset
    this.range0Length = frame.payload0Length
    this.range1 = frame.payload1
    this.range1Offset = frame.payload1Offset
    this.range1Length = frame.payload1Length
    this.remaining = frame.payload0Length + frame.payload1Length
    this.prepareTemplate(frame)
    // The payload is in use as long as segments of it are still to be queued.
    this.owner = frame.owner
    if (frame.owner !== null) frame.owner.framesInFlight++
    this.sendSegment(frame)
    // CWR only on the first (RFC 3168 §6.1.2: it answers one ECE).
    this.flags &= ~TcpFlag.Cwr
    this.template[this.transportOffset + TCP_FLAGS_OFFSET]! &= ~TcpFlag.Cwr
    this.prepareFullSegments()
    this.resume()
  }

  /** Sends what is pending as far as the device has room; true when nothing is left. */
  resume(): boolean {
    const device = this.device
    while (this.remaining > 0) {
      const frame = device.acquireTransmit()
      if (frame === null) return false
      if (this.segmentSize < this.range0Length && this.segmentSize < this.remaining) {
        this.sendFullSegment(frame)
      } else {
        this.sendSegment(frame)
      }
    }
    return true
  }

  /** Puts into the template, and into one sum, all that full segments after the first have in common. */
  private prepareFullSegments(): void {
    const { templateView: view, transportOffset: transport } = this
    const checksum = transport + TCP_CHECKSUM_OFFSET
    view.setInt32(transport + TCP_SEQUENCE_OFFSET, 0)
    view.setUint16(checksum, this.fullSeed)
    const length = this.headerLength - transport
    // The seed lies in the field, so the sum includes pseudo-header and length.
    this.fullSum = this.bulk.checksum(this.template, transport, length, 0)
  }

  /** As sendSegment for one in the middle whose payload is in one piece: nearly all of them. */
  private sendFullSegment(frame: TransmitFrame): void {
    const { bulk, segmentSize, range0, range0Offset, sequenceNumber } = this
    const header = frame.header
    const view = header.view
    const start = frame.headerOffset
    const headerLength = this.headerLength
    const transport = start + this.transportOffset
    bulk.copy(header.bytes, start, this.template, 0, headerLength)
    view.setInt32(transport + TCP_SEQUENCE_OFFSET, sequenceNumber)
    if (this.isIpv4) this.writeIdentification(view, start)
    if (this.deviceChecksums) {
      const meta = frame.meta
      meta.checksumStart = this.transportOffset
      meta.checksumOffset = TCP_CHECKSUM_OFFSET
    } else {
      const sum = bulk.checksum(
        range0!.bytes,
        range0Offset,
        segmentSize,
        this.fullSum + (sequenceNumber >>> 16) + (sequenceNumber & 0xffff),
      )
      view.setUint16(transport + TCP_CHECKSUM_OFFSET, ~sum & 0xffff)
    }
    frame.headerLength = headerLength
    frame.payload0 = range0
    frame.payload0Offset = range0Offset
    frame.payload0Length = segmentSize
    frame.owner = this.owner
    this.range0Offset = range0Offset + segmentSize
    this.range0Length -= segmentSize
    this.remaining -= segmentSize
    this.sequenceNumber = (sequenceNumber + segmentSize) | 0
    this.device.commitTransmit(frame)
  }

  /** The next segment's, and what it makes of the header checksum. */
  private writeIdentification(view: DataView, start: number): void {
    const sum = this.ipv4Sum
    const identification = this.identification
    view.setUint16(start + ETHERNET_HEADER_LENGTH + 4, identification)
    view.setUint16(start + ETHERNET_HEADER_LENGTH + 10, ~sum & 0xffff)
    // One more, and so is the sum; from 65535 to 0 the sum stays, as the two are the same in ones' complement.
    if (identification === 0xffff) {
      this.identification = 0
    } else {
      this.identification = identification + 1
      this.ipv4Sum = sum === 0xffff ? 1 : sum + 1
    }
  }

  private prepareTemplate(frame: TransmitFrame): void {
    const view = this.templateView
    const transport = frame.meta.checksumStart
    const transportHeaderLength = this.headerLength - transport
    const size = frame.meta.segmentationOffloadSize
    this.transportOffset = transport
    this.segmentSize = size
    this.isIpv4 = frame.meta.ipVersion === 4
    this.sequenceNumber = view.getInt32(transport + TCP_SEQUENCE_OFFSET)
    this.flags = view.getUint8(transport + TCP_FLAGS_OFFSET)
    view.setUint8(transport + TCP_FLAGS_OFFSET, this.flags & ~ON_LAST_ONLY)
    // The seed holds the whole length: taken out again, so that each segment can put in its own.
    const seed = view.getUint16(transport + TCP_CHECKSUM_OFFSET)
    const wholeLength = foldSum(transportHeaderLength + this.remaining)
    this.pseudoHeaderSum = addSums(seed, ~wholeLength & 0xffff)
    this.fullSeed = addSums(this.pseudoHeaderSum, transportHeaderLength + size)
    const segmentLength = this.headerLength - ETHERNET_HEADER_LENGTH + size
    if (this.isIpv4) {
      this.identification = view.getUint16(ETHERNET_HEADER_LENGTH + 4)
      view.setUint16(ETHERNET_HEADER_LENGTH + 2, segmentLength)
      view.setUint16(ETHERNET_HEADER_LENGTH + 10, 0)
      const ipv4Length = transport - ETHERNET_HEADER_LENGTH
      this.ipv4Sum = this.bulk.checksum(this.template, ETHERNET_HEADER_LENGTH, ipv4Length, 0)
    } else {
      // RFC 8200 §3: the payload length leaves out the fixed header.
      view.setUint16(ETHERNET_HEADER_LENGTH + 4, segmentLength - 40)
    }
  }

  private sendSegment(frame: TransmitFrame): void {
    const { headerLength, transportOffset, device } = this
    const view = frame.header.view
    const start = frame.headerOffset
    const transport = start + transportOffset
    let length = this.segmentSize
    let seed = this.fullSeed
    this.bulk.copy(frame.header.bytes, start, this.template, 0, headerLength)
    if (length >= this.remaining) {
      length = this.remaining
      seed = addSums(this.pseudoHeaderSum, headerLength - transportOffset + length)
      this.patchLast(view, start, transport, length)
    }
    view.setInt32(transport + TCP_SEQUENCE_OFFSET, this.sequenceNumber)
    this.sequenceNumber = (this.sequenceNumber + length) | 0
    if (this.isIpv4) this.writeIdentification(view, start)
    view.setUint16(transport + TCP_CHECKSUM_OFFSET, seed)
    frame.headerLength = headerLength
    this.remaining -= length
    this.takePayload(frame, length)
    const meta = frame.meta
    meta.segmentationOffloadSize = 0
    meta.congestionWindowReduced = false
    if (this.deviceChecksums) {
      meta.checksumStart = transportOffset
      meta.checksumOffset = TCP_CHECKSUM_OFFSET
    } else {
      meta.checksumStart = 0
      const sum = sumTransmitFrame(frame, transport, this.bulk, 0)
      view.setUint16(transport + TCP_CHECKSUM_OFFSET, ~sum & 0xffff)
    }
    const owner = this.owner
    frame.owner = owner
    device.commitTransmit(frame)
    if (this.remaining === 0) {
      if (owner !== null) owner.framesInFlight--
      this.owner = null
      this.range0 = null
      this.range1 = null
    }
  }

  /** The last segment has its own length, and the flags the stack gave. */
  private patchLast(view: DataView, start: number, transport: number, length: number): void {
    const ip = start + ETHERNET_HEADER_LENGTH
    const segmentLength = this.headerLength - ETHERNET_HEADER_LENGTH + length
    view.setUint8(transport + TCP_FLAGS_OFFSET, this.flags)
    if (this.isIpv4) {
      view.setUint16(ip + 2, segmentLength)
      const difference = this.segmentSize - length
      this.ipv4Sum = addSums(this.ipv4Sum, ~difference & 0xffff)
    } else {
      view.setUint16(ip + 4, segmentLength - 40)
    }
  }

  /** Names the next `length` payload bytes in the frame. */
  private takePayload(frame: TransmitFrame, length: number): void {
    frame.payload0 = this.range0
    frame.payload0Offset = this.range0Offset
    if (length < this.range0Length) {
      frame.payload0Length = length
      frame.payload1 = null
      frame.payload1Length = 0
      this.range0Offset += length
      this.range0Length -= length
      return
    }
    // The first range ends here: what is left lies in the second alone.
    const rest = length - this.range0Length
    frame.payload0Length = this.range0Length
    frame.payload1 = rest > 0 ? this.range1 : null
    frame.payload1Offset = this.range1Offset
    frame.payload1Length = rest
    this.range0 = this.range1
    this.range0Offset = this.range1Offset + rest
    this.range0Length = this.range1Length - rest
    this.range1 = null
    this.range1Length = 0
  }
}
