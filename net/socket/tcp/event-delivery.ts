/**
 * Tells a socket's user what has happened since its last turn, in the order in which it matters.
 */
import { SocketEvent, type TcpSocket } from './tcp-socket.ts'

/**
 * Events are gathered over all packets of a batch, so that a user is called once a batch and not
 * once a packet.
 */
export function deliverEvents(socket: TcpSocket): void {
  const events = socket.events
  socket.events = 0
  if ((events & SocketEvent.Established) !== 0) {
    if (socket.acceptor !== null) socket.acceptor.notify()
    else socket.handler?.onEstablished?.(socket)
  }
  const handler = socket.handler
  if (handler === null) return
  if ((events & SocketEvent.Urgent) !== 0) handler.onUrgent?.(socket)
  if ((events & SocketEvent.Readable) !== 0 && socket.receivedLength > 0) {
    handler.onReadable?.(socket)
  }
  if ((events & SocketEvent.Close) !== 0) {
    handler.onClose(socket, socket.error)
    return
  }
  if ((events & SocketEvent.PeerFinished) !== 0) handler.onPeerFinished?.(socket)
  if ((events & SocketEvent.Writable) !== 0 && socket.canSend()) handler.onWritable?.(socket)
}
