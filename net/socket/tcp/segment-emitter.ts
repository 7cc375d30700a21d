/** Writes one segment of a connection into a frame: header, options, payload ranges; keeps what an ACK carries in step. */
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LENGTH, TcpFlag } from '../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../wire/tcp-options.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** NOP, NOP, timestamps, length 10. */
const TIMESTAMPS_WORD = 0x0101080a

/**
 * Sends `length` payload bytes from `sequence` on, or a segment without data. False when the device or the neighbour is
 * not ready; nothing has changed then. `window` is computed here, so every segment is also an ACK and window update.
 */
export function emitSegment(
  socket: TcpSocket,
  egress: Egress,
  sequence: number,
  length: number,
  flags: number,
  nowMs: number,
): boolean {
  const flow = socket.flow!
  const frame = egress.beginPacket(flow, nowMs)
  if (frame === null) return false
  const view = frame.header.view
  const offset = frame.headerOffset + flow.headerLength
  const acknowledgment = socket.receiveNext
  view.setInt32(offset, socket.sentPorts)
  view.setInt32(offset + 4, sequence)
  view.setInt32(offset + 8, acknowledgment)
  view.setInt32(offset + 16, 0)
  let headerLength = TCP_HEADER_LENGTH
  if (socket.hasTimestamps) {
    view.setInt32(offset + 20, TIMESTAMPS_WORD)
    view.setInt32(offset + 24, (nowMs + socket.timestampOffset) | 0)
    view.setInt32(offset + 28, socket.timestampRecent)
    headerLength = TCP_HEADER_LENGTH + TCP_TIMESTAMPS_LENGTH
  }
  const receiveRing = socket.receiveBuffer
  if (
    receiveRing === null ||
    acknowledgment !== socket.lastAcknowledged ||
    receiveRing.start !== socket.windowStart
  ) {
    socket.windowField = advertiseWindow(socket)
  }
  view.setInt32(offset + 12, (headerLength << 26) | (flags << 16) | socket.windowField)
  let segmentSize = 0
  if (length > 0) {
    const ring = socket.sendBuffer!
    const start = sequence & (ring.capacity - 1)
    const contiguous = ring.capacity - start
    frame.payload0 = ring.buffer
    frame.payload0Offset = start
    if (length <= contiguous) {
      frame.payload0Length = length
    } else {
      frame.payload0Length = contiguous
      frame.payload1 = ring.buffer
      frame.payload1Offset = 0
      frame.payload1Length = length - contiguous
    }
    frame.owner = socket.owner
    if (length > socket.segmentSize) segmentSize = socket.segmentSize
  }
  egress.commitPacket(flow, frame, headerLength, TCP_CHECKSUM_OFFSET, segmentSize, false)
  socket.statistics.segmentsSent++
  socket.lastAcknowledged = acknowledgment
  socket.isAckDue = false
  socket.delayedAckDeadlineMs = Number.POSITIVE_INFINITY
  socket.lastSentMs = nowMs
  return true
}

/** The window field of the next segment; advances the advertised edge (RFC 9293 §3.8.6.2.2, RFC 7323 §2.3). */
function advertiseWindow(socket: TcpSocket): number {
  const scale = socket.receiveScale
  const ring = socket.receiveBuffer
  // Half-open, as announced with the SYN-ACK.
  if (ring === null) return socket.initialWindow() >> scale
  socket.windowStart = ring.start
  const receiveNext = socket.receiveNext
  const before = socket.advertisedEdge
  let edge = (ring.start + ring.capacity) | 0
  // "the receiver's SWS avoidance algorithm": the edge stays until it can move by min (buffer / 2, MSS).
  const growth = (edge - before) | 0
  if (growth < socket.peerSegmentSize && growth < ring.capacity >> 1) edge = before
  const window = (edge - receiveNext) | 0
  if (window <= 0) return 0
  let field = window >> scale
  if (field > 65535) field = 65535
  edge = (receiveNext + (field << scale)) | 0
  if (((edge - before) | 0) < 0) {
    // RFC 7323 §2.4: rounding down would take back up to 2^scale - 1 bytes; round up while the buffer has room for that.
    const rounded = (edge + (1 << scale)) | 0
    if (field === 65535 || ((ring.start + ring.capacity - rounded) | 0) < 0) return field
    edge = rounded
    field++
  }
  socket.advertisedEdge = edge
  return field
}

/** The payload of a frame when the path's IP packets may be `mtu` bytes. */
export function pathSegmentSize(flow: Flow, mtu: number): number {
  return mtu - (flow.ipVersion === 4 ? 20 : 40) - TCP_HEADER_LENGTH
}

/**
 * Sends our SYN or SYN-ACK with its options: MSS (MUST-14), window scale and timestamps when offered or asked for. The
 * window of a segment with SYN is not scaled (RFC 7323 §2.2).
 */
export function emitSyn(
  socket: TcpSocket,
  egress: Egress,
  offerScale: boolean,
  offerTimestamps: boolean,
  nowMs: number,
): boolean {
  const flow = socket.flow!
  const frame = egress.beginPacket(flow, nowMs)
  if (frame === null) return false
  const view = frame.header.view
  const start = frame.headerOffset + flow.headerLength
  const acknowledges = socket.hasPeerSequence()
  let offset = start + TCP_HEADER_LENGTH
  view.setInt32(offset, (2 << 24) | (4 << 16) | pathSegmentSize(flow, flow.pathMtu))
  offset += 4
  if (offerTimestamps) {
    view.setInt32(offset, TIMESTAMPS_WORD)
    view.setInt32(offset + 4, (nowMs + socket.timestampOffset) | 0)
    view.setInt32(offset + 8, acknowledges ? socket.timestampRecent : 0)
    offset += TCP_TIMESTAMPS_LENGTH
  }
  if (offerScale) {
    view.setInt32(offset, 0x01030300 | socket.receiveScale)
    offset += 4
  }
  const headerLength = offset - start
  const flags = acknowledges ? TcpFlag.Syn | TcpFlag.Ack : TcpFlag.Syn
  const window = socket.initialWindow()
  view.setInt32(start, socket.sentPorts)
  view.setInt32(start + 4, socket.initialSendSequence)
  view.setInt32(start + 8, acknowledges ? socket.receiveNext : 0)
  view.setInt32(start + 12, (headerLength << 26) | (flags << 16) | window)
  view.setInt32(start + 16, 0)
  if (acknowledges) {
    socket.advertisedEdge = (socket.receiveNext + window) | 0
    socket.lastAcknowledged = socket.receiveNext
  }
  egress.commitPacket(flow, frame, headerLength, TCP_CHECKSUM_OFFSET, 0, false)
  socket.statistics.segmentsSent++
  socket.lastSentMs = nowMs
  return true
}
