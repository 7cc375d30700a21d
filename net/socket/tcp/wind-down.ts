/**
 * The end of all connections together: users are told, those that do not end are ended, and what
 * never leaves is reset.
 */
import type { ListenerTable } from './open/listener-table.ts'
import { TcpState } from './state.ts'
import type { TcpSocket } from './tcp-socket.ts'

/** Nobody waits any longer than this for a peer who has all of ours to end his own side. */
const PEER_SILENCE_MS = 1000

/** No more connections come in; the users of all others are asked to bring them to an end. */
export function windDown(listeners: ListenerTable, sockets: Iterable<TcpSocket>): void {
  for (const listener of listeners.values()) listener.close()
  for (const socket of [...sockets]) socket.handler?.onWindDown?.(socket)
}

/** Connections over which something may still come or go. */
export function countUnsettled(sockets: Iterable<TcpSocket>, nowMs: number): number {
  let count = 0
  for (const socket of sockets) if (!isSettled(socket, nowMs)) count++
  return count
}

/**
 * Ours is delivered and acknowledged to the end, and the peer's is of no interest or does not come.
 */
function isSettled(socket: TcpSocket, nowMs: number): boolean {
  if (socket.state !== TcpState.FinWait2) return false
  return socket.isReceiveClosed || nowMs - socket.lastReceivedMs >= PEER_SILENCE_MS
}

/**
 * Takes the connections from their users and ends each behind what is queued; half-open ones just
 * go.
 */
export function endAll(sockets: Iterable<TcpSocket>): void {
  for (const socket of [...sockets]) {
    socket.handler = null
    if (socket.state === TcpState.SynSent || socket.state === TcpState.SynReceived) socket.abort()
    else socket.closeWrite()
  }
}

/** True once every peer has acknowledged our end. */
export function isAllDelivered(sockets: Iterable<TcpSocket>): boolean {
  for (const socket of sockets) if (socket.state !== TcpState.FinWait2) return false
  return true
}

/**
 * A reset tells a peer that what he has is not all; one who has all gets none, for it could destroy
 * what he has not read.
 */
export function resetUndelivered(sockets: Iterable<TcpSocket>): void {
  for (const socket of [...sockets]) if (socket.state !== TcpState.FinWait2) socket.abort()
}
