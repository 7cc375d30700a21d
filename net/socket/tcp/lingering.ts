/** The end of a connection whose user has said its last word: that word arrives, and what the peer still sends is dropped. */
import type { TcpSocket, TcpSocketHandler } from './tcp-socket.ts'

function drop(socket: TcpSocket): void {
  if (socket.receivedLength === 0) return
  socket.isTextLost = true
  socket.discard(socket.receivedLength)
}

export const LINGERING: TcpSocketHandler = {
  takeText(socket, _bytes, _offset, length) {
    socket.isTextLost = true
    return length
  },
  onReadable: drop,
  onPeerFinished(socket) {
    drop(socket)
    socket.close()
  },
  onClose() {},
}

/**
 * RFC 1122 §4.2.2.13 and RFC 2525 §2.17 want a reset when data that came is lost to the user, so that the peer does not send for
 * ever. But a reset makes many peers throw away what they have not read yet, the answer included, so it comes only after they
 * had time for that: so long after the ACK of our FIN, which is the last progress that there can be.
 */
export function lingerEndMs(socket: TcpSocket): number {
  return socket.progressMs + socket.configuration.lingerTimeoutMs
}
