/** Takes a reduction back that turns out to have been wrong: what seemed lost had only been late (RFC 4015, RFC 3708). */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import type { LossRecovery } from './loss-recovery.ts'

/** The congestion window has just been reduced for a loss. */
export function beginUndo(socket: TcpSocket, recovery: LossRecovery): void {
  recovery.mayUndo = true
  recovery.undoStart = socket.sendUnacknowledged
  recovery.undoEnd = socket.sendMax
  recovery.hasResent = false
  recovery.undoBytes = 0
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
 * True when the ACK, which has moved SND.UNA (`hasAdvanced`) or brought a D-SACK, shows that nothing had been lost. RFC 3522 §3.2: it
 * echoes a timestamp of before the first retransmission. RFC 3708 §2: every octet sent again has arrived twice.
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
