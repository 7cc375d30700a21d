/** The time limit of a peer that takes too little of its response. */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import { putOff } from './pace.ts'
import { RESPONSE_TIMEOUT_MS } from './time-limits.ts'

/** SND.UNA: what the peer's system has acknowledged it had room for. Noted when a limit begins. */
export function takenBy(socket: TcpSocket): number {
  return socket.sendUnacknowledged
}

/** A deadline is no later than so long after the peer took something last. */
export function notAfterSilence(deadlineMs: number, socket: TcpSocket): number {
  return Math.min(deadlineMs, socket.progressMs + RESPONSE_TIMEOUT_MS)
}

/**
 * At the end of a limit: the end of the next one, or null when too little was taken since `taken`
 * was noted.
 */
export function renewTakingLimit(
  socket: TcpSocket,
  taken: number,
  deadlineMs: number,
  nowMs: number,
): number | null {
  const bytes = (takenBy(socket) - taken) >>> 0
  const nextMs = putOff(deadlineMs, bytes, nowMs, RESPONSE_TIMEOUT_MS)
  const renewedMs = notAfterSilence(nextMs, socket)
  return renewedMs > nowMs ? renewedMs : null
}
