/**
 * Whether a connection that has had its answer goes, so that those who wait for room have their
 * turn.
 */
import type { TcpSocket } from '../../../net/socket/tcp/tcp-socket.ts'

/**
 * Asked when an answer begins, which then says `Connection: close` (RFC 9112 §9.6): unlike the end
 * of an idle connection that cannot cross a request. One that has sent its next request already
 * keeps its place until that is answered.
 */
export function mustMakeRoom(socket: TcpSocket): boolean {
  return socket.waitingBehind > 0 && socket.receivedLength === 0
}
