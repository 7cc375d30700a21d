/**
 * Enters and leaves recovery: what a loss does to window and marks, whether an ACK, RACK's timer or
 * a timeout has shown it.
 */
import { sequenceDifference, sequenceLessOrEqual } from '../../../wire/sequence.ts'
import { noteReduction } from '../congestion/explicit-congestion.ts'
import { flightBeforeLoss } from '../congestion/flight-before-loss.ts'
import { settlePrediction } from '../receive/predicted-word.ts'
import { endMtuProbe, isOnlyProbeLost } from '../send/mtu-probe.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import type { LossRecovery } from './loss-recovery.ts'
import { detectLoss, markAfterTimeout } from './rack.ts'
import { beginReduction, reduceRate } from './rate-reduction.ts'
import { openRecovery } from './sent-runs.ts'
import { armTailProbe, fileLossDeadline, fireTailProbe } from './tail-loss-probe.ts'
import { beginUndo } from './undo.ts'

/**
 * Begins a recovery when something is lost and the window was not reduced yet for the flight that
 * it belongs to; true when it was reduced now. `isRepaired`: a tail loss probe has repaired the
 * loss already (RFC 8985 §7.4.2), which costs the reduction all the same.
 */
export function reactToLoss(
  socket: TcpSocket,
  recovery: LossRecovery,
  isRepaired: boolean,
  deliveredBytes: number,
  nowMs: number,
): boolean {
  const { congestion } = socket
  if (congestion.inRecovery) return false
  const hasLost = recovery.board.lostBytes > 0
  if (!hasLost && !isRepaired) return false
  if (!sequenceLessOrEqual(socket.recoverSequence, socket.sendUnacknowledged)) return false
  if (hasLost && isOnlyProbeLost(socket, recovery, nowMs)) return false
  const flight = sequenceDifference(socket.sendMax, socket.sendUnacknowledged)
  congestion.onCongestion(flightBeforeLoss(socket), nowMs)
  noteReduction(socket)
  beginUndo(socket, recovery, nowMs)
  if (!hasLost) {
    congestion.windowBytes = Math.min(congestion.windowBytes, congestion.thresholdBytes)
    recovery.mayUndo = false
    return true
  }
  socket.recoverSequence = socket.sendMax
  congestion.inRecovery = true
  socket.statistics.fastRetransmits++
  beginReduction(recovery, flight)
  reduceRate(socket, recovery, deliveredBytes, false)
  return true
}

/**
 * After each change of the marks: what is to be sent again, and whether ACKs still need a close
 * look.
 */
export function settleRecovery(socket: TcpSocket, recovery: LossRecovery): void {
  const { board } = recovery
  const outOfFlight = board.sackedBytes + board.lostBytes
  socket.outOfFlightBytes = outOfFlight
  socket.isRetransmitPending = board.lostBytes > 0
  // One that has not left yet waited for just such news.
  socket.isTailProbeDue = false
  recovery.isActive =
    outOfFlight !== 0 ||
    recovery.hasProbe ||
    socket.congestion.inRecovery ||
    !sequenceLessOrEqual(socket.recoverSequence, socket.sendUnacknowledged)
  settlePrediction(socket)
}

/**
 * RACK's reordering timer (RFC 8985 §6.2 step 5), or the tail loss probe's: there is one for both,
 * as there is one reason to wait.
 */
export function fireLossTimer(socket: TcpSocket, nowMs: number): void {
  socket.lossDeadlineMs = Number.POSITIVE_INFINITY
  const { recovery } = socket
  if (socket.sendUnacknowledged === socket.sendMax) return
  if (recovery === null || !recovery.isActive) {
    fireTailProbe(socket, nowMs)
    return
  }
  const { board } = recovery
  const lostBefore = board.lostBytes
  const waitUs = detectLoss(socket, recovery, nowMs)
  socket.outOfFlightBytes = board.sackedBytes + board.lostBytes
  reactToLoss(socket, recovery, false, 0, nowMs)
  settleRecovery(socket, recovery)
  if (waitUs > 0) fileLossDeadline(socket, nowMs + waitUs / 1000)
  else if (board.lostBytes > lostBefore) armTailProbe(socket, nowMs)
  else fireTailProbe(socket, nowMs)
  if (socket.isRetransmitPending) socket.host.scheduler.wake(socket)
}

/**
 * The retransmission timer has run out, and the window is reduced: takes for lost what was sent
 * long enough ago. What the peer has reported is kept, unless it has taken that back (RFC 2018 §8):
 * then the first octet in flight would be among it.
 */
export function loseAfterTimeout(socket: TcpSocket, nowMs: number): void {
  const recovery = openRecovery(socket, socket.sendNext)
  const { board } = recovery
  board.acknowledge(socket.sendUnacknowledged)
  if (board.isFirstSacked()) board.forgetSacked()
  markAfterTimeout(socket, recovery, nowMs)
  recovery.hasProbe = false
  if (recovery.hasMtuProbe) endMtuProbe(socket, recovery, false, nowMs)
  if (socket.timeouts <= 1) beginUndo(socket, recovery, nowMs)
  settleRecovery(socket, recovery)
  const flight = sequenceDifference(socket.sendNext, socket.sendUnacknowledged)
  // RFC 5681 §3.1, loss window: one segment more than what is still in the network.
  socket.congestion.windowBytes = flight - socket.outOfFlightBytes + socket.segmentSize
  socket.lossDeadlineMs = Number.POSITIVE_INFINITY
}
