/** ACKs that go out at once: for what is out of order, and as challenges, throttled per connection (RFC 5961 §7). */
import type { TcpSocket } from './tcp-socket.ts'

export function acknowledgeAtOnce(socket: TcpSocket): void {
  socket.isAckDue = true
  if (!socket.isReady) socket.host.wake(socket)
}

/** A challenge ACK: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>, at most one an interval for this connection (RFC 5961 §7). */
export function challenge(socket: TcpSocket, nowMs: number): void {
  if (nowMs < socket.challengeAckAllowedMs) {
    socket.host.countDrop('challengeLimit')
    return
  }
  socket.challengeAckAllowedMs = nowMs + socket.configuration.challengeAckIntervalMs
  socket.host.countChallengeAck()
  acknowledgeAtOnce(socket)
}
