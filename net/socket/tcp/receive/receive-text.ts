/** Steps seven and eight of SEGMENT ARRIVES: text and FIN (RFC 9293 §3.10.7.4), in order or not. */
import { sequenceAdd, sequenceDifference } from '../../../wire/sequence.ts'
import { NetError } from '../../net-error.ts'
import { TcpState } from '../state.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import { acknowledgeAtOnce } from './challenge-ack.ts'
import { makeReceiveRoom, widenForHeld } from './receive-room.ts'
import { copyPayload, type ReceivedSegment } from './received-segment.ts'
import { noteHeld, SackReporter } from './sack-reporter.ts'

/** After a gap so many turns acknowledge what has come however little it is, as Linux does. */
const QUICK_ACKS = 16

/** RFC 5681 §3.2: so many duplicate ACKs make a sender send again. */
const DUPLICATE_THRESHOLD = 3

/**
 * Seventh step: text into the receive buffer, in order or not. Returns how many ACKs are to leave
 * at once, before the next segment is looked at: RFC 5681 §4.2 asks for one for each segment that
 * is out of order or fills a gap, since senders without SACK count them. 0 = none: text in order is
 * acknowledged once a batch.
 */
export function processText(socket: TcpSocket, segment: ReceivedSegment): number {
  // What came in order before in this batch has an ACK of its own, or the first duplicate would be
  // taken for it.
  const owed = socket.isAckDue ? 1 : 0
  if (socket.hasFin) limitToFin(socket, segment)
  const isNext = segment.sequence === socket.receiveNext
  if (segment.hasFin) noteFin(socket, segment)
  const length = segment.payloadLength
  if (length === 0) return segment.hasFin && !isNext ? owed + 1 : 0
  if (
    socket.state !== TcpState.Established &&
    socket.state !== TcpState.FinWait1 &&
    socket.state !== TcpState.FinWait2
  ) {
    return 0
  }
  if (socket.isReceiveClosed) {
    // SHLD-3: "if new data is received after CLOSE is called, its TCP SHOULD send a RST to show
    // that data was lost".
    socket.host.abort(socket, new NetError('aborted', 'Data arrived after close'))
    return 0
  }
  noteSegmentSize(socket, segment)
  const assembler = socket.assembler
  if (isNext && (assembler === null || assembler.rangeCount === 0)) {
    limitToRoom(socket, segment)
    const { payloadLength, payloadOffset } = segment
    copyPayload(
      socket.host.bulk,
      socket.receiveBuffer,
      segment.sequence,
      segment.packet,
      payloadOffset,
      payloadLength,
    )
    advanceReceived(socket, sequenceAdd(socket.receiveNext, payloadLength))
    if (
      sequenceDifference(socket.receiveNext, socket.lastAcknowledged) >=
      2 * socket.peerSegmentSize
    ) {
      socket.isAckDue = true
    }
    if (!socket.isReady) socket.host.scheduler.wake(socket)
    return 0
  }
  const isContinued = storeOutOfOrder(socket, segment)
  // Senders with SACK do not count ACKs but what they report: how far a range goes that they know
  // of is said once a batch.
  if (isContinued && socket.sendNext === socket.sendBuffer.end) {
    socket.isAckDue = true
    if (!socket.isReady) socket.host.scheduler.wake(socket)
    return 0
  }
  if (isNext || socket.hasSelectiveAcks) return 1
  return owed + duplicatesFor(segment)
}

/**
 * The host has merged segments, each of which was worth a duplicate. As many as start a fast
 * retransmit by themselves are sent, so that merging costs no peer a time-out; the rest would only
 * open its congestion window further, at the price of an ACK each.
 */
function duplicatesFor(segment: ReceivedSegment): number {
  const size = segment.packet.frame.meta.segmentSize
  if (size === 0) return 1
  return Math.min(Math.ceil(segment.payloadLength / size), DUPLICATE_THRESHOLD)
}

/**
 * Keeps what is missing of the segment; one that fills the first gap moves RCV.NXT over it and what
 * lies behind. True when all that it changes is that the range reported last reaches further.
 */
