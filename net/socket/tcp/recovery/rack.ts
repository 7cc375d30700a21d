/**
 * RACK: a segment is lost when one sent later has arrived and the network had time to swap the two
 * (RFC 8985 §6).
 */
import { sequenceLessThan } from '../../../wire/sequence.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { microsecondsBetween, toMicroseconds } from './clock.ts'
import { markLate, markLateAfterTimeout } from './late-runs.ts'
import type { LossRecovery } from './loss-recovery.ts'

/**
 * RFC 5681 §3.2, RFC 8985 §6.2: so many segments reported out of order mean loss, unless the path
 * is known to reorder.
 */
const DUPLICATE_THRESHOLD = 3
/** RFC 8985 §6.2 step 4: how many recoveries a wider window lasts. */
const WINDOW_PERSISTS = 16
/** Beyond that it is wider than any round trip that the smoothed one bounds. */
const MAX_WINDOW_QUARTERS = 64

/** Takes over what the ACK has delivered (RFC 8985 §6.2 step 2). */
export function noteLatest(recovery: LossRecovery, nowMs: number): void {
  const { board } = recovery
  if (!board.hasDelivery) return
  recovery.roundTripUs = microsecondsBetween(board.latestTimeUs, toMicroseconds(nowMs))
  const after = microsecondsBetween(recovery.latestTimeUs, board.latestTimeUs)
  const isLater =
    after > 0 || (after === 0 && sequenceLessThan(recovery.latestEnd, board.latestEnd))
  if (recovery.hasLatest && !isLater) return
  recovery.hasLatest = true
  recovery.latestTimeUs = board.latestTimeUs
  recovery.latestEnd = board.latestEnd
}

/** A D-SACK: what was taken for lost had only been late (RFC 8985 §6.2 step 4). */
export function widenWindow(socket: TcpSocket, recovery: LossRecovery): void {
  if (recovery.isDuplicateRound) {
    if (sequenceLessThan(socket.sendUnacknowledged, recovery.duplicateRoundEnd)) return
  }
  recovery.isDuplicateRound = true
  recovery.duplicateRoundEnd = socket.sendNext
  if (recovery.windowQuarters < MAX_WINDOW_QUARTERS) recovery.windowQuarters++
  recovery.windowPersists = WINDOW_PERSISTS
}

/** A recovery is over. */
export function narrowWindow(recovery: LossRecovery): void {
  if (recovery.windowPersists > 0 && --recovery.windowPersists === 0) recovery.windowQuarters = 1
}

/** RFC 8985 §6.2 step 4: how long segments may be late. */
function reorderingWindowUs(socket: TcpSocket, recovery: LossRecovery): number {
  const { board } = recovery
  if (!board.hasReordering) {
    if (socket.congestion.inRecovery || socket.timeouts > 0) return 0
    if (board.sackedBytes >= DUPLICATE_THRESHOLD * socket.segmentSize) return 0
  }
  const { minimumMs, smoothed } = socket.rtt
  const windowMs = (minimumMs * recovery.windowQuarters) / 4
  return toMicroseconds(Math.min(windowMs, smoothed / (1 << RTT_SHIFT)))
}

/**
 * Marks what is lost by now; returns in how many microseconds more may be, 0 = nothing is being
 * waited for.
 */
export function detectLoss(socket: TcpSocket, recovery: LossRecovery, nowMs: number): number {
  if (!recovery.hasLatest) return 0
  const waitUs = recovery.roundTripUs + reorderingWindowUs(socket, recovery)
  const { latestTimeUs, latestEnd } = recovery
  return markLate(recovery.board, latestTimeUs, latestEnd, waitUs, toMicroseconds(nowMs))
}

/** RFC 8985 §6.3: what a retransmission timeout takes for lost. */
export function markAfterTimeout(socket: TcpSocket, recovery: LossRecovery, nowMs: number): void {
  let waitUs = toMicroseconds(socket.rtt.smoothedMs)
  if (recovery.hasLatest) waitUs = recovery.roundTripUs + reorderingWindowUs(socket, recovery)
  markLateAfterTimeout(recovery.board, waitUs, toMicroseconds(nowMs))
}
