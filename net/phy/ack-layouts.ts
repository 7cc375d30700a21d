/**
 * Which received ACKs say nothing that one behind them does not say too: plain ones of the same
 * connection, of which each acknowledges more than the one before (RFC 9293 §3.4: an acknowledgment
 * is cumulative). A forged one at the end would take the true ones before it away, until their
 * sender says so again. Who can forge one could do worse: it has the sequence number of the others,
 * with which a reset is believed too (RFC 5961 §3.2).
 */
import type { BulkOperations } from '../storage/buffer.ts'
import {
  TCP_ACKNOWLEDGMENT_OFFSET,
  TCP_DATA_OFFSET_OFFSET,
  TCP_FLAGS_OFFSET,
  TCP_HEADER_LENGTH,
  TcpFlag,
} from '../wire/tcp.ts'
import { TCP_STAMPED_LENGTH, TCP_TIMESTAMPS_WORD } from '../wire/tcp-options.ts'
import { type FrameShape, tcpShape } from './frame-shape.ts'
import type { RunLayout } from './net-device.ts'
import {
  IPV4_TRANSPORT,
  IPV6_TRANSPORT,
  ipv4Layout,
  ipv6Layout,
  tcpHeaderAt,
} from './run-layouts.ts'

/** IPv6, with timestamps. */
export const LONGEST_ACK_BYTES = IPV6_TRANSPORT + TCP_STAMPED_LENGTH
const WINDOW_OFFSET = 14
/** Behind two octets of padding, kind and length (RFC 7323 appendix A). */
const TIMESTAMPS_OFFSET = TCP_HEADER_LENGTH + 4
const TIMESTAMPS_BYTES = 8

export class AckLayouts {
  /** By family, who vouches for the frame, and whether it has timestamps; made when first used. */
  private readonly shapes: (FrameShape | undefined)[] = []
  /** Of the ACK asked about last: most that follow have the same. */
  private shape: FrameShape | null = null
  private readonly bulk: BulkOperations

  constructor(bulk: BulkOperations) {
    this.bulk = bulk
    for (let i = 0; i < 8; i++) this.shapes.push(undefined)
  }

  /** See FrameJoiner.bareLayoutOf. */
  layoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null {
    const { shape } = this
    return shape !== null &&
      length === shape.headerLength &&
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
    const transport = tcpHeaderAt(bytes, offset)
    if (transport === 0) return null
    const at = offset + transport
    const tcpLength = length - transport
    // Whatever has another flag or option, or is longer, says more than an ACK.
    if (bytes[at + TCP_FLAGS_OFFSET] !== TcpFlag.Ack) return null
    if (bytes[at + TCP_DATA_OFFSET_OFFSET]! >> 4 !== tcpLength >> 2) return null
    let index = (transport === IPV4_TRANSPORT ? 0 : 4) + (isVouchedFor ? 2 : 0)
    if (tcpLength === TCP_STAMPED_LENGTH) {
      const options = at + TCP_HEADER_LENGTH
      for (let i = 0; i < 4; i++) {
        if (bytes[options + i] !== ((TCP_TIMESTAMPS_WORD >> (24 - 8 * i)) & 0xff)) return null
      }
      index++
    } else if (tcpLength !== TCP_HEADER_LENGTH) return null
    const shape = this.shapes[index] ?? this.make(index, transport, tcpLength, isVouchedFor)
    this.shape = shape
    return shape.layout
  }

  private make(
    index: number,
    transport: number,
    tcpLength: number,
    isVouchedFor: boolean,
  ): FrameShape {
    const headerLength = transport + tcpLength
    const segments =
      transport === IPV4_TRANSPORT ? ipv4Layout(headerLength) : ipv6Layout(headerLength)
    const { mask } = segments
    // Not the sequence number, but what is acknowledged, rises; window and timestamps are the last
    // one's.
    for (let i = 4; i < 8; i++) mask[transport + i] = 0xff
    for (let i = 0; i < 4; i++) mask[transport + TCP_ACKNOWLEDGMENT_OFFSET + i] = 0
    for (let i = 0; i < 2; i++) mask[transport + WINDOW_OFFSET + i] = 0
    mask[transport + TCP_FLAGS_OFFSET] = 0xff
    if (tcpLength === TCP_STAMPED_LENGTH) {
      const start = transport + TIMESTAMPS_OFFSET
      mask.fill(0, start, start + TIMESTAMPS_BYTES)
    }
    const layout = {
      ...segments,
      sequenceAt: transport + TCP_ACKNOWLEDGMENT_OFFSET,
      textSumAt: isVouchedFor ? 0 : segments.textSumAt,
    }
    const shape = tcpShape(layout, tcpLength, 0, isVouchedFor, headerLength)
    if (tcpLength === TCP_STAMPED_LENGTH) {
      const options = transport + TCP_HEADER_LENGTH
      new DataView(shape.pattern.buffer).setInt32(options, TCP_TIMESTAMPS_WORD)
      shape.mask.fill(0xff, options, options + 4)
    }
    this.shapes[index] = shape
    return shape
  }
}
