/**
 * What a connection sends when it is its turn: SYN, retransmissions, data, FIN, probes, ACKs,
 * resets (RFC 9293 §3.8, §3.10).
 */

import type { Egress } from '../../../iface/protocol-handler.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import { notePaced, pacedBytes } from '../congestion/pacing.ts'
import { canOfferScale, canOfferTimestamps, openPath, planPath } from '../open/handshake.ts'
import type { LossRecovery } from '../recovery/loss-recovery.ts'
import { settleRecovery } from '../recovery/recovery-state.ts'
import { noteRunSent, openRecovery } from '../recovery/sent-runs.ts'
import { noteProbe } from '../recovery/tail-loss-probe.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit, noteDelayedAck } from '../timers.ts'
import { acceptableSequence } from './acceptable-sequence.ts'
import { awaitPath, awaitWindow, beginFlight, noteDeparture } from './departure.ts'
import { emitMtuProbe } from './mtu-probe.ts'
import { reopenPath } from './reopen-path.ts'
import { probeTail, repeatFirst, retransmitLost } from './retransmit-lost.ts'

import { emitSegments, emitSyn } from './segment-emitter.ts'
import { hasRoomForFin, hasUnsent, isWindowTooSmall, planRun, planSegment } from './segment-plan.ts'
import { releaseAcknowledged } from './send-buffer-release.ts'
import { lengthInTwoRanges } from './send-loan.ts'
import { isQuiet } from './send-room.ts'
import { endProbes, hastenProbes } from './window-opening.ts'

/** What became of a socket's turn. */
export const TurnResult = {
  /** Nothing more to send until something happens. */
  Idle: 0,
  /** The device is full, or the neighbor not resolved. */
  Blocked: 1,
  /** It would send more: others first. */
  More: 2,
} as const
export type TurnResult = (typeof TurnResult)[keyof typeof TurnResult]

/** `mostFrames`: so many it may queue before others have their turn. */
export function dispatchSocket(
  socket: TcpSocket,
  egress: Egress,
  mostFrames: number,
  nowMs: number,
): TurnResult {
  if (socket.state <= TcpState.SynReceived) {
    if (socket.state === TcpState.Closed) return TurnResult.Idle
    return dispatchHandshake(socket, egress, nowMs)
  }
  if (socket.flow === null && !hasPath(socket, egress, nowMs)) return TurnResult.Idle
  if (socket.flow!.pathMtu !== socket.plannedMtu) replanPath(socket, egress, nowMs)
  if (socket.isReleaseDue) releaseAcknowledged(socket, nowMs)
  if (socket.isRetransmitPending && !retransmit(socket, nowMs)) return TurnResult.Blocked
  if (socket.isProbePending && !sendProbe(socket, nowMs)) return TurnResult.Blocked
  const ring = socket.sendBuffer
  const { isPaced } = socket
  for (let frames = 0; frames < mostFrames; ) {
    let length = planSegment(socket)
    if (length === 0) {
      if (!socket.isFinQueued) break
      if (socket.state === TcpState.FinWait2) {
        if (socket.host.leaveToRecord(socket, nowMs)) return TurnResult.Idle
      } else if (!sendFin(socket, nowMs)) return TurnResult.Blocked
      break
    }
    // A frame planned for the window of before the pause would not be what the restart allows:
    // planned anew.
    if (socket.sendUnacknowledged === socket.sendMax) {
      const hasShrunk = startFlight(socket, nowMs)
      if (hasShrunk) continue
    }
    if (isPaced) {
      const burst = pacedBytes(socket, nowMs)
      if (burst === 0) break
      if (length > burst) length = burst
    }
    const sequence = socket.sendNext
    if (socket.loan !== null) length = lengthInTwoRanges(socket, sequence, length)
    let count = 1
    let flags: number = TcpFlag.Ack
    if (sequenceAdd(sequence, length) === ring.end) {
      // MUST-61: PSH on the last segment of what is queued; the FIN rides along.
      flags =
        socket.isFinQueued && hasRoomForFin(socket)
          ? TcpFlag.Ack | TcpFlag.Psh | TcpFlag.Fin
          : TcpFlag.Ack | TcpFlag.Psh
    } else {
      count =
        isPaced || socket.isReductionDue
          ? 1
          : Math.min(planRun(socket, length), mostFrames - frames)
    }
    const sent = emitSegments(socket, sequence, length, count, flags, nowMs)
    if (sent > 0) {
      noteDataSent(socket, sequence, length, sent, flags, nowMs)
      if (isPaced) notePaced(socket, length * sent, nowMs)
    }
    if (sent < count) return TurnResult.Blocked
    // All of it has gone, with a FIN if there is one to follow it that fits.
    if (flags !== TcpFlag.Ack && (!socket.isFinQueued || (flags & TcpFlag.Fin) !== 0)) break
    frames += count
    if (frames === mostFrames) return TurnResult.More
  }
  if (socket.isAckDue || (socket.quickAcks > 0 && needsQuickAck(socket))) {
    if (!sendAck(socket, nowMs)) return TurnResult.Blocked
  } else if (socket.receiveNext !== socket.lastAcknowledged) {
    noteDelayedAck(socket, nowMs)
  }
  if (socket.isKeepAliveDue && !sendKeepAlive(socket, nowMs)) return TurnResult.Blocked
  if (socket.sendNext === socket.sendUnacknowledged) awaitRoom(socket, nowMs)
  return TurnResult.Idle
}

