/**
 * Sends segments of a connection: keeps the header that they share, and what an ACK carries, in
 * step.
 */

import type { Egress, Flow } from '../../../iface/protocol-handler.ts'
import { ONE_BY_ONE } from '../../../phy/net-device.ts'
import type { TransmitRecord } from '../../../phy/transmit-record.ts'
import type { PacketBuffer } from '../../../storage/buffer.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import {
  createTcpHeader,
  emitTcp,
  TCP_HEADER_LENGTH,
  TcpFlag,
  writeTcpAcknowledgment,
  writeTcpControl,
  writeTcpPorts,
  writeTcpSequence,
} from '../../../wire/tcp.ts'
import {
  sackOptionLength,
  TCP_MAX_SACK_BLOCKS,
  TCP_TIMESTAMPS_LENGTH,
  writeSackOption,
  writeTimestampEcho,
  writeTimestampsHead,
  writeTimestampValue,
} from '../../../wire/tcp-options.ts'

import { markSegment, setupFlags } from '../congestion/explicit-congestion.ts'
import { tuneReceiveLimit } from '../receive/receive-room.ts'

import type { TcpSocket } from '../tcp-socket.ts'
import { reopenPath } from './reopen-path.ts'
import { placeInLoan } from './send-loan.ts'

/** Of every SYN: filled and written before the next. */
const syn = createTcpHeader()

/**
 * Sends `count` segments of `length` payload bytes each from `sequence` on, equal ones when that is
 * 0. Returns how many: fewer when the device or the neighbor is not ready; with 0 nothing has
 * changed. The window is computed here, so every segment is also an ACK and window update.
 */
export function emitSegments(
  socket: TcpSocket,
  sequence: number,
  length: number,
  count: number,
  flags: number,
  nowMs: number,
): number {
  const { egress } = socket.host
  if (socket.flow === null && !reopenPath(socket, egress)) return 0
  const flow = socket.flow!
  const acknowledgment = socket.receiveNext
  // RFC 2018 §3: "all ACKs which do not ACK the highest sequence number in the data receiver's
  // queue", text that leaves room included. Of those without, one goes out for each segment that is
  // out of order, whatever else is sent.
  const reported =
    socket.sackReporter !== null && hasRoomForReport(socket, length, count)
      ? writeReport(socket, flow.record.view)
      : 0
  const marked = socket.hasExplicitCongestion
    ? markSegment(socket, flow, sequence, length, flags)
    : flags
  const headerLength = updateHeader(socket, flow, acknowledgment, marked, reported, nowMs)
  const segmentSize = length > socket.segmentSize ? socket.segmentSize : 0
  if (!egress.prepare(flow, headerLength, length, segmentSize, nowMs)) return 0
  const { record, headerLength: transport } = flow
  let sent = 0
  while (sent < count) {
    const start = sequenceAdd(sequence, length * sent)
    writeTcpSequence(record.view, transport, start)
    const run = length === 0 ? 1 : count - sent
    let taken: number = ONE_BY_ONE
    if (run > 1) {
      placePayload(socket, record, start, length * run)
      taken = egress.submitSeries(flow, length, run)
    }
    if (taken === 0) break
    if (taken < 0) {
      placePayload(socket, record, start, length)
      if (!egress.submit(flow)) break
      taken = 1
    }
    sent += taken
  }
  if (sent === 0) return 0
  if ((marked & TcpFlag.Cwr) !== 0) socket.isReductionDue = false
  socket.statistics.segmentsSent += sent
  socket.lastAcknowledged = acknowledgment
  socket.isAckDue = false
  socket.delayedAckDeadlineMs = Number.POSITIVE_INFINITY
  socket.lastSentMs = nowMs
  return sent
}

/**
 * Names in the record where the `length` bytes from `sequence` on lie: in the send buffer, in a
 * loan, or partly in each (see lengthInTwoRanges); the end of either ring is followed by its start.
 */
