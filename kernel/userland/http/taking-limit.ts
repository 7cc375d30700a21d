/** The time limit of a peer that takes nothing of its response: any progress starts it anew. */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'
import { RESPONSE_TIMEOUT_MS } from './time-limits.ts'

/** SND.UNA: what the peer's system has acknowledged it had room for. Noted when a limit begins. */
export function takenBy(socket: TcpSocket): number {
  return socket.sendUnacknowledged
}

/**
 * At the end of a limit: the end of the next one, or null when nothing was taken since `taken` was
 * noted.
 */
export function renewTakingLimit(socket: TcpSocket, taken: number): number | null {
  return takenBy(socket) === taken ? null : socket.progressMs + RESPONSE_TIMEOUT_MS
}
