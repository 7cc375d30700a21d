/**
 * TCP segments in a row, kept as one frame: which one may follow, and what their common headers say
 * in the end.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import {
  IPV4_CHECKSUM_OFFSET,
  IPV4_FRAGMENT_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
} from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH_OFFSET } from '../wire/ipv6.ts'
import { TCP_FLAGS_OFFSET, TCP_HEADER_LENGTH, TCP_SEQUENCE_OFFSET, TcpFlag } from '../wire/tcp.ts'
import { copyReceived } from './gather.ts'
import type { ReceivedFrame } from './net-device.ts'
import type { StoredFrame } from './received-frame.ts'

/** Shorter ones come alone, as answers and requests do: to copy them costs more than it saves. */
const MIN_SEGMENT_BYTES = 512
const MIN_FRAME_BYTES = 54 + TCP_HEADER_LENGTH + MIN_SEGMENT_BYTES
/** Of the whole frame: the largest whose IP length field is real in both families. */
const MAX_JOINED_BYTES = 65_535
const IPV4_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH
const IPV6_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH
const DATA_OFFSET = 12

/**
 * What the headers of a run have in common, as Linux has it: all but IP length, identification and
 * header checksum, and of TCP sequence number, checksum and PSH. So the acknowledgment, the window,
 * ECN bits, time to live and all options are the same.
 */
const IPV4_MASK = maskOf(IPV4_TRANSPORT, [16, 17, 18, 19, 24, 25])
const IPV6_MASK = maskOf(IPV6_TRANSPORT, [18, 19])

export class SegmentRun {
  readonly stored: StoredFrame
  /** So many segments lie in it. Read only outside, as what follows. */
  segments = 0
  /** Its last segment ends it: with PSH, or shorter than the others. */
  isComplete = false
  checksumVerified = false
  /** By which queue its first segment came. */
  queueIndex = 0
  private readonly bulk: BulkOperations
  private isIpv4 = true
  private transport = 0
  private headerLength = 0
  private segmentSize = 0
  private nextSequence = 0
  /** Sum of the pseudo-header without the length; -1 = not computed yet. */
  private pseudoSum = -1
  private lastFlags = 0

  constructor(stored: StoredFrame, bulk: BulkOperations) {
    this.stored = stored
    this.bulk = bulk
  }

  /** A look at what costs little: true of a frame that may be the first of several. */
  canBegin(frame: ReceivedFrame): boolean {
    const { length } = frame
    if (length < MIN_FRAME_BYTES || frame.meta.segmentSize !== 0) return false
    const { buffer, offset } = frame.fragments[0]!
    const { bytes } = buffer
    const high = bytes[offset + ETHERNET_TYPE_OFFSET]!
    return high === 0x08
      ? bytes[offset + 23] === IpProtocol.Tcp
      : high === 0x86 && bytes[offset + 20] === IpProtocol.Tcp
  }

  /** Copies a frame, whatever it is. */
  take(frame: ReceivedFrame): void {
    const { stored } = this
    const capacity = stored.buffer.lengthBytes
    // What is longer is no frame of this link, and dropped as such.
    const length = Math.min(frame.length, capacity)
    const start = frame.fragments[0]!.offset
    copyReceived(frame, start, length, stored.buffer.bytes, 0, this.bulk)
    stored.length = length
    stored.checksumPartial = frame.meta.checksumPartial
    stored.segmentSize = frame.meta.segmentSize
    this.checksumVerified = frame.meta.checksumVerified
    this.queueIndex = frame.queueIndex
    this.segments = 1
  }

  /** Looks at the frame taken last: false when nothing can follow it. */
  begin(): boolean {
    const { stored } = this
    const { view, bytes } = stored.buffer
    this.isComplete = false
    this.pseudoSum = -1
    if (stored.segmentSize !== 0) return false
    if (stored.length < MIN_FRAME_BYTES) return false
    const etherType = view.getUint16(ETHERNET_TYPE_OFFSET)
    if (etherType !== EtherType.Ipv4 && etherType !== EtherType.Ipv6) return false
    const isIpv4 = etherType === EtherType.Ipv4
    const transport = isIpv4 ? IPV4_TRANSPORT : IPV6_TRANSPORT
    this.isIpv4 = isIpv4
    this.transport = transport
    if (isIpv4) {
      if (bytes[ETHERNET_HEADER_LENGTH] !== 0x45 || bytes[23] !== IpProtocol.Tcp) return false
      // A fragment is no whole segment.
      if ((view.getUint16(ETHERNET_HEADER_LENGTH + IPV4_FRAGMENT_OFFSET) & 0x3fff) !== 0)
        return false
    } else if (bytes[ETHERNET_HEADER_LENGTH]! >> 4 !== 6 || bytes[20] !== IpProtocol.Tcp) {
      return false
    }
    const tcpHeader = (bytes[transport + DATA_OFFSET]! >> 4) << 2
    const headerLength = transport + tcpHeader
    if (tcpHeader < TCP_HEADER_LENGTH || headerLength >= stored.length) return false
    if (bytes[transport + TCP_FLAGS_OFFSET] !== TcpFlag.Ack) return false
    if (!this.isWhole(view, 0, stored.length)) return false
    this.headerLength = headerLength
    this.segmentSize = stored.length - headerLength
    this.nextSequence = (view.getInt32(transport + TCP_SEQUENCE_OFFSET) + this.segmentSize) | 0
    this.lastFlags = TcpFlag.Ack
    return this.segmentSize >= MIN_SEGMENT_BYTES
  }

