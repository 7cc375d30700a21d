/**
 * What an ACK does to a sender that repairs losses, or learns of one, by selective acknowledgments
 * (RFC 6675, 8985, 6937).
 */
import {
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import type { TcpHeader } from '../../../wire/tcp.ts'
import { skipAcknowledged } from '../receive/acknowledgment.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import {
  echoedRoundTripMs,
  sampleRetransmission,
  takeSample,
} from '../receive/round-trip-sample.ts'
import { releaseAcknowledged } from '../send/send-buffer-release.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit } from '../timers.ts'
import { toMicroseconds } from './clock.ts'
import type { LossRecovery } from './loss-recovery.ts'
import { detectLoss, narrowWindow, noteLatest } from './rack.ts'
import { reduceRate } from './rate-reduction.ts'
import { reactToLoss, settleRecovery } from './recovery-state.ts'
import { noteSackBlocks } from './sack-blocks.ts'
import { openRecovery } from './sent-runs.ts'
import { armTailProbe, fileLossDeadline, hasProbeRepaired } from './tail-loss-probe.ts'
import { isReductionWrong, undoReduction } from './undo.ts'

const NEVER = Number.POSITIVE_INFINITY

/** The clock of timestamps counts milliseconds: an echo can look so much older than it is. */
const TIMESTAMP_GRAIN_US = 1000

/** True when the connection's ACKs need more than acknowledge(): see processSelectiveAck. */
export function isSelective(socket: TcpSocket, header: TcpHeader): boolean {
  if (!socket.hasSelectiveAcks) return false
  return header.sackBlockCount > 0 || socket.recovery?.isActive === true
}

/** An ACK with SND.UNA =< SEG.ACK =< SND.MAX; `acked` = SEG.ACK - SND.UNA. */
export function processSelectiveAck(
  socket: TcpSocket,
  segment: ReceivedSegment,
  acked: number,
  nowMs: number,
): void {
  const { header } = segment
  const recovery = openRecovery(socket, socket.sendNext)
  const { board } = recovery
  const { rtt } = socket
  const before = socket.sendUnacknowledged
  const hasAdvanced = acked > 0
  const pipe = sequenceDifference(socket.sendNext, before) - socket.outOfFlightBytes
  const minimumUs = rtt.smoothed === 0 ? 0 : toMicroseconds(rtt.minimumMs)
  const segments = (sequenceDifference(socket.sendNext, before) / socket.segmentSize) | 0
  board.beginAck(toMicroseconds(nowMs), minimumUs, echoAgeUs(socket, header, nowMs), segments)
  const isDuplicate = noteSackBlocks(socket, recovery, header)
  if (hasAdvanced) advance(socket, recovery, header, isDuplicate, nowMs)
  else if (header.sackBlockCount > 0 && before !== socket.sendMax && !segment.hasText) {
    socket.statistics.duplicateAcks++
    socket.duplicateAcks++
    // Behind a loss, what is queued may come to be sent without anything being acknowledged: its
    // user is asked for more.
    if (socket.isWriteBlocked) releaseAcknowledged(socket, nowMs)
  }
  noteLatest(recovery, nowMs)
  const lostBefore = board.lostBytes
  const waitUs = detectLoss(socket, recovery, nowMs)
  socket.outOfFlightBytes = board.sackedBytes + board.lostBytes
  const isRepaired = hasProbeRepaired(recovery, header, hasAdvanced, isDuplicate)
  if (isReductionWrong(socket, recovery, hasAdvanced, header.timestampEcho)) {
    undoReduction(socket, recovery)
    socket.outOfFlightBytes = board.sackedBytes
  }
  const { deliveredBytes } = board
  const { congestion } = socket
  const wasRecovering = congestion.inRecovery
  if (wasRecovering) {
    if (sequenceLessOrEqual(socket.recoverSequence, socket.sendUnacknowledged)) {
      endRecovery(socket, recovery)
    } else {
      reduceRate(socket, recovery, deliveredBytes, hasAdvanced && board.lostBytes <= lostBefore)
    }
  }
  const isFirst = reactToLoss(socket, recovery, isRepaired, deliveredBytes, nowMs)
  if (hasAdvanced && !isFirst && !wasRecovering) {
    const rttMs = echoedRoundTripMs(socket, header.timestampEcho, nowMs)
    congestion.onAcknowledged(deliveredBytes, pipe, nowMs, rttMs)
  }
  settleRecovery(socket, recovery)
  setTimers(socket, hasAdvanced, waitUs, nowMs)
}

/** How old the timestamp is that the ACK echoes; 0 = it has none, or one that was never sent. */
function echoAgeUs(socket: TcpSocket, header: TcpHeader, nowMs: number): number {
  if (!socket.hasTimestamps) return 0
  const ageMs = (((nowMs + socket.timestampOffset) | 0) - header.timestampEcho) | 0
  if (ageMs <= 0 || ageMs > 0x100000) return 0
  return ageMs * 1000 - TIMESTAMP_GRAIN_US
}

/** SND.UNA moves. */
function advance(
  socket: TcpSocket,
  recovery: LossRecovery,
  header: TcpHeader,
  isDuplicate: boolean,
  nowMs: number,
): void {
  const acknowledgment = header.acknowledgmentNumber
  const { board } = recovery
  socket.sendUnacknowledged = acknowledgment
  recovery.hasRepeatedFirst = false
  if (sequenceLessThan(socket.sendNext, acknowledgment)) skipAcknowledged(socket, acknowledgment)
  const isTimed =
    socket.isTimingSegment && sequenceLessOrEqual(socket.timedSequence, acknowledgment)
  if (isDuplicate) {
    // It answers what was sent again, while its echo is of what came first: the ACK of that was
    // lost, and the time in between says nothing of the path. Karn: without timestamps neither.
    socket.isTimingSegment = false
    if (socket.timeouts !== 0) sampleRetransmission(socket, nowMs)
  } else if (isTimed || (socket.timeouts !== 0 && socket.hasTimestamps)) {
    takeSample(socket, header.timestampEcho, nowMs)
  }
  board.acknowledge(acknowledgment)
  // RFC 2018 §8: the receiver may discard what it has reported; an ACK that ends where a reported
  // run begins says that it has.
  if (board.isFirstSacked()) board.forgetSacked()
  socket.duplicateAcks = 0
  socket.timeouts = 0
  socket.progressMs = nowMs
  releaseAcknowledged(socket, nowMs)
}

/** RFC 6937 §3: "CWND is set to ssthresh". */
function endRecovery(socket: TcpSocket, recovery: LossRecovery): void {
  const { congestion } = socket
  congestion.inRecovery = false
  congestion.windowBytes = congestion.thresholdBytes
  narrowWindow(recovery)
}

function setTimers(socket: TcpSocket, hasAdvanced: boolean, waitUs: number, nowMs: number): void {
  socket.lossDeadlineMs = NEVER
  if (socket.sendUnacknowledged === socket.sendMax) {
    socket.retransmitDeadlineMs = NEVER
    return
  }
  if (hasAdvanced) armRetransmit(socket, nowMs)
  if (waitUs > 0) fileLossDeadline(socket, nowMs + waitUs / 1000)
  else armTailProbe(socket, nowMs)
}
