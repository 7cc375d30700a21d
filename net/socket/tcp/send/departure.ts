/**
 * What is to be sent with nothing before it in flight, and cannot leave: for want of the link, the
 * device, the neighbor, a path or a window. No retransmission timer runs for it, and it is given up
 * all the same (RFC 9293 §3.8.3, R2).
 */
import { isOrphan } from '../memory/orphan-list.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { armRetransmit } from '../timers.ts'
import { hasUnsent, isWindowTooSmall } from './segment-plan.ts'

const NEVER = Number.POSITIVE_INFINITY

/** How long a path is not asked for again, at most, while nothing else happens. */
const PATH_RETRY_MS = 5_000

/**
 * A flight is to begin: the clock that gives it up starts, unless it has with an attempt that was
 * refused.
 */
export function beginFlight(socket: TcpSocket, nowMs: number): void {
  if (!socket.isHeldBack) socket.progressMs = nowMs
}

/**
 * What was to begin a flight has left: it has all of its time from here on, and the retransmission
 * timer runs (RFC 6298 (5.1)), whatever its deadline stood for until now.
 */
export function noteDeparture(socket: TcpSocket, nowMs: number): void {
  if (socket.isHeldBack) {
    socket.isHeldBack = false
    socket.progressMs = nowMs
  }
  armRetransmit(socket, nowMs)
}

/**
 * The socket was refused in its turn. Whoever refused it calls when there is room again; should
 * that not come, the user timeout does.
 */
export function noteRefused(socket: TcpSocket, nowMs: number): void {
  // Only probes may be under way, which SND.NXT does not count.
  if (socket.sendNext !== socket.sendUnacknowledged || !hasUnsent(socket)) return
  if (!socket.isHeldBack && socket.retransmitDeadlineMs !== NEVER) return
  if (socket.sendWindow === 0 || isWindowTooSmall(socket)) {
    // It was an ACK that was refused.
    awaitWindow(socket, nowMs)
    return
  }
  socket.isHeldBack = true
  fileDeadline(socket, socket.progressMs + socket.userTimeoutMs)
}

/**
 * There is no path to the peer. It is asked for again whenever something happens to the connection,
 * and each time that it has been missing twice as long.
 */
export function awaitPath(socket: TcpSocket, nowMs: number): void {
  if (!hasUnsent(socket)) return
  if (!socket.isHeldBack) {
    socket.isHeldBack = true
    socket.progressMs = nowMs
  } else if (socket.retransmitDeadlineMs !== NEVER) {
    return
  }
  const waitedMs = nowMs - socket.progressMs
  const retryMs = Math.min(Math.max(waitedMs, socket.rtt.rtoMs), PATH_RETRY_MS)
  fileDeadline(socket, Math.min(nowMs + retryMs, socket.progressMs + socket.userTimeoutMs))
}

/**
 * Data waits for a window and nothing is in flight: only a probe can end that (MUST-35). How long
 * nothing went on before is no reason to give up; but an orphan that waits already has no more time
 * for it.
 */
export function awaitWindow(socket: TcpSocket, nowMs: number): void {
  const isWaiting = socket.isHeldBack || socket.sendMax !== socket.sendUnacknowledged
  socket.isHeldBack = false
  if (!isWaiting || !isOrphan(socket)) {
    socket.progressMs = nowMs
    armRetransmit(socket, nowMs)
    return
  }
  // However often the window opens and closes before the timer runs out.
  const endMs = socket.progressMs + socket.userTimeoutMs
  fileDeadline(socket, Math.min(nowMs + socket.rtt.rtoMs, endMs))
}

/**
 * The window of an orphan opens, which may be all that happens until its turn: its clock goes on
 * from when the wait began, unless something leaves. A probe that is out tells as much.
 */
export function noteWait(socket: TcpSocket): void {
  if (socket.sendMax !== socket.sendUnacknowledged || socket.retransmitDeadlineMs === NEVER) return
  if (hasUnsent(socket)) socket.isHeldBack = true
}

function fileDeadline(socket: TcpSocket, deadlineMs: number): void {
  socket.retransmitDeadlineMs = deadlineMs
  socket.host.scheduler.scheduleDeadline(socket, deadlineMs)
}