/** Nothing is in flight: what is left waits for the peer's window, if for nothing else. */
function awaitRoom(socket: TcpSocket, nowMs: number): void {
  if (
    hasUnsent(socket) &&
    socket.pacingDeadlineMs === Number.POSITIVE_INFINITY &&
    (socket.retransmitDeadlineMs === Number.POSITIVE_INFINITY || socket.isHeldBack)
  ) {
    awaitWindow(socket, nowMs)
  }
}

/** Another path MTU: a window that was too small for a segment may have room for a smaller one. */
function replanPath(socket: TcpSocket, egress: Egress, nowMs: number): void {
  const wasTooSmall = isWindowTooSmall(socket)
  planPath(socket, egress)
  if (wasTooSmall && !isWindowTooSmall(socket)) endProbes(socket, nowMs)
}

/**
 * A sender whose window a loss has made small stands still until the delay of an ACK of a single
 * segment is over.
 */
function needsQuickAck(socket: TcpSocket): boolean {
  if (socket.receiveNext === socket.lastAcknowledged) return false
  socket.quickAcks--
  return true
}

/**
 * Finds the path again that was given up while the connection was idle; false when nothing is to be
 * sent, or there is none.
 */
function hasPath(socket: TcpSocket, egress: Egress, nowMs: number): boolean {
  if (isQuiet(socket)) {
    if (socket.state === TcpState.FinWait2) socket.host.leaveToRecord(socket, nowMs)
    return false
  }
  if (reopenPath(socket, egress)) return true
  awaitPath(socket, nowMs)
  return false
}

/**
 * SND.NXT moves over what was sent; the clock of the retransmission timer and of the RTT sample
 * starts if idle.
 */
function noteDataSent(
  socket: TcpSocket,
  sequence: number,
  length: number,
  count: number,
  flags: number,
  nowMs: number,
): void {
  const statistics = socket.statistics
  const end = sequenceAdd(sequence, length * count)
  const fresh = sequenceDifference(end, socket.sendMax)
  if (fresh > 0) {
    statistics.bytesSent += fresh
    if (length > statistics.largestSegmentSent) statistics.largestSegmentSent = length
    if (length > socket.segmentSize) statistics.superSegmentsSent += count
    if (!socket.isTimingSegment) {
      socket.isTimingSegment = true
      socket.timedSequence = sequenceAdd(sequence, length)
      socket.timedAtMs = nowMs
      socket.timedFromSequence = socket.sendUnacknowledged
    }
  } else {
    statistics.retransmissions += count
    statistics.retransmittedBytes += length * count
  }
  const next = (flags & TcpFlag.Fin) === 0 ? end : sequenceAdd(end, 1)
  if (socket.hasSelectiveAcks) {
    // A segment alone, the first of its flight, needs no more than its time (see noteRunSent).
    if (
      socket.recovery === null &&
      fresh > 0 &&
      sequence === socket.sendUnacknowledged &&
      sequenceDifference(next, sequence) <= socket.segmentSize
    ) {
      socket.flightStartMs = nowMs
    } else {
      noteRunSent(socket, sequence, next, fresh <= 0, nowMs)
    }
  }
  socket.sendNext = next
  if (sequenceLessThan(socket.sendMax, next)) socket.sendMax = next
  if (socket.retransmitDeadlineMs === Number.POSITIVE_INFINITY || socket.isHeldBack) {
    noteDeparture(socket, nowMs)
  }
}

/**
 * Data goes into a silent connection: the give-up clock starts, and an old congestion window is not
 * trusted. True = it shrank.
 */
