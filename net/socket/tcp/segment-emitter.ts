/** Sends segments of a connection: keeps the header that they share, and what an ACK carries, in step. */
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import {
  TCP_ACKNOWLEDGMENT_OFFSET,
  TCP_CHECKSUM_OFFSET,
  TCP_DATA_OFFSET_OFFSET,
  TCP_HEADER_LENGTH,
  TCP_SEQUENCE_OFFSET,
  TcpFlag,
} from '../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../wire/tcp-options.ts'
import { placeInLoan } from './send-loan.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** NOP, NOP, timestamps, length 10. */
const TIMESTAMPS_WORD = 0x0101080a

/**
 * Sends `count` segments of `length` payload bytes each from `sequence` on, equal ones when that is 0. Returns how many: fewer when the
 * device or the neighbour is not ready; with 0 nothing has changed. The window is computed here, so every segment is also an
 * ACK and window update.
 */
export function emitSegments(
  socket: TcpSocket,
  egress: Egress,
  sequence: number,
  length: number,
  count: number,
  flags: number,
  nowMs: number,
): number {
  const flow = socket.flow!
  const acknowledgment = socket.receiveNext
  const headerLength = updateHeader(socket, flow, acknowledgment, flags, nowMs)
  let sent: number
  if (length > 0) {
    const ring = socket.sendBuffer!
    const segmentSize = length > socket.segmentSize ? socket.segmentSize : 0
    let { buffer } = ring
    let offset = sequence & (ring.capacity - 1)
    const { loan, owner } = socket
    let isInOnePlace = true
    if (loan !== null) {
      const into = (sequence - loan.start) | 0
      const left = (loan.end - sequence) | 0
      const bytes = length * count
      if (into >= 0 && bytes <= left) {
        buffer = loan.buffer
        offset = placeInLoan(loan, sequence)
      } else {
        isInOnePlace = left <= 0 || into + bytes <= 0
      }
    }
    sent = isInOnePlace
      ? egress.sendSegments(
          flow,
          sequence,
          headerLength,
          segmentSize,
          buffer,
          offset,
          length,
          count,
          owner,
          nowMs,
        )
      : emitAcross(socket, egress, headerLength, segmentSize, sequence, length, nowMs)
  } else {
    sent = egress.sendSegments(flow, sequence, headerLength, 0, null, 0, 0, count, null, nowMs)
  }
  if (sent === 0) return 0
  socket.statistics.segmentsSent += sent
  socket.lastAcknowledged = acknowledgment
  socket.isAckDue = false
  socket.delayedAckDeadlineMs = Number.POSITIVE_INFINITY
  socket.lastSentMs = nowMs
  return sent
}

/** Sends one segment that is partly lent, partly in the send buffer; see lengthInTwoRanges. */
function emitAcross(
  socket: TcpSocket,
  egress: Egress,
  headerLength: number,
  segmentSize: number,
  sequence: number,
  length: number,
  nowMs: number,
): number {
  const flow = socket.flow!
  const frame = egress.beginPacket(flow, nowMs)
  if (frame === null) return 0
  const start = frame.headerOffset + flow.headerLength
  for (let at = 0; at < headerLength; at += 4) {
    frame.header.view.setInt32(start + at, flow.header.getInt32(flow.headerLength + at))
  }
  frame.header.view.setInt32(start + TCP_SEQUENCE_OFFSET, sequence)
  const ring = socket.sendBuffer!
  const loan = socket.loan!
  const toStart = (loan.start - sequence) | 0
  if (toStart > 0) {
    frame.payload0 = ring.buffer
    frame.payload0Offset = sequence & (ring.capacity - 1)
    frame.payload0Length = toStart
    frame.payload1 = loan.buffer
    frame.payload1Offset = loan.offset
  } else {
    frame.payload0 = loan.buffer
    frame.payload0Offset = placeInLoan(loan, sequence)
    frame.payload0Length = (loan.end - sequence) | 0
    frame.payload1 = ring.buffer
    frame.payload1Offset = loan.end & (ring.capacity - 1)
  }
  frame.payload1Length = length - frame.payload0Length
  frame.owner = socket.owner
  egress.commitPacket(flow, frame, headerLength, TCP_CHECKSUM_OFFSET, segmentSize, false)
  return 1
}

/** Brings the flow's TCP header up to date but for the sequence number, field by field as they change; returns its length. */
function updateHeader(
  socket: TcpSocket,
  flow: Flow,
  acknowledgment: number,
  flags: number,
  nowMs: number,
): number {
  const { header } = flow
  const offset = flow.headerLength
  const receiveRing = socket.receiveBuffer
  if (
    receiveRing === null ||
    acknowledgment !== socket.lastAcknowledged ||
    receiveRing.start !== socket.windowStart
  ) {
    socket.windowField = advertiseWindow(socket)
  }
  const { hasTimestamps } = socket
  const headerLength = hasTimestamps ? TCP_HEADER_LENGTH + TCP_TIMESTAMPS_LENGTH : TCP_HEADER_LENGTH
  const word = (headerLength << 26) | (flags << 16) | socket.windowField
  if (word !== socket.headerWord) {
    if (socket.headerWord === 0) {
      header.setInt32(offset, socket.sentPorts)
      header.setInt32(offset + 20, TIMESTAMPS_WORD)
    }
    socket.headerWord = word
    header.setInt32(offset + TCP_DATA_OFFSET_OFFSET, word)
  }
  header.setInt32(offset + TCP_ACKNOWLEDGMENT_OFFSET, acknowledgment)
  if (hasTimestamps) {
    header.setInt32(offset + 24, (nowMs + socket.timestampOffset) | 0)
    header.setInt32(offset + 28, socket.timestampRecent)
  }
  return headerLength
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
