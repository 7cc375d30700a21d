/**
 * Which received TCP segments a device may give as one frame, and what the headers of that say: GRO
 * of frames that lie in a receive queue in a row.
 */
import type { BulkOperations, PacketBuffer } from '../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { IPV4_CHECKSUM_OFFSET, IPV4_HEADER_LENGTH, IPV4_TOTAL_LENGTH_OFFSET } from '../wire/ipv4.ts'
import { IPV6_PAYLOAD_LENGTH_OFFSET } from '../wire/ipv6.ts'
import {
  TCP_DATA_OFFSET_OFFSET,
  TCP_FLAGS_OFFSET,
  TCP_HEADER_LENGTH,
  TCP_MAX_HEADER_LENGTH,
  TcpFlag,
} from '../wire/tcp.ts'
import { AckLayouts, LONGEST_ACK_BYTES } from './ack-layouts.ts'
import { type FrameShape, tcpShape } from './frame-shape.ts'
import type { FrameJoiner, RunLayout } from './net-device.ts'
import { LONGEST_IPV4_FRAME, LONGEST_IPV6_FRAME } from './received-frame.ts'
import {
  IPV4_TRANSPORT,
  IPV6_TRANSPORT,
  ipv4Layout,
  ipv6Layout,
  tcpHeaderAt,
} from './run-layouts.ts'

/** Shorter ones come alone, as answers and requests do. */
const MIN_SEGMENT_BYTES = 512
const MIN_FRAME_BYTES =
  ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH + TCP_HEADER_LENGTH + MIN_SEGMENT_BYTES
/** Of the whole frame: sixteen full super-segments; behind each a turn may end (see Intake). */
const MAX_JOINED_BYTES = 16 * 65_536
const LAYOUTS_OF_FAMILY = TCP_MAX_HEADER_LENGTH / 4 + 1

export interface CoalescingStatistics {
  /** Frames given on that several segments were joined into, and these segments. */
  coalescedFrames: number
  coalescedSegments: number
  /** ACKs that were not given on, since one of the same connection behind them said all. */
  supersededAcks: number
}

/**
 * Nothing waits for what is not there yet, and no octet of text is moved: what follows the first
 * frame's own text is where the device has put it.
 */
export class SegmentJoiner implements FrameJoiner {
  readonly minLength = MIN_FRAME_BYTES
  readonly maxLength = MAX_JOINED_BYTES
  readonly maxBareLength = LONGEST_ACK_BYTES
  readonly statistics: CoalescingStatistics = {
    coalescedFrames: 0,
    coalescedSegments: 0,
    supersededAcks: 0,
  }
  private readonly bulk: BulkOperations
  /** By family, who vouches for the text, and length of the TCP header; made when first used. */
  private readonly shapes: (FrameShape | undefined)[] = []
  /** Of the frame that had one last: most that follow have the same. */
  private shape: FrameShape | null = null
  private readonly ackLayouts: AckLayouts

  constructor(bulk: BulkOperations) {
    this.bulk = bulk
    this.ackLayouts = new AckLayouts(bulk)
    for (let i = 0; i < 4 * LAYOUTS_OF_FAMILY; i++) this.shapes.push(undefined)
  }

  layoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null {
    const { shape } = this
    // What finds it stays apart: there is no machine code for all of it.
    return shape !== null &&
      length >= shape.leastLength &&
      isVouchedFor === shape.isVouchedFor &&
      this.bulk.matches(bytes, offset, shape.pattern, shape.mask, shape.headerLength)
      ? shape.layout
      : this.findLayout(bytes, offset, length, isVouchedFor)
  }

  private findLayout(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null {
    if (length < MIN_FRAME_BYTES) return null
    const transport = tcpHeaderAt(bytes, offset)
    if (transport === 0) return null
    const family = transport === IPV4_TRANSPORT ? 0 : 2
    const at = offset + transport
    if ((bytes[at + TCP_FLAGS_OFFSET]! & ~TcpFlag.Psh) !== TcpFlag.Ack) return null
    const words = bytes[at + TCP_DATA_OFFSET_OFFSET]! >> 4
    const headerLength = transport + (words << 2)
    if (words << 2 < TCP_HEADER_LENGTH || length - headerLength < MIN_SEGMENT_BYTES) return null
    const index = (family + (isVouchedFor ? 1 : 0)) * LAYOUTS_OF_FAMILY + words
    const known = this.shapes[index]
    if (known !== undefined) {
      this.shape = known
      return known.layout
    }
    const layout = family === 0 ? ipv4Layout(headerLength) : ipv6Layout(headerLength)
    const made = isVouchedFor ? { ...layout, textSumAt: 0 } : layout
    const least = headerLength + MIN_SEGMENT_BYTES
    const shape = tcpShape(made, words << 2, TcpFlag.Psh, isVouchedFor, least)
    this.shapes[index] = shape
    this.shape = shape
    return made
  }

  bareLayoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null {
    return this.ackLayouts.layoutOf(bytes, offset, length, isVouchedFor)
  }

  noteSuperseded(frames: number): void {
    this.statistics.supersededAcks += frames
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
      if (length <= LONGEST_IPV4_FRAME) {
        view.setUint16(ip + IPV4_TOTAL_LENGTH_OFFSET, length - ETHERNET_HEADER_LENGTH)
        view.setUint16(ip + IPV4_CHECKSUM_OFFSET, 0)
        const sum = this.bulk.checksum(bytes, ip, IPV4_HEADER_LENGTH, 0)
        view.setUint16(ip + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
      }
    } else if (length <= LONGEST_IPV6_FRAME) {
      view.setUint16(ip + IPV6_PAYLOAD_LENGTH_OFFSET, length - IPV6_TRANSPORT)
    }
    const flags = transport + TCP_FLAGS_OFFSET
    bytes[offset + flags] = bytes[lastOffset + flags]!
    this.statistics.coalescedFrames++
    this.statistics.coalescedSegments += segments
  }
}
