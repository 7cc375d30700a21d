/**
 * Sends again what the scoreboard takes for lost, and nothing else: in super-segments where it lies
 * together; and tail loss probes.
 */

import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import { notePaced, pacedBytes } from '../congestion/pacing.ts'
import { toMicroseconds } from '../recovery/clock.ts'
import type { LossRecovery } from '../recovery/loss-recovery.ts'
import { settleRecovery } from '../recovery/recovery-state.ts'
import { openRecovery } from '../recovery/sent-runs.ts'
import { noteProbe } from '../recovery/tail-loss-probe.ts'
import { noteResentForUndo } from '../recovery/undo.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit } from '../timers.ts'
import { noteProbeResent } from './mtu-probe.ts'
import { emitSegments } from './segment-emitter.ts'
import { isWindowTooSmall } from './segment-plan.ts'
import { lengthInTwoRanges } from './send-loan.ts'

/** As many lost ranges as one turn repairs: others have their turn as well. */
const RANGES_A_TURN = 16

/** As far as cwnd and the peer's window allow; false when the device is full. */
export function retransmitLost(socket: TcpSocket, nowMs: number): boolean {
  const recovery = openRecovery(socket, socket.sendNext)
  const { board } = recovery
  // Into a window that is too small it would go octet by octet: the timer's probes do that.
  if (isWindowTooSmall(socket)) {
    socket.isRetransmitPending = false
    return true
  }
  let isWaiting = false
  for (let ranges = 0; board.lostBytes > 0 && ranges < RANGES_A_TURN; ranges++) {
    const index = board.firstLost()
    const start = board.runStart(index)
    let length = planRetransmission(socket, start, board.lostLength(index, socket.frameLimit))
    if (length > 0 && socket.isPaced) length = Math.min(length, pacedBytes(socket, nowMs))
    if (length === 0) {
      isWaiting = true
      break
    }
    if (!resend(socket, recovery, start, length, nowMs)) return false
    socket.outOfFlightBytes = board.sackedBytes + board.lostBytes
    if (socket.isPaced) notePaced(socket, length, nowMs)
  }
  // What has to wait is looked at again with the next ACK, or when the pause is over.
  socket.isRetransmitPending = board.lostBytes > 0 && !isWaiting
  return true
}

/** Of `lost` numbers from `start` on, how many may go now. */
function planRetransmission(socket: TcpSocket, start: number, lost: number): number {
  const { sendUnacknowledged, segmentSize, congestion } = socket
  const pipe = sequenceDifference(socket.sendNext, sendUnacknowledged) - socket.outOfFlightBytes
  const room = congestion.windowBytes - pipe
  const toEdge = sequenceDifference(sequenceAdd(sendUnacknowledged, socket.sendWindow), start)
  let length = lost
  if (length > socket.frameLimit) length = socket.frameLimit
  if (length > toEdge) length = toEdge
  // RFC 6675 §5 (C): "If cwnd - pipe >= 1 SMSS"; what is less than a segment goes as a whole.
  if (length > room) length = room < segmentSize ? 0 : room
  if (length <= 0) return 0
  return length > segmentSize && length < lost ? length - (length % segmentSize) : length
}

/** Sends `length` numbers from `start` on, a FIN among them if that is the last. */
function resend(
  socket: TcpSocket,
  recovery: LossRecovery,
  start: number,
  length: number,
  nowMs: number,
): boolean {
  const { end: dataEnd } = socket.sendBuffer
  const toEnd = sequenceDifference(dataEnd, start)
  let payload = Math.min(length, toEnd)
  if (socket.loan !== null && payload > 0) payload = lengthInTwoRanges(socket, start, payload)
  const hasFin = socket.isFinQueued && payload === toEnd && length > toEnd
  const flags = hasFin ? TcpFlag.Ack | TcpFlag.Fin : TcpFlag.Ack
  if (emitSegments(socket, start, payload, 1, flags, nowMs) === 0) return false
  const sent = hasFin ? payload + 1 : payload
  const end = sequenceAdd(start, sent)
  noteProbeResent(socket, recovery, start, end)
  recovery.board.noteResent(start, end, toMicroseconds(nowMs))
  recovery.sentBytes += sent
  const timestamp = (nowMs + socket.timestampOffset) | 0
  noteResentForUndo(recovery, sent, timestamp)
  const { statistics } = socket
  // Karn: without timestamps nothing in flight gives a sample any more.
  if (!socket.hasTimestamps) socket.isTimingSegment = false
  statistics.retransmissions +=
    payload > socket.segmentSize ? Math.ceil(payload / socket.segmentSize) : 1
  statistics.retransmittedBytes += payload
  // RFC 6298 (5.1), for the segment that the timer stands for.
  if (start === socket.sendUnacknowledged) armRetransmit(socket, nowMs)
  return true
}

/**
 * Nothing is heard any more of a recovery: its first segment, which must be missing, goes again
 * whatever cwnd says, as it would after the retransmission timeout. False when the device is full.
 */
export function repeatFirst(socket: TcpSocket, recovery: LossRecovery, nowMs: number): boolean {
  const { board } = recovery
  const start = socket.sendUnacknowledged
  const sent = sequenceDifference(board.runEnd(0), start)
  const length = Math.min(sent, socket.segmentSize, socket.sendWindow)
  if (board.runCount > 0 && length > 0 && !isWindowTooSmall(socket)) {
    if (!resend(socket, recovery, start, length, nowMs)) return false
    recovery.hasRepeatedFirst = true
    socket.statistics.tailLossProbes++
  }
  settleRecovery(socket, recovery)
  return true
}

/**
 * RFC 8985 §7.3: a segment of new data where the window has room for it, else the last one sent.
 * False when the device is full.
 */
export function probeTail(socket: TcpSocket, nowMs: number): boolean {
  const { sendUnacknowledged, sendMax, segmentSize } = socket
  const recovery = openRecovery(socket, socket.sendNext)
  if (recovery.isActive || sendUnacknowledged === sendMax || socket.sendNext !== sendMax) {
    socket.isTailProbeDue = false
    socket.isRetransmitPending = recovery.board.lostBytes > 0
    return true
  }
  const dataEnd = socket.sendBuffer.end
  const numbers = sequenceDifference(sendMax, sendUnacknowledged)
  const hasFin = sequenceLessThan(dataEnd, sendMax)
  let start = sequenceAdd(sendMax, hasFin ? -segmentSize - 1 : -segmentSize)
  if (sequenceLessThan(start, sendUnacknowledged)) start = sendUnacknowledged
  const length = Math.min(numbers, sequenceDifference(sendMax, start))
  if (!resend(socket, recovery, start, length, nowMs)) return false
  noteProbe(socket, recovery, true, nowMs)
  settleRecovery(socket, recovery)
  armRetransmit(socket, nowMs)
  return true
}
