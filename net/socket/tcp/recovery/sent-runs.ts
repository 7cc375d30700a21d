/**
 * Keeps the record of what is in flight and when it was sent, as loss recovery will need it, at the
 * price of a few steps a run.
 */
import { sequenceDifference } from '../../../wire/sequence.ts'
import { RTT_SHIFT } from '../rtt-estimator.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { toMicroseconds } from './clock.ts'
import { LossRecovery } from './loss-recovery.ts'
import { PLAIN_RUNS, RunState } from './scoreboard.ts'
import { armTailProbe } from './tail-loss-probe.ts'

/**
 * What is sent within this part of a round trip counts as sent at once: a quarter of the least
 * reordering window.
 */
const MERGED_PART = 16 << RTT_SHIFT

/**
 * [start, end) has been sent in its turn; `isResent`: once more, after SND.NXT went back. An
 * exchange whose data leaves at one moment, as that of most requests and answers does, needs no
 * more than its time.
 */
export function noteRunSent(
  socket: TcpSocket,
  start: number,
  end: number,
  isResent: boolean,
  nowMs: number,
): void {
  const { sendUnacknowledged } = socket
  const mergeMs = socket.rtt.smoothed / MERGED_PART
  let { recovery } = socket
  if (recovery === null) {
    if (start === sendUnacknowledged && !isResent) socket.flightStartMs = nowMs
    else if (isResent || nowMs - socket.flightStartMs > mergeMs) {
      recovery = openRecovery(socket, start)
    }
  }
  if (recovery !== null) {
    const { board } = recovery
    if (start === sendUnacknowledged) board.clear(start)
    else if (board.runCount >= PLAIN_RUNS && !recovery.isActive) {
      // As long as all goes well nothing else lets go of what is acknowledged; 2^31 later it would
      // seem to be ahead.
      board.acknowledge(sendUnacknowledged)
    }
    const state = isResent ? RunState.Resent : 0
    board.noteSent(start, end, toMicroseconds(nowMs), toMicroseconds(mergeMs), state)
    if (socket.congestion.inRecovery) recovery.sentBytes += sequenceDifference(end, start)
  }
  if (
    socket.lossDeadlineMs === Number.POSITIVE_INFINITY &&
    sequenceDifference(end, sendUnacknowledged) > socket.segmentSize
  ) {
    armTailProbe(socket, nowMs)
  }
}

/**
 * The connection's recovery, made when it is first needed; then what is in flight up to `end` is
 * one run. While it is not active, ACKs leave the runs alone: whoever opens it finds none of what
 * is acknowledged, which would count as lost once it becomes active.
 */
export function openRecovery(socket: TcpSocket, end: number): LossRecovery {
  const known = socket.recovery
  if (known !== null) {
    if (!known.isActive) known.board.acknowledge(socket.sendUnacknowledged)
    return known
  }
  const recovery = new LossRecovery()
  socket.recovery = recovery
  const { board } = recovery
  const start = socket.sendUnacknowledged
  board.clear(start)
  if (start !== end) board.noteSent(start, end, toMicroseconds(socket.flightStartMs), 0, 0)
  return recovery
}

/** SND.NXT goes back: what was in flight is no longer followed, and goes again. */
export function goBack(socket: TcpSocket): void {
  const { recovery } = socket
  socket.sendNext = socket.sendUnacknowledged
  socket.outOfFlightBytes = 0
  if (recovery === null) return
  recovery.board.clear(socket.sendUnacknowledged)
  // What goes again goes in ordinary segments: its ACK says nothing of a larger one.
  recovery.hasMtuProbe = false
  recovery.isMtuProbeLost = false
  // Nor of whether a tail loss probe was needed.
  recovery.hasProbe = false
}
