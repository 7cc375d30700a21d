/**
 * The fast path of an end: a FIN that is next in order and brings no text, the ACK of ours, or both
 * in one (RFC 9293 §3.10.7.4 in short).
 */
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TCP_HEADER_LENGTH, TcpFlag } from '../../../wire/tcp.ts'
import { TCP_STAMPED_LENGTH, TCP_TIMESTAMPS_WORD } from '../../../wire/tcp-options.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { acknowledge } from './acknowledgment.ts'
import { finishOurFin, noteHeard, wakeSender } from './receive.ts'
import { processFin } from './receive-text.ts'

const FIN_BIT = TcpFlag.Fin << 16
/** Everything in header word 3 but the window, PSH and FIN. */
const EXPECTED_BITS = 0xfff60000 | 0

/**
 * As processPredicted, of which it takes what that leaves: false leaves the segment untouched for
 * the slow path, which decides the same for these.
 */
export function processExpectedEnd(
  socket: TcpSocket,
  words: Int32Array,
  transportLength: number,
  nowMs: number,
): boolean {
  const word = words[3]!
  const { receiveNext, hasTimestamps } = socket
  if ((word & EXPECTED_BITS) !== socket.predictedWord || words[1]! !== receiveNext) return false
  if (transportLength !== (hasTimestamps ? TCP_STAMPED_LENGTH : TCP_HEADER_LENGTH)) return false
  const acknowledgment = words[2]!
  const acked = sequenceDifference(acknowledgment, socket.sendUnacknowledged)
  if (acked < 0 || sequenceLessThan(socket.sendMax, acknowledgment)) return false
  const hasFin = (word & FIN_BIT) !== 0
  if (hasFin ? !isFinNext(socket) : acked === 0 || !isOurFin(socket, acknowledgment)) return false
  const window = (word & 0xffff) << socket.sendScale
  // As in header prediction: a window that is too small has probes, which another may end.
  if (window === 0 || socket.sendWindow < socket.segmentSize) return false
  if (
    hasTimestamps &&
    (words[5]! !== TCP_TIMESTAMPS_WORD || sequenceLessThan(words[6]!, socket.timestampRecent))
  ) {
    return false
  }
  if (hasFin && socket.state === TcpState.FinWait1 && isOurFin(socket, acknowledgment)) {
    socket.sendWindow = window
    if (window > socket.maxSendWindow) socket.maxSendWindow = window
    if (hasTimestamps && socket.lastAcknowledged === receiveNext) socket.timestampRecent = words[6]!
    endBoth(socket, acknowledgment, nowMs)
    return true
  }
  if (acked > 0) acknowledge(socket, acknowledgment, words[7]!, nowMs)
  socket.sendWindow = window
  if (window > socket.maxSendWindow) socket.maxSendWindow = window
  socket.sendWindowSequence = receiveNext
  socket.sendWindowAcknowledgment = acknowledgment
  wakeSender(socket)
  if (!finishOurFin(socket, nowMs)) return true
  if (hasTimestamps && socket.lastAcknowledged === receiveNext) socket.timestampRecent = words[6]!
  noteHeard(socket, nowMs)
  if (!hasFin) return true
  socket.hasFin = true
  socket.finSequence = receiveNext
  processFin(socket, nowMs)
  return true
}

/**
 * The FIN of the peer acknowledges all of ours, as most connections end: from FIN-WAIT-1 to
 * TIME-WAIT (RFC 1122 §4.2.2.8) in one step, since what lies between is for a connection that goes
 * on.
 */
function endBoth(socket: TcpSocket, acknowledgment: number, nowMs: number): void {
  const { receiveNext } = socket
  socket.sendUnacknowledged = acknowledgment
  socket.sendNext = acknowledgment
  socket.retransmitDeadlineMs = Number.POSITIVE_INFINITY
  socket.timeouts = 0
  socket.progressMs = nowMs
  socket.lastReceivedMs = nowMs
  socket.hasFin = true
  socket.finSequence = receiveNext
  socket.receiveNext = sequenceAdd(receiveNext, 1)
  socket.isPeerFinished = true
  socket.isAckDue = true
  socket.host.enterTimeWait(socket, nowMs)
}

/** The peer has sent none before, and all that it has sent is there. */
function isFinNext(socket: TcpSocket): boolean {
  const { state, assembler } = socket
  if (state < TcpState.Established || state > TcpState.FinWait2 || socket.hasFin) return false
  return assembler === null || assembler.rangeCount === 0
}

function isOurFin(socket: TcpSocket, acknowledgment: number): boolean {
  return socket.isFinQueued && acknowledgment === sequenceAdd(socket.sendBuffer.end, 1)
}
