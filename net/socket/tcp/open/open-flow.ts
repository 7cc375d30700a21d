/** The path of a connection, whose frames keep to one queue of a device that has several. */
import type { Egress, Flow } from '../../../iface/protocol-handler.ts'
import { openConnectionFlow, type PathEnds } from '../connection-flow.ts'

/** Between whom a path is to lead: a connection, or what is known of one that is gone. */
export interface FlowEnds extends PathEnds {
  readonly tableHash: number
  flow: Flow | null
}

/** Null, as `socket.flow` is then, when there is none. */
export function openFlow(socket: FlowEnds, egress: Egress): Flow | null {
  const flow = openConnectionFlow(egress, socket)
  // Keyed, so that peers cannot choose whose queue they share.
  if (flow !== null) flow.record.flowHash = socket.tableHash
  socket.flow = flow
  return flow
}
