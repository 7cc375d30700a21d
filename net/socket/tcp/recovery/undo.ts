/**
 * Takes a reduction back that turns out to have been wrong: what seemed lost had only been late
 * (RFC 4015, RFC 3708).
 */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { microsecondsBetween, toMicroseconds } from './clock.ts'
import type { LossRecovery } from './loss-recovery.ts'
import { RunState } from './scoreboard.ts'

/**
 * The congestion window has just been reduced for a loss. What an earlier recovery sent again may
 * still be on its way: its ACKs say nothing of whether this loss was one, though they echo what was
 * sent before this recovery's first repetition.
 */
export function beginUndo(socket: TcpSocket, recovery: LossRecovery, nowMs: number): void {
  recovery.mayUndo = true
  recovery.undoStart = socket.sendUnacknowledged
  recovery.undoEnd = socket.sendMax
  recovery.hasResent = false
  recovery.undoBytes = 0
  const { board } = recovery
  const nowUs = toMicroseconds(nowMs)
  let oldestUs = -1
  for (let run = 0; run < board.runCount; run++) {
    const state = board.runState(run)
    if ((state & RunState.Resent) === 0) continue
    recovery.undoBytes += sequenceDifference(board.runEnd(run), board.runStart(run))
    oldestUs = Math.max(oldestUs, microsecondsBetween(board.runTimeUs(run), nowUs))
  }
  if (oldestUs < 0) return
  recovery.hasResent = true
  // Times are rounded: an equal timestamp must not come to look like an older one.
  recovery.resentTimestamp = Math.floor(nowMs - oldestUs / 1000 - 0.01 + socket.timestampOffset) | 0
}

/** Bytes have been sent again with the timestamp `timestamp`, if there is one. */
export function noteResentForUndo(
  recovery: LossRecovery,
  lengthBytes: number,
  timestamp: number,
): void {
  recovery.undoBytes += lengthBytes
  if (recovery.hasResent) return
  recovery.hasResent = true
  recovery.resentTimestamp = timestamp
}

/**
 * True when the ACK, which has moved SND.UNA (`hasAdvanced`) or brought a D-SACK, shows that
 * nothing had been lost. RFC 3522 §3.2: it echoes a timestamp of before the first retransmission.
 * RFC 3708 §2: every octet sent again has arrived twice.
 */
export function isReductionWrong(
  socket: TcpSocket,
  recovery: LossRecovery,
  hasAdvanced: boolean,
  echo: number,
): boolean {
  if (!recovery.mayUndo || !recovery.hasResent) return false
  const beyond = sequenceDifference(socket.sendUnacknowledged, recovery.undoEnd)
  if (beyond > sequenceDifference(recovery.undoEnd, recovery.undoStart)) recovery.mayUndo = false
  if (recovery.undoBytes <= 0) return true
  return hasAdvanced && socket.hasTimestamps && sequenceLessThan(echo, recovery.resentTimestamp)
}

export function undoReduction(socket: TcpSocket, recovery: LossRecovery): void {
  const { congestion } = socket
  recovery.mayUndo = false
  recovery.board.forgetLost()
  congestion.undo()
  congestion.inRecovery = false
  socket.recoverSequence = socket.sendUnacknowledged
  socket.statistics.undoneReductions++
}
