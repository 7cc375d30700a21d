/** The path of a connection: from its own address, by the interface that has it. */
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import type { ConnectionEnds } from './transmission-control-block.ts'

/** Null when there is none. */
export function openConnectionFlow(
  egress: Egress,
  ends: Pick<ConnectionEnds, 'localAddress' | 'remoteAddress' | 'interfaceIndex'>,
): Flow | null {
  const { remoteAddress, localAddress, interfaceIndex } = ends
  return egress.openFlow(remoteAddress, localAddress, IpProtocol.Tcp, undefined, interfaceIndex)
}