function startFlight(socket: TcpSocket, nowMs: number): boolean {
  const { congestion } = socket
  beginFlight(socket, nowMs)
  // RFC 5681 §4.1: "if TCP has not received a segment for longer than one retransmission timeout"
  // (sent, as its text goes on to explain), cwnd is reduced to the restart window.
  if (nowMs - socket.lastSentMs <= socket.rtt.rtoMs) return false
  const before = congestion.windowBytes
  congestion.onIdleRestart()
  return congestion.windowBytes < before
}

function retransmit(socket: TcpSocket, nowMs: number): boolean {
  if (!socket.hasSelectiveAcks) return retransmitFirst(socket, nowMs)
  const { recovery } = socket
  if (recovery?.isMtuProbeDue) sendMtuProbe(socket, recovery, nowMs)
  return socket.isTailProbeDue ? sendTailProbe(socket, nowMs) : retransmitLost(socket, nowMs)
}

/** RFC 4821 §7: the next text in a segment larger than others, if it may go now. */
function sendMtuProbe(socket: TcpSocket, recovery: LossRecovery, nowMs: number): void {
  const sequence = socket.sendNext
  const length = emitMtuProbe(socket, recovery, nowMs)
  if (length > 0) noteDataSent(socket, sequence, length, 1, TcpFlag.Ack, nowMs)
}

/**
 * RFC 8985 §7.3: new data if there is some that the window has room for, one segment beyond cwnd;
 * else the last segment again.
 */
function sendTailProbe(socket: TcpSocket, nowMs: number): boolean {
  if (socket.recovery?.isActive) return repeatFirst(socket, socket.recovery, nowMs)
  const { sendNext, sendUnacknowledged } = socket
  const unsent = sequenceDifference(socket.sendBuffer.end, sendNext)
  const room = socket.sendWindow - sequenceDifference(sendNext, sendUnacknowledged)
  let length = Math.min(unsent, room, socket.segmentSize)
  if (length <= 0 || (length < unsent && length < socket.segmentSize)) {
    return probeTail(socket, nowMs)
  }
  if (socket.loan !== null) length = lengthInTwoRanges(socket, sendNext, length)
  // A FIN has its own turn.
  const flags = length === unsent ? TcpFlag.Ack | TcpFlag.Psh : TcpFlag.Ack
  if (emitSegments(socket, sendNext, length, 1, flags, nowMs) === 0) return false
  noteDataSent(socket, sendNext, length, 1, TcpFlag.Ack, nowMs)
  const recovery = openRecovery(socket, socket.sendNext)
  noteProbe(socket, recovery, false, nowMs)
  settleRecovery(socket, recovery)
  armRetransmit(socket, nowMs)
  return true
}

/** One segment from SND.UNA on, whatever SND.NXT: fast retransmit and NewReno's partial ACKs. */
function retransmitFirst(socket: TcpSocket, nowMs: number): boolean {
  const start = socket.sendUnacknowledged
  const outstanding = sequenceDifference(socket.sendMax, start)
  // Into a window that is too small it would go octet by octet, one with each partial ACK: the
  // timer's probes do that.
  if (outstanding <= 0 || isWindowTooSmall(socket)) {
    socket.isRetransmitPending = false
    return true
  }
  const ring = socket.sendBuffer
  let length = sequenceDifference(ring.end, start)
  if (length > socket.segmentSize) length = socket.segmentSize
  if (length > outstanding) length = outstanding
  if (socket.loan !== null) length = lengthInTwoRanges(socket, start, length)
  const carriesFin =
    socket.isFinQueued && sequenceAdd(start, length) === ring.end && outstanding > length
  const flags = carriesFin ? TcpFlag.Ack | TcpFlag.Fin : TcpFlag.Ack
  if (emitSegments(socket, start, length, 1, flags, nowMs) === 0) return false
  socket.isRetransmitPending = false
  // Karn: without timestamps nothing in flight gives a sample any more.
  if (!socket.hasTimestamps) socket.isTimingSegment = false
  socket.statistics.retransmissions++
  socket.statistics.retransmittedBytes += length
  return true
}

/**
 * RFC 9293 §3.8.6.1: "The sending TCP peer must regularly transmit at least one octet of new data
 * (if available)"; as many as the window has room for, which is too small for anything else.
 * SND.NXT stays, so that they are part of the next segment when it opens.
 */
