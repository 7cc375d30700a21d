/** Takes a round-trip sample from an ACK (RFC 6298 §3, RFC 7323 §4.1). */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { choosePacing } from '../congestion/pacing.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** The segment that is timed has been acknowledged, by an ACK that echoes `echo` when timestamps are in use. */
export function takeSample(socket: TcpSocket, echo: number, nowMs: number): void {
  socket.isTimingSegment = false
  // Once a flight: `recover` must not fall behind by 2^31, where it would count as ahead and stop fast retransmit.
  const { sendUnacknowledged } = socket
  if (sequenceLessThan(socket.recoverSequence, sendUnacknowledged)) {
    socket.recoverSequence = sendUnacknowledged
  }
  const { rtt } = socket
  if (socket.hasTimestamps) {
    const rttMs = echoedRoundTripMs(socket, echo, nowMs)
    if (rttMs >= 0) rtt.sample(rttMs)
  } else {
    rtt.sample(nowMs - socket.timedAtMs)
  }
  socket.congestion.roundTripMs = rtt.smoothedMs
  choosePacing(socket)
  const elapsedMs = nowMs - socket.timedAtMs
  if (elapsedMs > 0) {
    const delivered = sequenceDifference(sendUnacknowledged, socket.timedFromSequence)
    socket.deliveryBytesPerMs = delivered / elapsedMs
  }
}

/** How long ago the timestamp was sent that an ACK echoes, in milliseconds; -1 = it has none, or one that was never sent. */
export function echoedRoundTripMs(socket: TcpSocket, echo: number, nowMs: number): number {
  if (!socket.hasTimestamps) return -1
  const rttMs = (((nowMs + socket.timestampOffset) | 0) - echo) | 0
  return rttMs >= 0 && rttMs < 0x8000000 ? rttMs : -1
}