function placePayload(
  socket: TcpSocket,
  record: TransmitRecord,
  sequence: number,
  length: number,
): void {
  record.payload1Length = 0
  record.payload0Length = length
  if (length === 0) {
    record.owner = null
    return
  }
  const { buffer, capacity } = socket.sendBuffer
  const { loan } = socket
  record.owner = socket.owner
  if (loan === null) {
    placeInRing(record, buffer, sequence & (capacity - 1), length)
    return
  }
  const toStart = sequenceDifference(loan.start, sequence)
  const toEnd = sequenceDifference(loan.end, sequence)
  if (toEnd <= 0 || toStart >= length) {
    placeInRing(record, buffer, sequence & (capacity - 1), length)
  } else if (toStart <= 0 && toEnd >= length) {
    placeInRing(record, loan.buffer, placeInLoan(loan, sequence), length)
  } else if (toStart > 0) {
    placeInTwo(record, buffer, sequence & (capacity - 1), toStart, loan.buffer, loan.offset)
    record.payload1Length = length - toStart
  } else {
    const offset = placeInLoan(loan, sequence)
    placeInTwo(record, loan.buffer, offset, toEnd, buffer, loan.end & (capacity - 1))
    record.payload1Length = length - toEnd
  }
}

function placeInRing(
  record: TransmitRecord,
  buffer: PacketBuffer,
  offset: number,
  length: number,
): void {
  const contiguous = buffer.lengthBytes - offset
  record.payload0 = buffer
  record.payload0Offset = offset
  if (length > contiguous) {
    record.payload0Length = contiguous
    record.payload1 = buffer
    record.payload1Offset = 0
    record.payload1Length = length - contiguous
  }
}

function placeInTwo(
  record: TransmitRecord,
  first: PacketBuffer,
  firstOffset: number,
  firstLength: number,
  second: PacketBuffer,
  secondOffset: number,
): void {
  record.payload0 = first
  record.payload0Offset = firstOffset
  record.payload0Length = firstLength
  record.payload1 = second
  record.payload1Offset = secondOffset
}

/**
 * Brings the flow's TCP header up to date but for the sequence number, field by field as they
 * change; returns its length.
 */
function updateHeader(
  socket: TcpSocket,
  flow: Flow,
  acknowledgment: number,
  flags: number,
  reportedLength: number,
  nowMs: number,
): number {
  const { view } = flow.record
  const offset = flow.headerLength
  if (
    acknowledgment !== socket.lastAcknowledged ||
    socket.receiveBuffer.start !== socket.windowStart
  ) {
    socket.windowField = advertiseWindow(socket, nowMs)
  }
  const { hasTimestamps } = socket
  const headerLength =
    (hasTimestamps ? TCP_HEADER_LENGTH + TCP_TIMESTAMPS_LENGTH : TCP_HEADER_LENGTH) + reportedLength
  const word = (headerLength << 26) | (flags << 16) | socket.windowField
  if (word !== socket.headerWord) {
    if (socket.headerWord === 0) {
      writeTcpPorts(view, offset, socket.sentPorts)
      // Without timestamps the place is a report's.
      if (hasTimestamps) writeTimestampsHead(view, offset + TCP_HEADER_LENGTH)
    }
    socket.headerWord = word
    writeTcpControl(view, offset, headerLength, flags, socket.windowField)
  }
  writeTcpAcknowledgment(view, offset, acknowledgment)
  if (hasTimestamps) {
    const options = offset + TCP_HEADER_LENGTH
    writeTimestampValue(view, options, (nowMs + socket.timestampOffset) | 0)
    writeTimestampEcho(view, options, socket.timestampRecent)
  }
  return headerLength
}

/** No text of full size gives way to a report. */
function hasRoomForReport(socket: TcpSocket, length: number, count: number): boolean {
  if (length === 0) return true
  return count === 1 && length + sackOptionLength(TCP_MAX_SACK_BLOCKS) <= socket.segmentSize
}

/**
 * Writes the SACK option where it lies behind timestamps, or in their place; returns its length, 0
 * = nothing to report.
 */
