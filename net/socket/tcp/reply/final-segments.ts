/**
 * The last segment of connections that have ended, on their own paths. Bounded; what does not fit
 * is lost, as on any link.
 */

import type { Egress } from '../../../iface/protocol-handler.ts'
import {
  TCP_HEADER_LENGTH,
  TcpFlag,
  writeTcpAcknowledgment,
  writeTcpControl,
  writeTcpPorts,
  writeTcpSequence,
} from '../../../wire/tcp.ts'
import { openFlow } from '../open/open-flow.ts'
import { emitSegments } from '../send/segment-emitter.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** As many connections as a listener resets at once when it closes with two full backlogs. */
const MAX_WAITING = 1024

export interface FinalSegment {
  /** Its flow is open. */
  readonly socket: TcpSocket
  readonly sequence: number
  readonly acknowledgment: number
  /** A reset, or the ACK of the peer's FIN. */
  readonly flags: number
}

export class FinalSegments {
  /** Read only outside. */
  waiting: FinalSegment[] = []

  /** False when too many wait. */
  add(segment: FinalSegment): boolean {
    if (this.waiting.length >= MAX_WAITING) return false
    this.waiting.push(segment)
    return true
  }

  /** Sends what can be sent. Returns true while some wait for the device or a neighbor. */
  dispatch(egress: Egress, nowMs: number): boolean {
    if (this.waiting.length === 0) return false
    const blocked: FinalSegment[] = []
    for (const segment of this.waiting) {
      const { socket } = segment
      // An idle connection has given its path up.
      const flow = socket.flow ?? openFlow(socket, egress)
      if (flow === null || egress.isUnreachable(flow, nowMs)) continue
      if (!emit(egress, segment, nowMs)) blocked.push(segment)
    }
    this.waiting = blocked
    return blocked.length > 0
  }
}

function emit(egress: Egress, segment: FinalSegment, nowMs: number): boolean {
  const { socket, sequence, flags } = segment
  if ((flags & TcpFlag.Rst) === 0) {
    return emitSegments(socket, sequence, 0, 1, flags, nowMs) === 1
  }
  const flow = socket.flow!
  const { record, headerLength: offset } = flow
  const { view } = record
  // What segments share is written anew, should the connection live on.
  socket.headerWord = 0
  writeTcpPorts(view, offset, socket.sentPorts)
  writeTcpSequence(view, offset, sequence)
  writeTcpAcknowledgment(view, offset, segment.acknowledgment)
  writeTcpControl(view, offset, TCP_HEADER_LENGTH, flags, 0)
  record.payload0Length = 0
  record.payload1Length = 0
  record.owner = null
  return egress.prepare(flow, TCP_HEADER_LENGTH, 0, 0, nowMs) && egress.submit(flow)
}
