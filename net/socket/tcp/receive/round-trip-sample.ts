/** Takes a round-trip sample from an ACK (RFC 6298 §3, RFC 7323 §4.1). */
import type { Flow } from '../../../iface/protocol-handler.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { choosePacing } from '../congestion/pacing.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import { considerMtuProbe } from '../send/mtu-probe.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** The clock of timestamps counts milliseconds. */
const TIMESTAMP_GRAIN_MS = 1

/**
 * The segment that is timed has been acknowledged, by an ACK that echoes `echo` when timestamps are
 * in use.
 */
export function takeSample(socket: TcpSocket, echo: number, nowMs: number): void {
  socket.isTimingSegment = false
  // Once a flight: `recover` must not fall behind by 2^31, where it would count as ahead and stop
  // fast retransmit.
  const { sendUnacknowledged } = socket
  if (sequenceLessThan(socket.recoverSequence, sendUnacknowledged)) {
    socket.recoverSequence = sendUnacknowledged
  }
  const { rtt } = socket
  const elapsedMs = nowMs - socket.timedAtMs
  const delivered = sequenceDifference(sendUnacknowledged, socket.timedFromSequence)
  if (socket.hasTimestamps) {
    const rttMs = echoedRoundTripMs(socket, echo, nowMs)
    if (rttMs < 0 || isAmbiguous(socket, rttMs, nowMs)) return
    rtt.sample(rttMs)
    if (rttMs * (2 << RTT_SHIFT) < rtt.smoothed) timeNextAck(socket, nowMs)
  } else {
    rtt.sample(elapsedMs)
  }
  socket.congestion.roundTrip = rtt.smoothed
  choosePacing(socket)
  if (elapsedMs > 0) socket.deliveryBytesPerMs = delivered / elapsedMs
  const { flow } = socket
  if (flow === null) return
  if (delivered >= socket.segmentSize && flow.provenMtu !== socket.plannedMtu) {
    proveMtu(socket, flow)
  }
  if (flow.searchMtu !== 0) considerMtuProbe(socket, nowMs)
}

/** When the timer last sent again what is acknowledged now. */
function resentAtMs(socket: TcpSocket): number {
  return socket.retransmitDeadlineMs - socket.rtt.rtoMs
}

/**
 * An ACK after timeouts whose echo is older than what was sent last: what came first, on a path
 * that has become slow, or what was sent again, when the ACK of the first was lost. Karn's
 * algorithm: neither is a sample, and the back-off lasts until the next one. An ACK that comes
 * sooner than the path ever was is of the first.
 */
function isAmbiguous(socket: TcpSocket, rttMs: number, nowMs: number): boolean {
  if (socket.timeouts === 0) return false
  const { rtt } = socket
  const sinceMs = nowMs - resentAtMs(socket)
  if (rttMs <= sinceMs + TIMESTAMP_GRAIN_MS) return false
  return rtt.smoothed === 0 || sinceMs >= rtt.minimumMs
}

/**
 * The smoothed round trip is far too long: at one sample a flight it would take 30 flights to come
 * down, each with its timeouts and its pace. Each ACK is one meanwhile, as RFC 7323 §4.1 would have
 * it anyway.
 */
function timeNextAck(socket: TcpSocket, nowMs: number): void {
  const { sendUnacknowledged } = socket
  if (sendUnacknowledged === socket.sendMax) return
  socket.isTimingSegment = true
  socket.timedSequence = sequenceAdd(sendUnacknowledged, 1)
  socket.timedAtMs = nowMs
  socket.timedFromSequence = sendUnacknowledged
}

/**
 * After timeouts a D-SACK says that what the timer had sent again has arrived, and that answers it:
 * no ambiguity is left that Karn's algorithm would have to avoid (RFC 3708), but that an earlier
 * one may be meant, when the path has become so slow. Without it the back-off would go on where it
 * was, and a few more losses on a bad path make the next timeout a minute.
 */
export function sampleRetransmission(socket: TcpSocket, nowMs: number): void {
  const { rtt } = socket
  const rttMs = nowMs - resentAtMs(socket)
  if (rttMs >= rtt.minimumMs) rtt.sample(rttMs)
}

/** Of a flight of several segments, one of full size is among those that have arrived. */
function proveMtu(socket: TcpSocket, flow: Flow): void {
  const { segmentSize, statistics } = socket
  if (statistics.largestSegmentSent >= segmentSize) flow.provenMtu = socket.plannedMtu
}

/**
 * How long ago the timestamp was sent that an ACK echoes, in milliseconds; -1 = it has none, or one
 * that was never sent.
 */
export function echoedRoundTripMs(socket: TcpSocket, echo: number, nowMs: number): number {
  if (!socket.hasTimestamps) return -1
  const rttMs = (((nowMs + socket.timestampOffset) | 0) - echo) | 0
  return rttMs >= 0 && rttMs < 0x8000000 ? rttMs : -1
}
