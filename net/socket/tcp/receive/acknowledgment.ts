/**
 * What an ACK does to the sender: buffer, RTT, congestion window, loss recovery (RFC 9293 §3.10.7.4
 * step 5, RFC 5681, RFC 6582).
 */
import {
  sequenceAdd,
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import { noteReduction } from '../congestion/explicit-congestion.ts'
import { flightBeforeLoss } from '../congestion/flight-before-loss.ts'
import { releaseAcknowledged } from '../send/send-buffer-release.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit } from '../timers.ts'
import { echoedRoundTripMs, takeSample } from './round-trip-sample.ts'

const NEVER = Number.POSITIVE_INFINITY

/**
 * SND.UNA < `acknowledgment` =< SND.MAX. `echo` is the segment's TSecr when timestamps are in use.
 */
export function acknowledge(
  socket: TcpSocket,
  acknowledgment: number,
  echo: number,
  nowMs: number,
): void {
  const { congestion } = socket
  if (
    socket.isFinQueued &&
    acknowledgment === sequenceAdd(socket.sendBuffer.end, 1) &&
    !congestion.inRecovery
  ) {
    completeSending(socket, acknowledgment, nowMs)
    return
  }
  const before = socket.sendUnacknowledged
  const acked = sequenceDifference(acknowledgment, before)
  const flight = sequenceDifference(socket.sendNext, before)
  socket.sendUnacknowledged = acknowledgment
  if (sequenceLessThan(socket.sendNext, acknowledgment)) skipAcknowledged(socket, acknowledgment)
  // RFC 6298 §3 and Karn: only segments sent once are timed; RFC 7323 §4.1: an echoed timestamp
  // says which one it was. One sample a flight, as RFC 6298 (4) was written for: its gains do not
  // fit a sample an ACK (RFC 7323 appendix G).
  if (socket.isTimingSegment && sequenceLessOrEqual(socket.timedSequence, acknowledgment)) {
    takeSample(socket, echo, nowMs)
  } else if (socket.timeouts !== 0 && socket.hasTimestamps) {
    // After a timeout the echo says how long the way is now, and ends the back-off long before all
    // that was in flight is acknowledged: else a few more losses meanwhile make the next timeout a
    // minute.
    takeSample(socket, echo, nowMs)
  }
  let restartTimer = true
  if (congestion.inRecovery) restartTimer = acknowledgeInRecovery(socket, acknowledgment, acked)
  else {
    const rttMs = congestion.wantsRoundTrips ? echoedRoundTripMs(socket, echo, nowMs) : -1
    congestion.onAcknowledged(acked, flight, nowMs, rttMs)
  }
  if (socket.duplicateAcks > 0 && !congestion.inRecovery) socket.duplicateAcks = 0
  socket.timeouts = 0
  socket.progressMs = nowMs
  if (acknowledgment === socket.sendMax) {
    socket.retransmitDeadlineMs = NEVER
  } else if (restartTimer) {
    armRetransmit(socket, nowMs)
  }
  const ring = socket.sendBuffer
  if (
    socket.owner.framesInFlight !== 0 ||
    socket.olderOwner.framesInFlight !== 0 ||
    socket.isWriteBlocked ||
    socket.isFinQueued
  ) {
    releaseAcknowledged(socket, nowMs)
  } else {
    // The device holds nothing of this socket: all that is acknowledged is free (see
    // releaseAcknowledged).
    ring.start = acknowledgment
    socket.releaseMark = acknowledgment
    socket.isReleaseDue = false
    socket.sendSpace = (acknowledgment + socket.sendLimit - ring.end) | 0
  }
}

/** All of ours is with the peer, our FIN too: nothing asks for windows and round trips any more. */
function completeSending(socket: TcpSocket, acknowledgment: number, nowMs: number): void {
  socket.sendUnacknowledged = acknowledgment
  if (sequenceLessThan(socket.sendNext, acknowledgment)) skipAcknowledged(socket, acknowledgment)
  socket.duplicateAcks = 0
  socket.timeouts = 0
  socket.progressMs = nowMs
  socket.retransmitDeadlineMs = NEVER
  releaseAcknowledged(socket, nowMs)
}

/**
 * The ACK is of more than what was sent since SND.NXT went back, or of a probe, which SND.NXT does
 * not count: what was to go again need not, so that nothing is held back any more.
 */
export function skipAcknowledged(socket: TcpSocket, acknowledgment: number): void {
  socket.sendNext = acknowledgment
  socket.isHeldBack = false
}

/** RFC 6582 §3.2 step 3. Returns whether the retransmission timer restarts. */
function acknowledgeInRecovery(socket: TcpSocket, acknowledgment: number, acked: number): boolean {
  const congestion = socket.congestion
  if (sequenceLessOrEqual(socket.recoverSequence, acknowledgment)) {
    congestion.onRecoveryEnd(sequenceDifference(socket.sendNext, acknowledgment))
    socket.duplicateAcks = 0
    return true
  }
  // A partial ACK: the next hole begins where it points.
  congestion.onPartialAcknowledgment(acked)
  socket.isRetransmitPending = true
  // "impatient" (§4) would leave the timer alone after the first partial ACK; "slow-but-steady"
  // restarts it each time and spares long recoveries the timeout that resends everything.
  return true
}

/** Another ACK for SND.UNA, without data, with data in flight (RFC 5681 §2). */
export function duplicateAcknowledgment(socket: TcpSocket, nowMs: number): void {
  const congestion = socket.congestion
  const flight = sequenceDifference(socket.sendMax, socket.sendUnacknowledged)
  socket.statistics.duplicateAcks++
  // A peer that reports what has arrived tells nothing by an ACK without a report.
  if (socket.hasSelectiveAcks) return
  // 100,000 forged duplicates must not count for more than what is in flight could have caused.
  if (socket.duplicateAcks < 0x7fff) socket.duplicateAcks++
  if (congestion.inRecovery) {
    congestion.onRecoveryDuplicate(flight)
    return
  }
  // RFC 6582 §3.2 step 2: no second recovery for losses of the same window.
  if (
    socket.duplicateAcks === 3 &&
    sequenceLessOrEqual(socket.recoverSequence, socket.sendUnacknowledged)
  ) {
    socket.recoverSequence = socket.sendMax
    congestion.onRecoveryStart(flightBeforeLoss(socket), nowMs)
    noteReduction(socket)
    socket.isRetransmitPending = true
    socket.statistics.fastRetransmits++
  }
}
