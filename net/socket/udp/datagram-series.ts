/**
 * Datagrams of one size in a row, queued as one: sent in frames that the device cuts, or one by
 * one.
 */
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import { PACKET_LENGTH, PACKET_OFFSET, type PacketQueue } from '../../storage/packet-queue.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import { emitUdp, UDP_HEADER_LENGTH } from '../../wire/udp.ts'
import type { FlowEntry } from '../datagram/flow-cache.ts'
import { SENT_PORT, SENT_SEGMENT_LENGTH } from '../datagram/send-queue.ts'

/**
 * Of one frame: a TAP of Linux 6.7 to 6.9 refuses one that makes more (UDP_MAX_SEGMENTS), which
 * later kernels have doubled. Nobody tells a guest, whose datagrams are all gone.
 */
export const MAX_SERIES_DATAGRAMS = 64
/**
 * Payload of one frame that is to be cut: its headers and those of IPv6 leave so much below 65,535.
 */
export const MAX_SERIES_BYTES = 65_000

/**
 * The most of `length` bytes that makes one series of datagrams of `segmentLength`; the rest is for
 * further ones.
 */
export function seriesLength(length: number, segmentLength: number): number {
  const count = Math.min(MAX_SERIES_DATAGRAMS, Math.floor(MAX_SERIES_BYTES / segmentLength))
  return Math.min(length, Math.max(1, count) * segmentLength)
}

export class SeriesSender {
  private readonly egress: Egress

  constructor(egress: Egress) {
    this.egress = egress
  }

  /**
   * Sends what the slot of the queue still holds, as far as device and neighbor take it; what is
   * left stays in the slot. Returns the payload bytes that went out. The path carries each datagram
   * whole.
   */
  emit(
    localPort: number,
    flow: Flow,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    nowMs: number,
  ): number {
    const { egress } = this
    const { words } = queue
    const at = slot * queue.stride
    const { record, headerLength } = flow
    const segmentLength = words[at + SENT_SEGMENT_LENGTH]!
    const limit = egress.superSegmentLimit(flow, UDP_HEADER_LENGTH)
    const most = limit <= segmentLength ? segmentLength : limit - (limit % segmentLength)
    const whole = words[at + PACKET_LENGTH]!
    let left = whole
    let prepared = -1
    record.copied = queue.bytes
    while (left > 0) {
      let length = most
      if (length > left) length = left
      // Frames of one length share their headers, but for what egress counts up.
      if (length !== prepared) {
        const size = length > segmentLength ? segmentLength : 0
        if (!egress.prepare(flow, UDP_HEADER_LENGTH, length, size, nowMs)) break
        // It may have learned that the path carries less: single ones follow, in fragments.
        const packetLength = headerLength + UDP_HEADER_LENGTH + Math.min(length, segmentLength)
        if (packetLength > ETHERNET_HEADER_LENGTH + flow.pathMtu) break
        const destinationPort = words[at + SENT_PORT]!
        emitUdp(record.view, headerLength, localPort, destinationPort, UDP_HEADER_LENGTH + length)
        record.copiedLength = length
        record.flowHash = flow.addressHash ^ (localPort << 16) ^ destinationPort
        prepared = length
      }
      const offset = words[at + PACKET_OFFSET]!
      record.copiedOffset = offset
      if (!egress.submit(flow)) break
      words[at + PACKET_OFFSET] = offset + length
      left -= length
      words[at + PACKET_LENGTH] = left
    }
    return whole - left
  }
}
