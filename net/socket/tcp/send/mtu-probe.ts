/**
 * Tries whether a path that has swallowed large packets carries larger ones again, with one segment
 * of text (RFC 4821 §7).
 */
import {
  sequenceAdd,
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../../wire/tcp-options.ts'
import { notePaced, pacedBytes } from '../congestion/pacing.ts'
import type { LossRecovery } from '../recovery/loss-recovery.ts'
import { openRecovery } from '../recovery/sent-runs.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { emitSegments, pathSegmentSize } from './segment-emitter.ts'
import { lengthInTwoRanges } from './send-loan.ts'

/**
 * §7.4: behind the probe so many segments follow at least, whose reports show soon whether it was
 * lost.
 */
const SEGMENTS_BEHIND = 3

/**
 * Once a flight: ends the probe that has arrived, and asks for one when the path is to be searched.
 */
export function considerMtuProbe(socket: TcpSocket, nowMs: number): void {
  const { recovery } = socket
  const flow = socket.flow!
  if (recovery?.hasMtuProbe) {
    if (sequenceLessOrEqual(recovery.mtuProbeEnd, socket.sendUnacknowledged)) {
      endMtuProbe(socket, recovery, true, nowMs)
    }
    return
  }
  if (flow.searchMtu === 0) return
  // Nobody would report that a probe was lost, or the peer takes no larger segments: there is
  // nothing to be learned.
  if (!socket.hasSelectiveAcks || probeLength(socket) <= socket.segmentSize) {
    socket.host.egress.noteMtuProbe(flow, flow.searchMtu, true, nowMs)
    return
  }
  openRecovery(socket, socket.sendNext).isMtuProbeDue = true
  socket.isRetransmitPending = true
}

/** The probe is over: its ACK has come, or it was lost by itself, or in a timeout. */
export function endMtuProbe(
  socket: TcpSocket,
  recovery: LossRecovery,
  hasArrived: boolean,
  nowMs: number,
): void {
  recovery.hasMtuProbe = false
  const { probedMtu } = recovery
  if (!hasArrived) socket.statistics.mtuProbesLost++
  if (socket.flow !== null) {
    socket.host.egress.noteMtuProbe(socket.flow, probedMtu, hasArrived, nowMs)
  }
}

/**
 * RFC 4821 §7.6.4: where other packets were lost beside the probe, or it was sent again before
 * anybody knew, nothing was learned of its size, which is tried again.
 */
function abandonMtuProbe(socket: TcpSocket, recovery: LossRecovery): void {
  recovery.hasMtuProbe = false
  socket.statistics.mtuProbesLost++
}

function probeLength(socket: TcpSocket): number {
  const flow = socket.flow!
  const options = socket.hasTimestamps ? TCP_TIMESTAMPS_LENGTH : 0
  return Math.min(socket.peerMss, pathSegmentSize(flow, flow.searchMtu)) - options
}

/**
 * Sends the next text as one segment of the size to be tried; 0 = not now, another flight will do,
 * or the device is full.
 */
export function emitMtuProbe(socket: TcpSocket, recovery: LossRecovery, nowMs: number): number {
  recovery.isMtuProbeDue = false
  const { sendNext, segmentSize, congestion } = socket
  if (recovery.isActive || recovery.hasMtuProbe || sendNext !== socket.sendMax) return 0
  const { searchMtu } = socket.flow!
  if (searchMtu === 0) return 0
  const length = probeLength(socket)
  const unsent = sequenceDifference(socket.sendBuffer.end, sendNext)
  const flight = sequenceDifference(sendNext, socket.sendUnacknowledged)
  const window = Math.min(congestion.windowBytes, socket.sendWindow)
  if (unsent < length + SEGMENTS_BEHIND * segmentSize || window - flight < length) return 0
  if (socket.loan !== null && lengthInTwoRanges(socket, sendNext, length) < length) return 0
  if (socket.isPaced && pacedBytes(socket, nowMs) === 0) return 0
  // As one segment, whatever the others' size.
  socket.segmentSize = length
  const sent = emitSegments(socket, sendNext, length, 1, TcpFlag.Ack, nowMs)
  socket.segmentSize = segmentSize
  if (sent === 0) return 0
  recovery.hasMtuProbe = true
  recovery.isMtuProbeLost = false
  recovery.mtuProbeStart = sendNext
  recovery.mtuProbeEnd = sequenceAdd(sendNext, length)
  recovery.probedMtu = searchMtu
  socket.statistics.mtuProbes++
  if (socket.isPaced) notePaced(socket, length, nowMs)
  return length
}

/**
 * [start, end) is sent again, in segments of ordinary size: if the probe is among it, its ACK
 * proves nothing.
 */
export function noteProbeResent(
  socket: TcpSocket,
  recovery: LossRecovery,
  start: number,
  end: number,
): void {
  const { mtuProbeStart, mtuProbeEnd } = recovery
  recovery.isMtuProbeLost = false
  if (!recovery.hasMtuProbe || sequenceLessOrEqual(mtuProbeEnd, start)) return
  if (sequenceLessThan(mtuProbeStart, end)) abandonMtuProbe(socket, recovery)
}

/**
 * Something is lost: true when that is the probe and nothing else, which says nothing of congestion
 * (§7.6.2: "the loss of an isolated probe packet SHOULD NOT be treated as an indication of
 * congestion").
 */
export function isOnlyProbeLost(socket: TcpSocket, recovery: LossRecovery, nowMs: number): boolean {
  const { board } = recovery
  const start = board.runStart(board.firstLost())
  const beforeEnd = sequenceDifference(recovery.mtuProbeEnd, start)
  const length = sequenceDifference(recovery.mtuProbeEnd, recovery.mtuProbeStart)
  const isAlone = beforeEnd === length && board.lostBytes === length
  if (recovery.hasMtuProbe) {
    if (beforeEnd <= 0 || beforeEnd > length) return false
    recovery.isMtuProbeLost = true
    if (isAlone) endMtuProbe(socket, recovery, false, nowMs)
    else abandonMtuProbe(socket, recovery)
  }
  return recovery.isMtuProbeLost && isAlone
}
