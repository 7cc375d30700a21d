/**
 * Which received TCP segments a device may give as one frame, and what the headers of that say: GRO
 * of frames that lie in a receive queue in a row.
 */
import type { BulkOperations, PacketBuffer } from '../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  IPV4_CHECKSUM_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
} from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH_OFFSET } from '../wire/ipv6.ts'
import {
  TCP_DATA_OFFSET_OFFSET,
  TCP_FLAGS_OFFSET,
  TCP_HEADER_LENGTH,
  TCP_MAX_HEADER_LENGTH,
  TCP_SEQUENCE_OFFSET,
  TcpFlag,
} from '../wire/tcp.ts'
import type { FrameJoiner, RunLayout } from './net-device.ts'

/** Shorter ones come alone, as answers and requests do. */
const MIN_SEGMENT_BYTES = 512
const MIN_FRAME_BYTES =
  ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH + TCP_HEADER_LENGTH + MIN_SEGMENT_BYTES
/** Of the whole frame: the largest whose IP length field is real in both families. */
const MAX_JOINED_BYTES = 65_535
const IPV4_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH
const IPV6_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH
/** Source and destination, right in front of the transport header in both families. */
const IPV4_ADDRESSES = 8
const IPV6_ADDRESSES = 32
/** Sums are of ones' complement: it counts as nothing, and keeps them above 0. */
const NOTHING = 0xffff
const LAYOUTS_OF_FAMILY = TCP_MAX_HEADER_LENGTH / 4 + 1

export interface CoalescingStatistics {
  /** Frames given on that several segments were joined into, and these segments. */
  coalescedFrames: number
  coalescedSegments: number
}

/**
 * Nothing waits for what is not there yet, and no octet of text is moved: what follows the first
 * frame's own text is where the device has put it.
 */
export class SegmentJoiner implements FrameJoiner {
  readonly minLength = MIN_FRAME_BYTES
  readonly maxLength = MAX_JOINED_BYTES
  readonly statistics: CoalescingStatistics = { coalescedFrames: 0, coalescedSegments: 0 }
  private readonly bulk: BulkOperations
  /** By family, who vouches for the text, and length of the TCP header; made when first used. */
  private readonly layouts: (RunLayout | undefined)[] = []

  constructor(bulk: BulkOperations) {
    this.bulk = bulk
    for (let i = 0; i < 4 * LAYOUTS_OF_FAMILY; i++) this.layouts.push(undefined)
  }

  layoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null {
    if (length < MIN_FRAME_BYTES) return null
    let transport = IPV4_TRANSPORT
    let family = 0
    const high = bytes[offset + 12]!
    if (high === 0x08) {
      // A fragment is no whole segment; ARP has another first octet.
      if (bytes[offset + 14] !== 0x45 || bytes[offset + 23] !== IpProtocol.Tcp) return null
      if (((bytes[offset + 20]! & 0x3f) | bytes[offset + 21]!) !== 0) return null
      if (bytes[offset + 13] !== 0) return null
    } else if (high === 0x86) {
      if (bytes[offset + 14]! >> 4 !== 6 || bytes[offset + 20] !== IpProtocol.Tcp) return null
      if (bytes[offset + 13] !== 0xdd) return null
      transport = IPV6_TRANSPORT
      family = 2
    } else return null
    const at = offset + transport
    if ((bytes[at + TCP_FLAGS_OFFSET]! & ~TcpFlag.Psh) !== TcpFlag.Ack) return null
    const words = bytes[at + TCP_DATA_OFFSET_OFFSET]! >> 4
    const headerLength = transport + (words << 2)
    if (words << 2 < TCP_HEADER_LENGTH || length - headerLength < MIN_SEGMENT_BYTES) return null
    const index = (family + (isVouchedFor ? 1 : 0)) * LAYOUTS_OF_FAMILY + words
    const known = this.layouts[index]
    if (known !== undefined) return known
    const layout = family === 0 ? ipv4Layout(headerLength) : ipv6Layout(headerLength)
    const made = isVouchedFor ? { ...layout, textSumAt: 0 } : layout
    this.layouts[index] = made
    return made
  }

  finish(
    { bytes, view }: PacketBuffer,
    offset: number,
    length: number,
    lastOffset: number,
    segments: number,
  ): void {
    const ip = offset + ETHERNET_HEADER_LENGTH
    let transport = IPV6_TRANSPORT
    if (bytes[offset + 12] === 0x08) {
      transport = IPV4_TRANSPORT
      view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, length - ETHERNET_HEADER_LENGTH)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, 0)
      const sum = this.bulk.checksum(bytes, ip, IPV4_HEADER_LENGTH, 0)
      view.setUint16(ip + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
    } else {
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, length - IPV6_TRANSPORT)
    }
    const flags = transport + TCP_FLAGS_OFFSET
    bytes[offset + flags] = bytes[lastOffset + flags]!
    this.statistics.coalescedFrames++
    this.statistics.coalescedSegments += segments
  }
}

/**
 * What the headers of a run have in common: all but IP length, identification and header checksum,
 * and of TCP sequence number, checksum and PSH. So the acknowledgment, the window, ECN bits, time
 * to live and all options are the same. PSH would end a run for who waits for more, which nobody
 * does here, and Linux sets it in every frame of several segments.
 */
function ipv4Layout(headerLength: number): RunLayout {
  return {
    ...tcpLayout(headerLength, IPV4_TRANSPORT, [16, 17, 18, 19, 24, 25]),
    lengthAt: ETHERNET_HEADER_LENGTH + IPV4_TOTAL_LENGTH_OFFSET,
    lengthBias: ETHERNET_HEADER_LENGTH,
    headerSumAt: ETHERNET_HEADER_LENGTH,
    headerSumLength: IPV4_HEADER_LENGTH,
    textSumAt: IPV4_TRANSPORT - IPV4_ADDRESSES,
  }
}

function ipv6Layout(headerLength: number): RunLayout {
  return {
    ...tcpLayout(headerLength, IPV6_TRANSPORT, [18, 19]),
    lengthAt: ETHERNET_HEADER_LENGTH + IPV6_PAYLOAD_LENGTH_OFFSET,
    lengthBias: IPV6_TRANSPORT,
    headerSumAt: 0,
    headerSumLength: 0,
    textSumAt: IPV6_TRANSPORT - IPV6_ADDRESSES,
  }
}

function tcpLayout(headerLength: number, transport: number, free: readonly number[]) {
  const mask = new Uint8Array(headerLength).fill(0xff)
  for (const offset of free) mask[offset] = 0
  for (const offset of [4, 5, 6, 7, 16, 17]) mask[transport + offset] = 0
  mask[transport + TCP_FLAGS_OFFSET] = 0xff & ~TcpFlag.Psh
  return {
    mask,
    headerLength,
    sequenceAt: transport + TCP_SEQUENCE_OFFSET,
    // The pseudo-header has the protocol, and the length without what precedes it.
    textSumBias: NOTHING + IpProtocol.Tcp - transport,
  }
}