  /**
   * Appends the text of a segment that goes on where this ends, and is right; false, and nothing
   * done, for any other frame.
   */
  join(frame: ReceivedFrame): boolean {
    const { bulk, stored, transport, headerLength, isIpv4 } = this
    const { length } = frame
    const first = frame.fragments[0]!
    const text = length - headerLength
    if (frame.fragmentCount !== 1 || frame.meta.segmentSize !== 0) return false
    if (text <= 0 || text > this.segmentSize || stored.length + text > MAX_JOINED_BYTES)
      return false
    const { offset } = first
    const { view, bytes } = first.buffer
    const own = stored.buffer.bytes
    const at = offset + transport
    if (!bulk.matches(bytes, offset, own, isIpv4 ? IPV4_MASK : IPV6_MASK, transport)) return false
    if (view.getInt32(at + TCP_SEQUENCE_OFFSET) !== this.nextSequence) return false
    if (!this.hasSameTcpHeader(view, at)) return false
    if (!this.isWhole(view, offset, length)) return false
    if (!this.isRight(bytes, offset, length, frame.meta.checksumVerified)) return false
    // The first is looked at once there is a second.
    if (this.segments === 1 && !this.isRight(own, 0, stored.length, this.checksumVerified)) {
      return false
    }
    bulk.copy(own, stored.length, bytes, offset + headerLength, text)
    stored.length += text
    this.nextSequence = (this.nextSequence + text) | 0
    this.segments++
    const flags = bytes[at + TCP_FLAGS_OFFSET]!
    this.lastFlags = flags
    this.isComplete = flags !== TcpFlag.Ack || text < this.segmentSize
    return true
  }

  /** Has the headers say what the whole is. */
  finish(): void {
    const { stored, transport } = this
    const { view, bytes } = stored.buffer
    const ip = ETHERNET_HEADER_LENGTH
    if (this.isIpv4) {
      view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, stored.length - ip)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, 0)
      const sum = this.bulk.checksum(bytes, ip, IPV4_HEADER_LENGTH, 0)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
    } else {
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, stored.length - IPV6_TRANSPORT)
    }
    bytes[transport + TCP_FLAGS_OFFSET] = this.lastFlags
    stored.segmentSize = this.segmentSize
    // Each segment was vouched for or verified; the field is that of the first.
    this.checksumVerified = true
    stored.checksumPartial = true
  }

  /**
   * The ports, the acknowledgment, the length of the header, the window, the urgent pointer and all
   * options; PSH may end the run.
   */
  private hasSameTcpHeader(view: DataView, at: number): boolean {
    const { transport, headerLength } = this
    const own = this.stored.buffer.view
    if (view.getInt32(at) !== own.getInt32(transport)) return false
    if (view.getInt32(at + 8) !== own.getInt32(transport + 8)) return false
    const flags = view.getInt32(at + DATA_OFFSET) & ~(TcpFlag.Psh << 16)
    if (flags !== own.getInt32(transport + DATA_OFFSET)) return false
    if (view.getUint16(at + 18) !== own.getUint16(transport + 18)) return false
    for (let i = TCP_HEADER_LENGTH; i < headerLength - transport; i += 4) {
      if (view.getInt32(at + i) !== own.getInt32(transport + i)) return false
    }
    return true
  }

  /** The IP length is that of the frame: nothing follows the packet. */
  private isWhole(view: DataView, offset: number, length: number): boolean {
    const ip = offset + ETHERNET_HEADER_LENGTH
    return this.isIpv4
      ? view.getUint16(ip + IPV4_TOTAL_LENGTH_OFFSET) + ETHERNET_HEADER_LENGTH === length
      : view.getUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET) + IPV6_TRANSPORT === length
  }

  /** Its checksums are: what is joined nobody can verify any more. */
  private isRight(bytes: Uint8Array, offset: number, length: number, isVerified: boolean): boolean {
    if (this.isIpv4) {
      const ip = offset + ETHERNET_HEADER_LENGTH
      if (this.bulk.checksum(bytes, ip, IPV4_HEADER_LENGTH, 0) !== 0xffff) return false
    }
    return isVerified || this.hasGoodChecksum(bytes, offset, length)
  }

  private hasGoodChecksum(bytes: Uint8Array, offset: number, length: number): boolean {
    const { bulk, transport, isIpv4 } = this
    if (this.pseudoSum < 0) {
      const addresses = isIpv4 ? 26 : 22
      const own = this.stored.buffer.bytes
      this.pseudoSum = bulk.checksum(own, addresses, transport - addresses, IpProtocol.Tcp)
    }
    const text = length - transport
    return bulk.checksum(bytes, offset + transport, text, this.pseudoSum + text) === 0xffff
  }
}

/** All bits of `length` bytes but those at `free`. */
function maskOf(length: number, free: readonly number[]): Uint8Array {
  const mask = new Uint8Array(length).fill(0xff)
  for (const offset of free) mask[offset] = 0
  return mask
}
