/** What waited for the peer's window, and with it the timer of its probes, once that has room. */
import { isOrphan } from '../memory/orphan-list.ts'
import { goBack } from '../recovery/sent-runs.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit } from '../timers.ts'
import { noteWait } from './departure.ts'
import { isWindowTooSmall } from './segment-plan.ts'

/** The window was closed. */
export function reopenWindow(socket: TcpSocket, nowMs: number): void {
  goBack(socket)
  if (isWindowTooSmall(socket)) {
    hastenProbes(socket, nowMs)
    return
  }
  endBackOff(socket)
  excuseWait(socket, nowMs)
  socket.isProbePending = false
  socket.retransmitDeadlineMs = Number.POSITIVE_INFINITY
}

/** The window was too small for anything but probes, and is no longer. */
export function endProbes(socket: TcpSocket, nowMs: number): void {
  if (socket.sendNext === socket.sendUnacknowledged) {
    reopenWindow(socket, nowMs)
    return
  }
  excuseWait(socket, nowMs)
  // What was sent before it became so is on its way, and has its timer; unless that has run out,
  // and is a probe's since.
  if (socket.timeouts > socket.timeoutsBeforeProbes) hastenProbes(socket, nowMs)
}

/**
 * The next probe, or what takes its place, comes soon; never later than it would have come, however
 * often the window opens and closes.
 */
export function hastenProbes(socket: TcpSocket, nowMs: number): void {
  endBackOff(socket)
  if (nowMs + socket.rtt.rtoMs < socket.retransmitDeadlineMs) armRetransmit(socket, nowMs)
}

/**
 * That of the probes says nothing about the path. That of timeouts before them stays until a sample
 * says what it should be (RFC 6298 §5.7, Karn).
 */
function endBackOff(socket: TcpSocket): void {
  socket.timeouts = Math.min(socket.timeouts, socket.timeoutsBeforeProbes)
  socket.rtt.endBackOff()
  for (let times = 0; times < socket.timeouts; times++) socket.rtt.backOff()
}

/**
 * How long the window was closed is no reason to give up what goes into it now; but for one that
 * nobody waits for any more, see fireProbe.
 */
function excuseWait(socket: TcpSocket, nowMs: number): void {
  if (isOrphan(socket)) noteWait(socket)
  else socket.progressMs = nowMs
}