function storeOutOfOrder(socket: TcpSocket, segment: ReceivedSegment): boolean {
  const ring = socket.receiveBuffer
  const start = segment.sequence
  limitToRoom(socket, segment)
  const assembler = socket.outOfOrder()
  const end = sequenceAdd(start, segment.payloadLength)
  socket.quickAcks = QUICK_ACKS
  if (start !== socket.receiveNext) socket.statistics.outOfOrderSegments++
  const reporter = socket.hasSelectiveAcks ? openReporter(socket) : null
  if (reporter !== null && assembler.rangeCount > 0) noteHeld(reporter, assembler, start, end)
  let from = start
  while (assembler.findMissing(from, end)) {
    // What came first stays (a retransmission with other bytes changes nothing).
    const missing = assembler.missingStart
    const length = sequenceDifference(assembler.missingEnd, missing)
    const offset = segment.payloadOffset + sequenceDifference(missing, start)
    copyPayload(socket.host.bulk, ring, missing, segment.packet, offset, length)
    from = assembler.missingEnd
    if (from === end) break
  }
  if (start === socket.receiveNext) {
    advanceReceived(socket, assembler.advance(end))
    if (!socket.isReady) socket.host.scheduler.wake(socket)
  } else if (!assembler.add(start, end)) {
    socket.host.countDrop('tooManyRanges')
  } else if (reporter !== null) {
    widenForHeld(socket, assembler.heldBytes)
    return reporter.noteArrival(start, end) && !segment.hasFin
  }
  return false
}

/**
 * Cuts the segment to what memory can be had for. What is cut off is as if it had been lost: the
 * ACK says so, and the peer sends it again. Under pressure none is taken for what is out of order,
 * which the peer has to keep anyhow.
 */
function limitToRoom(socket: TcpSocket, segment: ReceivedSegment): void {
  const { payloadLength } = segment
  const ring = socket.receiveBuffer
  const offset = sequenceDifference(segment.sequence, ring.start)
  const isHeld = offset + payloadLength <= ring.capacity
  if (isHeld) return
  if (segment.sequence !== socket.receiveNext && socket.host.memory.isPressed) {
    segment.payloadLength = 0
    socket.host.countDrop('outOfOrderPruned')
    return
  }
  segment.payloadLength = makeReceiveRoom(socket, offset, payloadLength)
  if (segment.payloadLength === payloadLength) return
  socket.isAckDue = true
  socket.host.countDrop('noBuffer')
}

/** [start, end) has come once more, in order: the next ACK says so. */
export function reportDuplicate(socket: TcpSocket, start: number, end: number): void {
  if (socket.hasSelectiveAcks) openReporter(socket).noteDuplicate(start, end)
}

function openReporter(socket: TcpSocket): SackReporter {
  if (socket.sackReporter === null) socket.sackReporter = new SackReporter()
  return socket.sackReporter
}

function advanceReceived(socket: TcpSocket, end: number): void {
  const length = sequenceDifference(end, socket.receiveNext)
  socket.receiveBuffer.advanceEnd(length)
  socket.receiveNext = end
  socket.receivedLength += length
  socket.statistics.bytesReceived += length
  socket.events |= SocketEvent.Readable
}

/**
 * Largest segment of the peer, coalesced frames counted by their parts; never more than we
 * announced.
 */
function noteSegmentSize(socket: TcpSocket, segment: ReceivedSegment): void {
  let size = segment.packet.frame.meta.segmentSize
  if (size === 0) size = segment.payloadLength
  if (size > socket.peerSegmentSize) {
    const limit = socket.flow === null ? 536 : socket.flow.pathMtu - 40
    socket.peerSegmentSize = Math.min(size, limit)
  }
}

/** A FIN in the window marks where the stream ends; the first one counts. */
function noteFin(socket: TcpSocket, segment: ReceivedSegment): void {
  if (socket.hasFin) return
  socket.hasFin = true
  acknowledgeAtOnce(socket)
  socket.finSequence = sequenceAdd(segment.sequence, segment.payloadLength)
}

/** Nothing belongs to the stream after its FIN. */
function limitToFin(socket: TcpSocket, segment: ReceivedSegment): void {
  const room = sequenceDifference(socket.finSequence, segment.sequence)
  if (room < segment.payloadLength) segment.payloadLength = Math.max(room, 0)
}

/** Eighth step: the FIN takes effect once everything before it is there. */
export function processFin(socket: TcpSocket, nowMs: number): void {
  if (!socket.hasFin || socket.isPeerFinished || socket.receiveNext !== socket.finSequence) return
  switch (socket.state) {
    case TcpState.Established:
      socket.transition(TcpState.CloseWait)
      break
    case TcpState.FinWait1:
      socket.transition(TcpState.Closing)
      break
    case TcpState.FinWait2:
      break
    default:
      return
  }
  socket.receiveNext = sequenceAdd(socket.receiveNext, 1)
  socket.isPeerFinished = true
  socket.events |= SocketEvent.PeerFinished
  acknowledgeAtOnce(socket)
  if (socket.state === TcpState.FinWait2) socket.host.enterTimeWait(socket, nowMs)
}
