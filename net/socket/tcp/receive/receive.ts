/**
 * SEGMENT ARRIVES for the states after LISTEN, one step of RFC 9293 §3.10.7.4 a function; with RFC
 * 5961 and RFC 7323 §5.
 */
import {
  sequenceAdd,
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import { NetError } from '../../net-error.ts'
import {
  Codepoint,
  noteAnswer,
  noteEcho,
  noteMark,
  takeRepeatedSetup,
} from '../congestion/explicit-congestion.ts'
import { establish, noteSynAcknowledged, processSynSent, repeatSyn } from '../open/handshake.ts'
import { isSelective, processSelectiveAck } from '../recovery/selective-ack.ts'
import { hasUnsent, isWindowTooSmall } from '../send/segment-plan.ts'
import { endProbes, reopenWindow } from '../send/window-opening.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { acknowledge, duplicateAcknowledgment } from './acknowledgment.ts'
import { acknowledgeAtOnce, acknowledgeEach, challenge } from './challenge-ack.ts'
import { settlePrediction } from './predicted-word.ts'
import { receiveWindow } from './receive-room.ts'
import { processFin, processText, reportDuplicate } from './receive-text.ts'
import type { ReceivedSegment } from './received-segment.ts'
import { processUrgent } from './urgent.ts'

/** RFC 7323 §5.5: after 24 days without a segment TS.Recent means nothing. */
const TIMESTAMP_EXPIRY_MS = 24 * 24 * 3600 * 1000

/** Runs one segment through the steps; each returns false when the segment has come to its end. */
export function processSegment(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): void {
  if (socket.state === TcpState.SynSent) {
    if (!processSynSent(socket, segment.header, nowMs)) return
    segment.sequence = socket.receiveNext
    trim(segment, 0, receiveWindow(socket))
  } else if (
    !checkTimestamp(socket, segment, nowMs) ||
    !checkSequence(socket, segment, nowMs) ||
    !checkReset(socket, segment, nowMs) ||
    !checkSynchronize(socket, segment, nowMs) ||
    !checkAcknowledgment(socket, segment, nowMs)
  ) {
    return
  }
  if ((segment.header.flags & TcpFlag.Cwr) !== 0) noteAnswer(socket)
  if (segment.packet.ecn === Codepoint.Experienced && segment.payloadLength > 0) noteMark(socket)
  noteTimestamp(socket, segment, nowMs)
  noteHeard(socket, nowMs)
  if ((segment.header.flags & TcpFlag.Urg) !== 0) processUrgent(socket, segment)
  const acknowledgments = processText(socket, segment)
  if (socket.predictedWord === 0) settlePrediction(socket)
  processFin(socket, nowMs)
  if (acknowledgments > 0 && socket.state !== TcpState.Closed) {
    acknowledgeEach(socket, acknowledgments, nowMs)
  }
}

/**
 * An answer may come in the same instant as the probe: its time alone does not tell that it came
 * after.
 */
export function noteHeard(socket: TcpSocket, nowMs: number): void {
  socket.lastReceivedMs = nowMs
  socket.keepAliveProbesSent = 0
}

function isTimestampExpired(socket: TcpSocket, nowMs: number): boolean {
  return nowMs - socket.lastReceivedMs >= TIMESTAMP_EXPIRY_MS
}

/** RFC 7323 §5.3 R1: protection against wrapped sequence numbers, before everything else. */
function checkTimestamp(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  if (!socket.hasTimestamps) return true
  const header = segment.header
  if ((header.flags & TcpFlag.Rst) !== 0) return true
  if (!header.hasTimestamps) {
    // A SYN of a peer that has restarted, with timestamps off, is challenged like any other (RFC
    // 5961 §4.2).
    if ((header.flags & TcpFlag.Syn) !== 0 || isKeepAlive(socket, segment)) return true
    if (answersKeepAlive(socket, segment)) noteHeard(socket, nowMs)
    // §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the
    // segment."
    else socket.host.countDrop('missingTimestamp')
    return false
  }
  const age = (header.timestampValue - socket.timestampRecent) | 0
  if (age < 0 && !isTimestampExpired(socket, nowMs)) {
    socket.host.countDrop('protectAgainstWrappedSequence')
    // "Send an acknowledgment in reply ... and drop the segment".
    if (segment.payloadLength > 0 || segment.hasFin) acknowledgeAtOnce(socket)
    else challenge(socket, nowMs)
    return false
  }
  return true
}

/**
 * Middleboxes that hold many connections probe them, and answer probes, without timestamps. As in
 * Linux, which does not insist on them, that keeps the connection; nothing of it is believed but
 * that somebody is there. RFC 9293 §3.8.4: "SEG.SEQ = SND.NXT-1", with one octet of garbage or
 * none.
 */
function isKeepAlive(socket: TcpSocket, segment: ReceivedSegment): boolean {
  return (
    segment.sequence === sequenceDifference(socket.receiveNext, 1) &&
    segment.payloadLength <= 1 &&
    !segment.hasFin
  )
}

/**
 * An ACK of all that was sent, and of nothing new, while the answer to a keep-alive is waited for.
 */
function answersKeepAlive(socket: TcpSocket, segment: ReceivedSegment): boolean {
  return (
    socket.keepAliveProbesSent > 0 &&
    segment.sequence === socket.receiveNext &&
    !segment.hasText &&
    segment.header.acknowledgmentNumber === socket.sendMax &&
    socket.sendUnacknowledged === socket.sendMax
  )
}

/**
 * RFC 7323 §4.3 (2): TS.Recent follows the segment that covers the last ACK sent; only after all
 * other checks, so that a forged segment outside of the window cannot make the peer's look old.
 */
function noteTimestamp(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): void {
  const header = segment.header
  if (!socket.hasTimestamps || !header.hasTimestamps) return
  const age = (header.timestampValue - socket.timestampRecent) | 0
  if (age < 0 && !isTimestampExpired(socket, nowMs)) return
  if (sequenceLessThan(socket.lastAcknowledged, header.sequenceNumber)) return
  socket.timestampRecent = header.timestampValue
}

/** First step: the segment must lie in the window; what lies outside of it is cut off. */
function checkSequence(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  const flags = segment.header.flags
  const window = receiveWindow(socket)
  const start = sequenceDifference(segment.sequence, socket.receiveNext)
  if ((flags & TcpFlag.Rst) !== 0) {
    // RFC 5961 §3.2 (1): "If the RST bit is set and the sequence number is outside the current
    // receive window, silently drop the segment." RCV.NXT itself counts at a zero window (MUST-66).
    if (start === 0 || (start > 0 && start < window)) return true
    socket.host.countDrop('outOfWindow')
    return false
  }
  // RFC 5961 §4.2: a SYN is answered "irrespective of the sequence number", in its own step.
  if ((flags & TcpFlag.Syn) !== 0) return true
  const end = start + segment.payloadLength + (segment.hasFin ? 1 : 0)
  const isAcceptable =
    end === start
      ? start === 0 || (start > 0 && start < window)
      : end > 0 && start < (window > 0 ? window : 1)
  if (!isAcceptable) {
    socket.host.countDrop('outOfWindow')
    if (segment.payloadLength > 0 && end <= 0) {
      reportDuplicate(
        socket,
        segment.sequence,
        sequenceAdd(segment.sequence, segment.payloadLength),
      )
    }
    // "If an incoming segment is not acceptable, an acknowledgment should be sent in reply". Those
    // that can be part of an endless exchange of ACKs are throttled; keep-alives and data are not.
    if (end !== start || start === -1) acknowledgeAtOnce(socket)
    else challenge(socket, nowMs)
    return false
  }
  if (start < 0 && segment.payloadLength > 0) {
    reportDuplicate(socket, segment.sequence, socket.receiveNext)
  }
  trim(segment, start, window)
  // A probe at a zero window: its ACK counts, its text does not, and it is answered (§3.8.6.1).
  if (window === 0 && end !== start) acknowledgeAtOnce(socket)
  return true
}

/** Keeps what lies in the window: a segment "may be tailored to fit" (§3.10.7.4). */
function trim(segment: ReceivedSegment, start: number, window: number): void {
  if (start < 0) {
    const cut = Math.min(-start, segment.payloadLength)
    segment.sequence = sequenceDifference(segment.sequence, start)
    segment.payloadOffset += cut
    segment.payloadLength -= cut
    trim(segment, 0, window)
    return
  }
  if (start + segment.payloadLength > window) {
    segment.payloadLength = window - start
    segment.hasFin = false
  }
}

/** Second step, with RFC 5961 §3. */
function checkReset(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  if ((segment.header.flags & TcpFlag.Rst) === 0) return true
  if (segment.sequence !== socket.receiveNext) {
    // (3): in the window but not the next number expected.
    challenge(socket, nowMs)
    return false
  }
  socket.host.countReset()
  if (socket.state === TcpState.SynReceived) {
    socket.host.finish(socket, new NetError('refused', 'Peer refused the connection'))
  } else if (socket.state === TcpState.Closing || socket.state === TcpState.LastAck) {
    socket.host.finish(socket, null)
  } else {
    socket.host.finish(socket, new NetError('reset', 'Peer reset the connection'))
  }
  return false
}

/**
 * Fourth step, with RFC 5961 §4. SYN-RECEIVED is that of a simultaneous open: a listener's has its
 * own (open/half-open-verdict.ts).
 */
function checkSynchronize(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  if ((segment.header.flags & TcpFlag.Syn) === 0) return true
  if (socket.state === TcpState.SynReceived && segment.sequence === socket.initialReceiveSequence) {
    return repeatedSyn(socket, segment, nowMs)
  }
  socket.host.countDrop('outOfWindow')
  challenge(socket, nowMs)
  return false
}

/**
 * The peer's SYN once more: our SYN-ACK was lost. With an ACK it is the answer of a simultaneous
 * open and goes on.
 */
function repeatedSyn(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  takeRepeatedSetup(socket, segment.header.flags)
  if ((segment.header.flags & TcpFlag.Ack) !== 0) {
    segment.sequence = socket.receiveNext
    segment.payloadLength = 0
    segment.hasFin = false
    return true
  }
  if (nowMs >= socket.challengeAckAllowedMs) {
    socket.challengeAckAllowedMs = nowMs + socket.configuration.challengeAckIntervalMs
    repeatSyn(socket)
  }
  return false
}

/** Fifth step, with RFC 5961 §5. */
function checkAcknowledgment(socket: TcpSocket, segment: ReceivedSegment, nowMs: number): boolean {
  const header = segment.header
  if ((header.flags & TcpFlag.Ack) === 0) {
    socket.host.countDrop('noAckFlag')
    return false
  }
  const acknowledgment = header.acknowledgmentNumber
  if (socket.state === TcpState.SynReceived) {
    if (acknowledgment !== socket.sendMax) {
      socket.host.sendResetFor(socket, acknowledgment, nowMs)
      socket.host.countDrop('unacceptableAck')
      return false
    }
    noteSynAcknowledged(socket, header, nowMs)
    establish(socket, nowMs)
    return true
  }
  const acked = sequenceDifference(acknowledgment, socket.sendUnacknowledged)
  if (sequenceLessThan(socket.sendMax, acknowledgment) || acked < -socket.maxSendWindow) {
    // "The ACK value is considered acceptable only if it is in the range of ((SND.UNA -
    // MAX.SND.WND) <= SEG.ACK <= SND.NXT)".
    socket.host.countDrop('unacceptableAck')
    challenge(socket, nowMs)
    return false
  }
  const window = header.window << socket.sendScale
  if (acked >= 0 && (header.flags & TcpFlag.Ece) !== 0) noteEcho(socket, nowMs)
  if (acked >= 0 && isSelective(socket, header)) {
    processSelectiveAck(socket, segment, acked, nowMs)
  } else if (acked > 0) {
    acknowledge(socket, acknowledgment, header.timestampEcho, nowMs)
  } else if (acked === 0) {
    noteUnmovedAck(socket, segment, window, nowMs)
  }
  // "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated."
  if (acked >= 0) updateWindow(socket, segment, acknowledgment, window, acked > 0, nowMs)
  wakeSender(socket)
  return finishOurFin(socket, nowMs)
}

/** SEG.ACK = SND.UNA: a duplicate in the sense of RFC 5681 §2, or just data or a window update. */
function noteUnmovedAck(
  socket: TcpSocket,
  segment: ReceivedSegment,
  window: number,
  nowMs: number,
): void {
  if (socket.sendUnacknowledged === socket.sendMax) return
  if (segment.hasText || window !== socket.sendWindow) return
  // Answers to probes of a closed window are no sign of loss.
  if (window === 0) return
  duplicateAcknowledgment(socket, nowMs)
}

/**
 * SND.WND moves only with segments not older than the one it was last taken from. One that
 * acknowledges more is newer whatever its number: a retransmission carries the window of now, and
 * the one before, counted from the new SND.UNA, would be too large.
 */
function updateWindow(
  socket: TcpSocket,
  segment: ReceivedSegment,
  acknowledgment: number,
  window: number,
  hasAcknowledged: boolean,
  nowMs: number,
): void {
  const sequenceAge = sequenceDifference(socket.sendWindowSequence, segment.header.sequenceNumber)
  const isNewer =
    hasAcknowledged ||
    sequenceAge < 0 ||
    (sequenceAge === 0 && sequenceLessOrEqual(socket.sendWindowAcknowledgment, acknowledgment))
  if (!isNewer) return
  const isOpening = socket.sendWindow === 0 && window > 0
  const wasTooSmall = window > socket.sendWindow && isWindowTooSmall(socket)
  socket.sendWindow = window
  socket.sendWindowSequence = segment.header.sequenceNumber
  socket.sendWindowAcknowledgment = acknowledgment
  if (window > socket.maxSendWindow) socket.maxSendWindow = window
  if (sequenceLessThan(socket.receiveNext, socket.sendWindowSequence)) settlePrediction(socket)
  if (isOpening) reopenWindow(socket, nowMs)
  else if (wasTooSmall && !isWindowTooSmall(socket)) endProbes(socket, nowMs)
}

/** Gives the socket a turn when the ACK may have made something sendable. */
export function wakeSender(socket: TcpSocket): void {
  if (socket.isReady) return
  if (socket.isRetransmitPending || hasUnsent(socket)) socket.host.scheduler.wake(socket)
}

/**
 * "If our FIN is now acknowledged": FIN-WAIT-1, CLOSING and LAST-ACK move on. False when the
 * connection has ended.
 */
export function finishOurFin(socket: TcpSocket, nowMs: number): boolean {
  if (!socket.isFinQueued) return true
  if (socket.sendUnacknowledged !== sequenceAdd(socket.sendBuffer.end, 1)) return true
  switch (socket.state) {
    case TcpState.FinWait1:
      socket.transition(TcpState.FinWait2)
      socket.lastReceivedMs = nowMs
      // Without a user, its turn makes a record of it: after what came with this ACK.
      if (!socket.isReady) socket.host.scheduler.wake(socket)
      return true
    case TcpState.Closing:
      socket.host.enterTimeWait(socket, nowMs)
      return false
    case TcpState.LastAck:
      socket.host.finish(socket, null)
      return false
    default:
      return true
  }
}
