/** The discard service over TCP (RFC 863): what comes in is dropped without being looked at. */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'

export const DISCARD_PORT = 9

function drop(socket: TcpSocket): void {
  socket.discard(socket.receivedLength)
}

export const DISCARD_HANDLER: TcpSocketHandler = {
  offerData: (_socket, _bytes, _offset, length) => length,
  onReadable: drop,
  onPeerFinished(socket) {
    drop(socket)
    socket.close()
  },
  // The peer's own end is waited for: what he still sends is taken.
  onWindDown: (socket) => socket.closeWrite(),
  onClose() {},
}
