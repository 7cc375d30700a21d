/** The path of a connection: from its own address, by the interface that has it. */
import type { Egress, Flow, FlowFields } from '../../iface/protocol-handler.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import { zoneOfPeer } from './peer-zone.ts'
import type { ConnectionEnds } from './transmission-control-block.ts'

/** Between whom it is to lead, and what the user wants of its headers. */
export interface PathEnds
  extends Pick<ConnectionEnds, 'localAddress' | 'remoteAddress' | 'interfaceIndex'> {
  readonly ipFields: FlowFields
  /** The link of a link-local peer; NO_INTERFACE = that of our address. */
  readonly peerZone: number
}

/** Null when there is none. */
export function openConnectionFlow(egress: Egress, ends: PathEnds): Flow | null {
  const { remoteAddress, localAddress, ipFields } = ends
  return egress.openFlow(remoteAddress, localAddress, IpProtocol.Tcp, ipFields, zoneOfPeer(ends))
}
