/**
 * Ready connections that have nothing but an ACK to send, one after the other: where many receive,
 * their turns are nothing else.
 */
import { TcpFlag } from '../../wire/tcp.ts'
import type { ReadyList } from './ready-list.ts'
import { emitSegments } from './send/segment-emitter.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/**
 * Sends the ACKs of the first connections of the list as long as that is all they have to do, of
 * `most` of them; returns how many turns that were. Whoever comes next, or is refused, has a turn
 * of its own.
 */
export function acknowledgeReady(ready: ReadyList, most: number, nowMs: number): number {
  let count = 0
  while (count < most) {
    const socket = ready.first
    if (socket === null) break
    const isAll = owesOnlyAck(socket)
    if (!isAll) break
    if (emitSegments(socket, socket.sendMax, 0, 1, TcpFlag.Ack, nowMs) === 0) break
    ready.take()
    socket.isReady = false
    count++
  }
  return count
}

/** What dispatchSocket would find: no text, FIN, probe or repetition, and nothing in flight. */
function owesOnlyAck(socket: TcpSocket): boolean {
  const { sendMax, flow } = socket
  return (
    socket.isAckDue &&
    socket.events === 0 &&
    socket.state >= TcpState.Established &&
    sendMax === socket.sendUnacknowledged &&
    sendMax === socket.sendNext &&
    sendMax === socket.sendBuffer.end &&
    !socket.isFinQueued &&
    !socket.isRetransmitPending &&
    !socket.isProbePending &&
    !socket.isKeepAliveDue &&
    !socket.isReleaseDue &&
    flow !== null &&
    flow.pathMtu === socket.plannedMtu
  )
}
