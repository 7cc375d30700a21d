/**
 * The sixth step of SEGMENT ARRIVES: where the peer's urgent data ends (RFC 9293 §3.8.5, §3.10.7.4;
 * RFC 6093).
 */
import { sequenceAdd, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpState } from '../state.ts'
import { SocketEvent, type TcpSocket } from '../tcp-socket.ts'
import type { ReceivedSegment } from './received-segment.ts'

/**
 * A segment with URG set. The data itself is part of the stream and is read in line (RFC 6093 §4),
 * however long it is; a pointer behind what has been read, or beyond what has come, changes nothing
 * but what the user is told.
 */
export function processUrgent(socket: TcpSocket, segment: ReceivedSegment): void {
  const { state } = socket
  if (
    state !== TcpState.Established &&
    state !== TcpState.FinWait1 &&
    state !== TcpState.FinWait2
  ) {
    return
  }
  const { sequenceNumber, urgentPointer } = segment.header
  // MUST-62: the pointer "points to the sequence number of the octet following the urgent data".
  const edge = sequenceAdd(sequenceNumber, urgentPointer)
  if (!sequenceLessThan(socket.readPosition(), edge)) return
  // MUST-32: the user is told when no urgent data was pending, and whenever the pointer advances.
  if (socket.urgentLength() > 0 && !sequenceLessThan(socket.urgentEdge!, edge)) return
  socket.urgentEdge = edge
  socket.events |= SocketEvent.Urgent
  if (!socket.isReady) socket.host.scheduler.wake(socket)
}
