/**
 * ACKs that go out at once: for what is out of order, and as challenges, throttled per connection
 * (RFC 5961 §7).
 */
import { TcpFlag } from '../../../wire/tcp.ts'
import { emitSegments } from '../send/segment-emitter.ts'
import type { TcpSocket } from '../tcp-socket.ts'

export function acknowledgeAtOnce(socket: TcpSocket): void {
  socket.isAckDue = true
  if (!socket.isReady) socket.host.scheduler.wake(socket)
}

/**
 * Sends `count` equal ACKs while the batch that asks for them is still being received: at the
 * socket's turn they would be one, with the number of the batch's end, maybe on data, maybe with
 * the window of a user who has read meanwhile, and thus no duplicate in the sense of RFC 5681 §2.
 * What the device does not take is one ACK at that turn.
 */
export function acknowledgeEach(socket: TcpSocket, count: number, nowMs: number): void {
  const sent = emitSegments(socket, socket.sendMax, 0, count, TcpFlag.Ack, nowMs)
  if (sent < count) acknowledgeAtOnce(socket)
}

/**
 * A challenge ACK: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, at most one an interval for this connection
 * (RFC 5961 §7).
 */
export function challenge(socket: TcpSocket, nowMs: number): void {
  if (nowMs < socket.challengeAckAllowedMs) {
    socket.host.countDrop('challengeLimit')
    return
  }
  socket.challengeAckAllowedMs = nowMs + socket.configuration.challengeAckIntervalMs
  socket.host.countChallengeAck()
  acknowledgeAtOnce(socket)
}
