/**
 * The timers of a connection: retransmission and zero-window probes, delayed ACK, keep-alive (RFC
 * 9293 §3.8, RFC 6298).
 */
import { sequenceDifference } from '../../wire/sequence.ts'
import { NetError } from '../net-error.ts'
import { noteReduction } from './congestion/explicit-congestion.ts'
import { firePacing } from './congestion/pacing.ts'
import { isOrphan } from './memory/orphan-list.ts'
import { fireLossTimer, loseAfterTimeout } from './recovery/recovery-state.ts'
import { goBack } from './recovery/sent-runs.ts'
import { isFinDue, isWindowTooSmall } from './send/segment-plan.ts'
import { releaseAcknowledged } from './send/send-buffer-release.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

const NEVER = Number.POSITIVE_INFINITY

/** R1 of RFC 9293 §3.8.3: so many retransmissions before the network layer is told (SHLD-9). */
const TIMEOUTS_BEFORE_SOFT_ERROR = 3
/**
 * So many make a black hole likely (RFC 4821 §7.7) on a path of which nothing is known. On one that
 * has carried segments of full size chance is the likelier reason for longer: where every fifth
 * packet is lost, both ways, three in a row are nothing special.
 */
const TIMEOUTS_IN_BLACK_HOLE = 3
const TIMEOUTS_ON_PROVEN_PATH = 6

/** RFC 6298 (5.1), (5.3): the timer runs for RTO from now. */
export function armRetransmit(socket: TcpSocket, nowMs: number): void {
  const deadlineMs = nowMs + socket.rtt.rtoMs
  socket.retransmitDeadlineMs = deadlineMs
  if (deadlineMs < socket.scheduledDeadlineMs)
    socket.host.scheduler.scheduleDeadline(socket, deadlineMs)
}

/**
 * Data arrived that no ACK has covered yet: one goes out in time even if nothing else does
 * (MUST-40).
 */
export function noteDelayedAck(socket: TcpSocket, nowMs: number): void {
  if (socket.delayedAckDeadlineMs !== NEVER) return
  const deadlineMs = nowMs + socket.configuration.delayedAckMs
  socket.delayedAckDeadlineMs = deadlineMs
  if (deadlineMs < socket.scheduledDeadlineMs)
    socket.host.scheduler.scheduleDeadline(socket, deadlineMs)
}

/** The earliest of the socket's timers. */
export function socketDeadlineMs(socket: TcpSocket): number {
  let deadlineMs = socket.retransmitDeadlineMs
  if (socket.delayedAckDeadlineMs < deadlineMs) deadlineMs = socket.delayedAckDeadlineMs
  if (socket.idleDeadlineMs < deadlineMs) deadlineMs = socket.idleDeadlineMs
  if (socket.releaseDeadlineMs < deadlineMs) deadlineMs = socket.releaseDeadlineMs
  if (socket.lossDeadlineMs < deadlineMs) deadlineMs = socket.lossDeadlineMs
  if (socket.pacingDeadlineMs < deadlineMs) deadlineMs = socket.pacingDeadlineMs
  return deadlineMs
}

/** Acts on every timer that has run out. The socket may be closed afterwards. */
export function fireTimers(socket: TcpSocket, nowMs: number): void {
  if (socket.releaseDeadlineMs <= nowMs) releaseAcknowledged(socket, nowMs)
  if (socket.pacingDeadlineMs <= nowMs) firePacing(socket)
  if (socket.delayedAckDeadlineMs <= nowMs) {
    socket.delayedAckDeadlineMs = NEVER
    socket.isAckDue = true
    socket.host.scheduler.wake(socket)
  }
  if (socket.retransmitDeadlineMs <= nowMs) fireRetransmit(socket, nowMs)
  else if (socket.lossDeadlineMs <= nowMs) fireLossTimer(socket, nowMs)
  if (socket.state !== TcpState.Closed && socket.idleDeadlineMs <= nowMs) fireIdle(socket, nowMs)
}

function fireRetransmit(socket: TcpSocket, nowMs: number): void {
  socket.retransmitDeadlineMs = NEVER
  if (socket.state === TcpState.SynSent || socket.state === TcpState.SynReceived) {
    retransmitSyn(socket, nowMs)
    return
  }
  const outstanding = sequenceDifference(socket.sendMax, socket.sendUnacknowledged)
  const unsent = sequenceDifference(socket.sendBuffer.end, socket.sendUnacknowledged)
  if (outstanding === 0 && unsent <= 0 && !isFinDue(socket)) return
  if (socket.isHeldBack) {
    fireHeldBack(socket, nowMs)
    return
  }
  if (socket.sendWindow === 0 || outstanding === 0 || isWindowTooSmall(socket)) {
    fireProbe(socket, nowMs)
    return
  }
  if (nowMs - socket.progressMs >= socket.userTimeoutMs) {
    giveUp(socket)
    return
  }
  socket.statistics.retransmitTimeouts++
  socket.congestion.onRetransmitTimeout(outstanding, socket.timeouts === 0, nowMs)
  noteReduction(socket)
  socket.timeoutsBeforeProbes = ++socket.timeouts
  if (socket.timeouts >= TIMEOUTS_BEFORE_SOFT_ERROR) adviseAgainstPath(socket, nowMs)
  if (outstanding >= socket.segmentSize) suspectBlackHole(socket, nowMs)
  // RFC 6582 §3.2 step 4: "record the highest sequence number transmitted in recover", so that
  // duplicates of what is now sent again start no fast retransmit.
  socket.recoverSequence = socket.sendMax
  socket.duplicateAcks = 0
  socket.isRetransmitPending = false
  socket.isTailProbeDue = false
  if (!socket.hasTimestamps) socket.isTimingSegment = false
  if (socket.hasSelectiveAcks && socket.sendNext === socket.sendMax) loseAfterTimeout(socket, nowMs)
  else goBack(socket)
  socket.rtt.backOff()
  armRetransmit(socket, nowMs)
  socket.host.scheduler.wake(socket)
}

