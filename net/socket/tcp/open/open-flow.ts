/** The path of a connection, whose frames keep to one queue of a device that has several. */
import type { Egress } from '../../../iface/protocol-handler.ts'
import { IpProtocol } from '../../../wire/ipv4.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** Null, as `socket.flow` is then, when there is none. */
export function openFlow(socket: TcpSocket, egress: Egress): TcpSocket['flow'] {
  const flow = egress.openFlow(socket.remoteAddress, socket.localAddress, IpProtocol.Tcp)
  // Keyed, so that peers cannot choose whose queue they share.
  if (flow !== null) flow.record.flowHash = socket.tableHash
  socket.flow = flow
  return flow
}
