/** The path to the peer of a connection that has been idle, and gave it up meanwhile. */
import type { Egress } from '../../../iface/protocol-handler.ts'
import { openFlow } from '../open/open-flow.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** Finds the path again; false when there is none now. */
export function reopenPath(socket: TcpSocket, egress: Egress): boolean {
  if (openFlow(socket, egress) === null) {
    socket.host.countDrop('noRoute')
    return false
  }
  socket.host.memory.attend(socket)
  return true
}