function writeReport(socket: TcpSocket, view: DataView): number {
  const { assembler, hasTimestamps } = socket
  const reporter = socket.sackReporter!
  if (!reporter.hasReport(assembler)) {
    socket.sackReporter = null
    return 0
  }
  // RFC 2018 §3: forty octets of options hold four blocks, or three beside timestamps.
  const limit = hasTimestamps ? TCP_MAX_SACK_BLOCKS - 1 : TCP_MAX_SACK_BLOCKS
  const count = reporter.collect(assembler, limit)
  const options = socket.flow!.headerLength + TCP_HEADER_LENGTH
  const offset = hasTimestamps ? options + TCP_TIMESTAMPS_LENGTH : options
  writeSackOption(view, offset, reporter.blocks, count)
  return sackOptionLength(count)
}

/**
 * The window field of the next segment; advances the advertised edge (RFC 9293 §3.8.6.2.2, RFC 7323
 * §2.3).
 */
function advertiseWindow(socket: TcpSocket, nowMs: number): number {
  const scale = socket.receiveScale
  const ring = socket.receiveBuffer
  const { start } = ring
  if (sequenceDifference(start, socket.tuningStart) >= socket.receiveLimit >> 1) {
    tuneReceiveLimit(socket, start, nowMs)
  }
  socket.windowStart = start
  const receiveNext = socket.receiveNext
  const before = socket.advertisedEdge
  const { memory } = socket.host
  let allowance = socket.receiveLimit
  if (memory.isPressed) allowance = memory.allowance(allowance, ring.capacity)
  let edge = sequenceAdd(start, allowance)
  // "the receiver's SWS avoidance algorithm": the edge stays until it can move by min (buffer / 2,
  // MSS); and it never goes back (§3.8.6): when memory has become scarce the window closes as data
  // comes.
  const growth = sequenceDifference(edge, before)
  if (growth < socket.peerSegmentSize && growth < allowance >> 1) edge = before
  const window = sequenceDifference(edge, receiveNext)
  if (window <= 0) return 0
  let field = window >> scale
  if (field > 65535) field = 65535
  edge = (receiveNext + (field << scale)) | 0
  if (sequenceLessThan(edge, before)) {
    // RFC 7323 §2.4: rounding down would take back up to 2^scale - 1 bytes; round up while the
    // window may be so large.
    const rounded = (edge + (1 << scale)) | 0
    if (field === 65535 || sequenceLessThan(start + socket.receiveLimit, rounded)) return field
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
 * Sends our SYN or SYN-ACK with its options: MSS (MUST-14), window scale and timestamps when
 * offered or asked for. The window of a segment with SYN is not scaled (RFC 7323 §2.2).
 */
export function emitSyn(
  socket: TcpSocket,
  egress: Egress,
  offerScale: boolean,
  offerTimestamps: boolean,
  nowMs: number,
): boolean {
  const flow = socket.flow!
  const acknowledges = socket.hasPeerSequence()
  const { sentPorts } = socket
  syn.sourcePort = sentPorts >>> 16
  syn.destinationPort = sentPorts & 0xffff
  syn.sequenceNumber = socket.initialSendSequence
  syn.acknowledgmentNumber = acknowledges ? socket.receiveNext : 0
  syn.flags =
    (acknowledges ? TcpFlag.Syn | TcpFlag.Ack : TcpFlag.Syn) | setupFlags(socket, acknowledges)
  syn.window = socket.initialWindow()
  syn.hasMss = true
  syn.mss = pathSegmentSize(flow, flow.pathMtu)
  syn.hasTimestamps = offerTimestamps
  syn.timestampValue = (nowMs + socket.timestampOffset) | 0
  syn.timestampEcho = acknowledges ? socket.timestampRecent : 0
  syn.hasWindowScale = offerScale
  syn.windowScale = socket.receiveScale
  syn.sackPermitted = acknowledges ? socket.hasSelectiveAcks : socket.configuration.selectiveAcks
  const { record, headerLength: transport } = flow
  // What segments share is written anew after it.
  socket.headerWord = 0
  const headerLength = emitTcp(record.view, transport, syn)
  placePayload(socket, record, 0, 0)
  if (!egress.prepare(flow, headerLength, 0, 0, nowMs) || !egress.submit(flow)) return false
  if (acknowledges) {
    socket.advertisedEdge = sequenceAdd(socket.receiveNext, syn.window)
    socket.lastAcknowledged = socket.receiveNext
  }
  socket.statistics.segmentsSent++
  socket.lastSentMs = nowMs
  return true
}