function sendProbe(socket: TcpSocket, nowMs: number): boolean {
  const start = socket.sendUnacknowledged
  const ring = socket.sendBuffer
  const window = socket.sendWindow
  let length = sequenceDifference(ring.end, start)
  // Below 0: the FIN has been acknowledged since the timer ran out.
  const hasNothing = length < 0 || (length === 0 && !socket.isFinQueued)
  if (hasNothing || (window > 0 && !isWindowTooSmall(socket))) {
    socket.isProbePending = false
    return true
  }
  if (length > 0) length = window > 0 ? window : 1
  if (socket.loan !== null) length = lengthInTwoRanges(socket, start, length)
  const flags = length === 0 ? TcpFlag.Ack | TcpFlag.Fin : TcpFlag.Ack
  if (emitSegments(socket, start, length, 1, flags, nowMs) === 0) return false
  // Not before: who watches the device sees by it that this is a probe.
  socket.isProbePending = false
  socket.isTimingSegment = false
  socket.statistics.zeroWindowProbes++
  const end = (start + (length > 0 ? length : 1)) | 0
  const fresh = sequenceDifference(end, socket.sendMax)
  if (fresh > 0) {
    if (length > 0) socket.statistics.bytesSent += fresh
    socket.sendMax = end
  }
  // It has found another path MTU, which its next turn will plan for: soon, without an answer too.
  if (socket.flow!.pathMtu !== socket.plannedMtu) hastenProbes(socket, nowMs)
  return true
}

/**
 * A FIN of its own, once everything before it has been sent, and the peer's window has room for its
 * number.
 */
function sendFin(socket: TcpSocket, nowMs: number): boolean {
  const end = socket.sendBuffer.end
  if (socket.sendNext !== end || !hasRoomForFin(socket)) return true
  if (socket.sendUnacknowledged === socket.sendMax) beginFlight(socket, nowMs)
  const flags = TcpFlag.Ack | TcpFlag.Fin
  if (emitSegments(socket, end, 0, 1, flags, nowMs) === 0) return false
  const isResent = socket.sendMax !== end
  if (isResent) socket.statistics.retransmissions++
  if (socket.hasSelectiveAcks) noteRunSent(socket, end, sequenceAdd(end, 1), isResent, nowMs)
  socket.sendNext = sequenceAdd(end, 1)
  if (sequenceLessThan(socket.sendMax, socket.sendNext)) socket.sendMax = socket.sendNext
  if (socket.retransmitDeadlineMs === Number.POSITIVE_INFINITY || socket.isHeldBack) {
    noteDeparture(socket, nowMs)
  }
  return true
}

function sendAck(socket: TcpSocket, nowMs: number): boolean {
  const { sendMax } = socket
  // Who receives has nothing in flight, mostly.
  const sequence = sendMax === socket.sendUnacknowledged ? sendMax : acceptableSequence(socket)
  return emitSegments(socket, sequence, 0, 1, TcpFlag.Ack, nowMs) === 1
}

/**
 * RFC 9293 §3.8.4: a segment without data one before SND.NXT, which an alive peer must answer
 * (SHLD-12).
 */
function sendKeepAlive(socket: TcpSocket, nowMs: number): boolean {
  const sequence = sequenceDifference(socket.sendMax, 1)
  if (emitSegments(socket, sequence, 0, 1, TcpFlag.Ack, nowMs) === 0) return false
  socket.isKeepAliveDue = false
  return true
}

function dispatchHandshake(socket: TcpSocket, egress: Egress, nowMs: number): TurnResult {
  if (!openPath(socket, egress)) return TurnResult.Idle
  if (socket.isSynDue) {
    const scale = canOfferScale(socket)
    if (!emitSyn(socket, egress, scale, canOfferTimestamps(socket), nowMs)) {
      // The wait for a neighbor that may not exist, or for the link, ends as well.
      if (socket.retransmitDeadlineMs === Number.POSITIVE_INFINITY) armRetransmit(socket, nowMs)
      return TurnResult.Blocked
    }
    socket.isSynDue = false
    if (!socket.isSynLost && !socket.isSynRepeated) {
      socket.progressMs = nowMs
      socket.isTimingSegment = true
      socket.timedSequence = sequenceAdd(socket.initialSendSequence, 1)
      socket.timedAtMs = nowMs
    }
    armRetransmit(socket, nowMs)
  } else if (socket.isAckDue && socket.state === TcpState.SynReceived) {
    if (!sendAck(socket, nowMs)) return TurnResult.Blocked
  }
  return TurnResult.Idle
}
