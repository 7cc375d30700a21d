/**
 * Tail loss probe: when ACKs fail to come, one segment asks for one before the retransmission timer
 * does (RFC 8985 §7).
 */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import type { TcpHeader } from '../../../wire/tcp.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { microsecondsBetween, toMicroseconds } from './clock.ts'
import type { LossRecovery } from './loss-recovery.ts'

/** Added to two round trips, so that a peer or host that is merely busy is not probed. */
const PROBE_SLACK_MS = 4

/**
 * A probe is due when nothing is heard for two round trips. One segment alone is not probed for:
 * its ACK may be delayed, and the retransmission timer (SRTT + 200 ms) comes before the probe would
 * (2 SRTT + 200 ms).
 */
export function armTailProbe(socket: TcpSocket, nowMs: number): void {
  // Armed already: the timer looks by itself what has happened since.
  if (socket.lossDeadlineMs !== Number.POSITIVE_INFINITY) return
  const { smoothed } = socket.rtt
  if (smoothed === 0) return
  fileLossDeadline(socket, nowMs + (smoothed >> (RTT_SHIFT - 1)) + PROBE_SLACK_MS)
}

export function fileLossDeadline(socket: TcpSocket, deadlineMs: number): void {
  socket.lossDeadlineMs = deadlineMs
  if (deadlineMs < socket.scheduledDeadlineMs)
    socket.host.scheduler.scheduleDeadline(socket, deadlineMs)
}

/**
 * The timer has run out, and nothing has become lost: asks for a probe, or goes on waiting. RFC
 * 8985 §7.2 has none while losses are being repaired, for RACK sees what is lost then; but not when
 * a repetition is lost with nothing behind it, nor when so much is lost that cwnd is full of it.
 * One segment more (see repeatFirst) spares that the retransmission timeout, which is 200 round
 * trips of a millisecond: an ACK of what fills a gap is not delayed (RFC 5681 §4.2).
 */
export function fireTailProbe(socket: TcpSocket, nowMs: number): void {
  const { sendMax, sendUnacknowledged, sendNext, rtt, recovery, congestion } = socket
  const flight = sequenceDifference(sendMax, sendUnacknowledged)
  if ((flight <= socket.segmentSize && !congestion.inRecovery) || socket.timeouts > 0) return
  if (recovery?.hasRepeatedFirst) return
  if (sendNext !== sendMax || socket.isProbePending || socket.sendWindow === 0) return
  const lastMs = Math.max(socket.progressMs, lastRunMs(socket, nowMs))
  const dueMs = lastMs + (rtt.smoothed >> (RTT_SHIFT - 1)) + PROBE_SLACK_MS
  if (dueMs > nowMs) {
    fileLossDeadline(socket, dueMs)
    return
  }
  socket.isTailProbeDue = true
  socket.isRetransmitPending = true
  socket.host.scheduler.wake(socket)
}

/** When data was last sent, for the first time or again. */
function lastRunMs(socket: TcpSocket, nowMs: number): number {
  const { recovery } = socket
  if (recovery === null) return socket.flightStartMs
  const { board } = recovery
  if (board.runCount === 0) return nowMs
  const nowUs = toMicroseconds(nowMs)
  const { resent } = board
  let agoUs = microsecondsBetween(board.runTimeUs(board.runCount - 1), nowUs)
  if (resent.entryCount > 0) {
    agoUs = Math.min(agoUs, microsecondsBetween(resent.timeUs(resent.entryCount - 1), nowUs))
  }
  return nowMs - agoUs / 1000
}

/** The probe has left; it may be lost as well. */
export function noteProbe(
  socket: TcpSocket,
  recovery: LossRecovery,
  isResent: boolean,
  nowMs: number,
): void {
  recovery.hasProbe = true
  recovery.probeEnd = socket.sendMax
  recovery.isProbeResent = isResent
  recovery.isActive = true
  socket.statistics.tailLossProbes++
  armTailProbe(socket, nowMs)
}

/**
 * RFC 8985 §7.4.2: whether the ACK ends the probe; true when it shows that the probe has repaired a
 * loss, for which the window has to be reduced like for any other.
 */
export function hasProbeRepaired(
  recovery: LossRecovery,
  header: TcpHeader,
  hasAdvanced: boolean,
  isDuplicate: boolean,
): boolean {
  const { acknowledgmentNumber } = header
  if (!recovery.hasProbe || sequenceLessThan(acknowledgmentNumber, recovery.probeEnd)) return false
  const isBeyond = sequenceLessThan(recovery.probeEnd, acknowledgmentNumber)
  const isPlainDuplicate = !hasAdvanced && header.sackBlockCount === 0
  const isLost = recovery.isProbeResent && !isDuplicate && isBeyond
  // An ACK of just what was probed for may still be followed by the duplicate that says that
  // nothing was lost.
  if (isBeyond || isDuplicate || isPlainDuplicate || !recovery.isProbeResent) {
    recovery.hasProbe = false
  }
  return isLost
}
