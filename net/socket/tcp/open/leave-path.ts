/** The end of a connection's path: it is over, or has been idle for long. */
import type { Egress } from '../../../iface/protocol-handler.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** What it may still have to say finds the path again (see openFlow). */
export function leavePath(socket: TcpSocket, egress: Egress): void {
  const { flow } = socket
  if (flow === null) return
  socket.flow = null
  // Another path has nothing of ours in its header.
  socket.headerWord = 0
  egress.closeFlow(flow)
}
