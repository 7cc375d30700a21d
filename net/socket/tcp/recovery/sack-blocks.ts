/**
 * Which of the blocks that a peer reports can be believed, and what they say (RFC 2018 §3, RFC
 * 2883).
 */
import {
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import type { TcpHeader } from '../../../wire/tcp.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import type { LossRecovery } from './loss-recovery.ts'
import { widenWindow } from './rack.ts'

/**
 * RFC 2018 §5: takes over what the blocks of an ACK report; true when the first of them is a
 * D-SACK.
 */
export function noteSackBlocks(
  socket: TcpSocket,
  recovery: LossRecovery,
  header: TcpHeader,
): boolean {
  const { sackBlocks, sackBlockCount, acknowledgmentNumber } = header
  if (sackBlockCount === 0) return false
  const isDuplicate = isDuplicateReport(header)
  if (isDuplicate) noteDuplicate(socket, recovery, sackBlocks[0]!, sackBlocks[1]!)
  for (let index = isDuplicate ? 1 : 0; index < sackBlockCount; index++) {
    const start = sackBlocks[2 * index]!
    const end = sackBlocks[2 * index + 1]!
    // A hole precedes each block, so none begins where the ACK ends or before.
    if (
      sequenceLessOrEqual(end, start) ||
      sequenceLessOrEqual(start, acknowledgmentNumber) ||
      sequenceLessThan(socket.sendMax, end)
    ) {
      socket.host.countDrop('badSackBlock')
      continue
    }
    // An ACK that the network has delayed reports what is acknowledged by now.
    if (sequenceLessOrEqual(end, socket.sendUnacknowledged)) continue
    // After a timeout without SACK, what has not been sent again is not noted.
    recovery.board.sack(start, sequenceLessThan(socket.sendNext, end) ? socket.sendNext : end)
  }
  return isDuplicate
}

/** RFC 2883 §4: the first block lies below the ACK, or within the second. */
function isDuplicateReport(header: TcpHeader): boolean {
  const { sackBlocks, sackBlockCount, acknowledgmentNumber } = header
  const start = sackBlocks[0]!
  const end = sackBlocks[1]!
  if (sequenceLessOrEqual(end, start)) return false
  if (sequenceLessOrEqual(end, acknowledgmentNumber)) return true
  return (
    sackBlockCount > 1 &&
    sequenceLessOrEqual(sackBlocks[2]!, start) &&
    sequenceLessOrEqual(end, sackBlocks[3]!)
  )
}

/**
 * Counts only when it is of what could be in flight of late: anything else is no sign of this path.
 */
function noteDuplicate(
  socket: TcpSocket,
  recovery: LossRecovery,
  start: number,
  end: number,
): void {
  const age = sequenceDifference(socket.sendUnacknowledged, start)
  if (age > socket.maxSendWindow || sequenceLessThan(socket.sendMax, end)) {
    socket.host.countDrop('badSackBlock')
    return
  }
  socket.statistics.duplicateSacks++
  widenWindow(socket, recovery)
  const { undoStart, undoEnd } = recovery
  if (sequenceLessOrEqual(undoStart, start) && sequenceLessOrEqual(end, undoEnd)) {
    recovery.undoBytes -= sequenceDifference(end, start)
  }
}
