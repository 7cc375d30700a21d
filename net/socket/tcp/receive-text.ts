/** Steps seven and eight of SEGMENT ARRIVES: text and FIN (RFC 9293 §3.10.7.4), in order or not. */
import { NetError } from '../net-error.ts'
import { acknowledgeAtOnce } from './challenge-ack.ts'
import { copyPayload, type ReceivedSegment } from './received-segment.ts'
import { TcpState } from './state.ts'
import { SocketEvent, type TcpSocket } from './tcp-socket.ts'

/** Seventh step: text into the receive buffer, in order or not. */
export function processText(socket: TcpSocket, segment: ReceivedSegment): void {
  if (socket.hasFin) limitToFin(socket, segment)
  if (segment.hasFin) noteFin(socket, segment)
  const length = segment.payloadLength
  if (length === 0) return
  if (
    socket.state !== TcpState.Established &&
    socket.state !== TcpState.FinWait1 &&
    socket.state !== TcpState.FinWait2
  ) {
    return
  }
  if (socket.isReceiveClosed) {
    // SHLD-3: "if new data is received after CLOSE is called, its TCP SHOULD send a RST to show that data was lost".
    socket.host.abort(socket, new NetError('aborted', 'Data arrived after close'))
    return
  }
  noteSegmentSize(socket, segment)
  const ring = socket.receiveBuffer!
  const assembler = socket.assembler
  if (
    segment.sequence === socket.receiveNext &&
    (assembler === null || assembler.rangeCount === 0)
  ) {
    copyPayload(ring, segment.sequence, segment.packet, segment.payloadOffset, length)
    advanceReceived(socket, (socket.receiveNext + length) | 0)
    if (((socket.receiveNext - socket.lastAcknowledged) | 0) >= 2 * socket.peerSegmentSize) {
      socket.isAckDue = true
    }
    if (!socket.isReady) socket.host.wake(socket)
    return
  }
  storeOutOfOrder(socket, segment)
}

/** RFC 5681 §4.2: "A TCP receiver SHOULD send an immediate duplicate ACK when an out-of-order segment arrives", and when a gap fills. */
function storeOutOfOrder(socket: TcpSocket, segment: ReceivedSegment): void {
  const ring = socket.receiveBuffer!
  const assembler = socket.outOfOrder()
  const start = segment.sequence
  const end = (start + segment.payloadLength) | 0
  acknowledgeAtOnce(socket)
  if (start !== socket.receiveNext) socket.statistics.outOfOrderSegments++
  let from = start
  while (assembler.findMissing(from, end)) {
    // What came first stays (a retransmission with other bytes changes nothing).
    const missing = assembler.missingStart
    const length = (assembler.missingEnd - missing) | 0
    const offset = segment.payloadOffset + ((missing - start) | 0)
    copyPayload(ring, missing, segment.packet, offset, length)
    from = assembler.missingEnd
    if (from === end) break
  }
  if (start === socket.receiveNext) {
    advanceReceived(socket, assembler.advance(end))
  } else if (!assembler.add(start, end)) {
    socket.host.countDrop('tooManyRanges')
  }
}

function advanceReceived(socket: TcpSocket, end: number): void {
  const length = (end - socket.receiveNext) | 0
  const ring = socket.receiveBuffer!
  ring.advanceEnd(length)
  socket.receiveNext = end
  socket.receivedLength += length
  socket.statistics.bytesReceived += length
  socket.events |= SocketEvent.Readable
}

/** Largest segment of the peer, coalesced frames counted by their parts; never more than we announced. */
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
  socket.finSequence = (segment.sequence + segment.payloadLength) | 0
}

/** Nothing belongs to the stream after its FIN. */
function limitToFin(socket: TcpSocket, segment: ReceivedSegment): void {
  const room = (socket.finSequence - segment.sequence) | 0
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
  socket.receiveNext = (socket.receiveNext + 1) | 0
  socket.isPeerFinished = true
  socket.events |= SocketEvent.PeerFinished
  acknowledgeAtOnce(socket)
  if (socket.state === TcpState.FinWait2) socket.host.enterTimeWait(socket, nowMs)
}