/** SHLD-9: beyond R1 "pass negative advice to the IP layer, to trigger dead-gateway diagnosis". */
function adviseAgainstPath(socket: TcpSocket, nowMs: number): void {
  socket.softError = 'timeout'
  if (socket.flow !== null) socket.host.egress.suspect(socket.flow, nowMs)
}

/**
 * RFC 4821 §7.7: it may be that only what is large is lost, and nobody says so; smaller segments
 * follow.
 */
function suspectBlackHole(socket: TcpSocket, nowMs: number): void {
  const flow = socket.flow!
  const isProven = flow.provenMtu >= socket.plannedMtu
  const enough = isProven ? TIMEOUTS_ON_PROVEN_PATH : TIMEOUTS_IN_BLACK_HOLE
  if (socket.timeouts >= enough) socket.host.egress.noteBlackHole(flow, nowMs)
}

/**
 * RFC 9293 §3.8.6.1: the first probe after one RTO, then at exponentially growing intervals
 * (SHLD-29, 30); the connection stays open as long as the peer answers (MUST-37), but for one that
 * nobody waits for any more: whoever only answers must not keep its memory for ever (RFC 6429 §3).
 * A window too small to be worth a segment ends the same way: it is used, also with what was sent
 * before the peer shrank it, which is no reason to give up (SHLD-17).
 */
function fireProbe(socket: TcpSocket, nowMs: number): void {
  const mayWait = !isOrphan(socket) && isHeard(socket, nowMs)
  if (nowMs - socket.progressMs >= socket.userTimeoutMs && !mayWait) {
    giveUp(socket)
    return
  }
  // The last probe has brought something about: the intervals grow from the first one again.
  if (socket.timeouts === 0) {
    socket.timeoutsBeforeProbes = 0
    socket.rtt.endBackOff()
  }
  socket.isProbePending = true
  socket.timeouts++
  socket.rtt.backOff()
  armRetransmit(socket, nowMs)
  socket.host.scheduler.wake(socket)
}

/**
 * The first segment has not left in all this time, or the path is to be asked for again: see
 * send/departure.ts. Nothing was lost, so that nothing backs off.
 */
function fireHeldBack(socket: TcpSocket, nowMs: number): void {
  // Compared as it was filed: as a difference it can round to the other side, and fire for ever.
  if (socket.progressMs + socket.userTimeoutMs > nowMs) socket.host.scheduler.wake(socket)
  else giveUp(socket, 'Nothing could be sent for as long as the user timeout')
}

function isHeard(socket: TcpSocket, nowMs: number): boolean {
  return nowMs - socket.lastReceivedMs < socket.userTimeoutMs
}

function retransmitSyn(socket: TcpSocket, nowMs: number): void {
  if (nowMs - socket.progressMs >= socket.configuration.synTimeoutMs) {
    giveUp(socket)
    return
  }
  socket.timeouts++
  if (socket.isSynDue) {
    // The last one has not left yet: nothing was lost.
    armRetransmit(socket, nowMs)
    return
  }
  if (socket.timeouts >= TIMEOUTS_BEFORE_SOFT_ERROR) adviseAgainstPath(socket, nowMs)
  socket.statistics.retransmitTimeouts++
  socket.statistics.retransmissions++
  socket.isSynLost = true
  socket.isTimingSegment = false
  socket.rtt.backOff()
  socket.isSynDue = true
  socket.host.scheduler.wake(socket)
}

function fireIdle(socket: TcpSocket, nowMs: number): void {
  socket.idleDeadlineMs = NEVER
  if (socket.keepAliveIdleMs > 0) fireKeepAlive(socket, nowMs)
}

/**
 * RFC 9293 §3.8.4: "only be sent when no sent data is outstanding and no data or ACK has been
 * received ... within an interval".
 */
function fireKeepAlive(socket: TcpSocket, nowMs: number): void {
  const configuration = socket.configuration
  // Compared as the deadline that would be filed: as a difference it can round to the other side,
  // and fire for ever.
  const dueMs = socket.lastReceivedMs + socket.keepAliveIdleMs
  if (dueMs > nowMs) {
    socket.keepAliveProbesSent = 0
    socket.idleDeadlineMs = dueMs
    return
  }
  const isIdle = socket.sendUnacknowledged === socket.sendMax
  if (isIdle && socket.keepAliveProbesSent >= configuration.keepAliveProbes) {
    giveUp(socket)
    return
  }
  if (isIdle) {
    socket.keepAliveProbesSent++
    socket.isKeepAliveDue = true
    socket.host.scheduler.wake(socket)
  }
  const intervalMs = Math.min(configuration.keepAliveIntervalMs, socket.keepAliveIdleMs)
  socket.idleDeadlineMs = nowMs + intervalMs
}

function giveUp(socket: TcpSocket, why = 'Peer does not answer'): void {
  const error = new NetError('timeout', why)
  // R2: the connection is closed. A reset tells a peer that is still there.
  socket.host.abort(socket, error)
}
