/** The path to the peer of a connection that has been idle, and gave it up meanwhile. */
import type { Egress } from '../../../iface/protocol-handler.ts'
import { IpProtocol } from '../../../wire/ipv4.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** Finds the path again; false when there is none now. */
export function reopenPath(socket: TcpSocket, egress: Egress): boolean {
  socket.flow = egress.openFlow(socket.remoteAddress, socket.localAddress, IpProtocol.Tcp)
  if (socket.flow === null) {
    socket.host.countDrop('noRoute')
    return false
  }
  socket.host.memory.attend(socket)
  return true
}
