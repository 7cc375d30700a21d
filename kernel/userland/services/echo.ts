/**
 * The echo service over TCP (RFC 862): what comes in goes out, copied once, from where the device
 * has put it.
 */
import type { TcpSocket, TcpSocketHandler } from '../../../net/socket/tcp/tcp-socket.ts'

export const ECHO_PORT = 7

function pump(socket: TcpSocket): void {
  while (socket.receivedLength > 0) {
    if (!socket.canSend()) return
    const length = socket.peekRange()
    const sent = socket.send(socket.readBuffer!.bytes, socket.readOffset, length)
    socket.consume(sent)
    // The rest stays in the receive buffer, whose closing window slows the peer down.
    if (sent < length) return
  }
  if (socket.isPeerFinished) socket.close()
}

export const ECHO_HANDLER: TcpSocketHandler = {
  // Mostly there is room for all of it, and it never lies in the receive buffer.
  offerData: (socket, bytes, offset, length) =>
    socket.canSend() ? socket.send(bytes, offset, length) : 0,
  onReadable: pump,
  onWritable: pump,
  onPeerFinished: pump,
  onWindDown(socket) {
    // All that has come is on its way back.
    if (socket.receivedLength === 0) socket.close()
  },
  onClose() {},
}
