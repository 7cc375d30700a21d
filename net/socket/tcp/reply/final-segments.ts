/**
 * The last segment of connections that have ended, on their own paths. Bounded; what does not fit
 * is lost, as on any link.
 */

import { countNews, RETRY_INTERVAL_MS } from '../../../iface/path-news.ts'
import type { Egress, Flow } from '../../../iface/protocol-handler.ts'
import {
  TCP_HEADER_LENGTH,
  TcpFlag,
  writeTcpAcknowledgment,
  writeTcpControl,
  writeTcpPorts,
  writeTcpSequence,
} from '../../../wire/tcp.ts'
import { type FlowEnds, openFlow } from '../open/open-flow.ts'
import { emitSegments } from '../send/segment-emitter.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** As many connections as a listener resets at once when it closes with two full backlogs. */
const MAX_WAITING = 1024

/** Of a connection, or of one that is gone. */
export interface FinalPath extends FlowEnds {
  readonly sentPorts: number
  headerWord: number
}

interface FinalSegment {
  readonly socket: FinalPath
  /** Whose numbers an ACK of the peer's FIN has; null = a reset. */
  readonly acknowledged: TcpSocket | null
  readonly sequence: number
  /** Null = without an ACK. */
  readonly acknowledgment: number | null
}

export class FinalSegments {
  /** Read only outside. */
  waiting: FinalSegment[] = []
  /** Some have not been tried yet, or the device has refused them. */
  private isUrgent = false
  /** What had been heard of neighbors when all were last tried, and until when that holds. */
  private triedNews = 0
  private retryMs = 0

  /** A reset; `acknowledgment` is null where it has none. */
  addReset(socket: FinalPath, sequence: number, acknowledgment: number | null): void {
    this.add({ socket, acknowledged: null, sequence, acknowledgment })
  }

  /** The ACK of all that the peer has sent, its FIN included. */
  addAcknowledgment(socket: TcpSocket): void {
    const { sendMax: sequence, receiveNext: acknowledgment } = socket
    this.add({ socket, acknowledged: socket, sequence, acknowledgment })
  }

  /** When too many wait, it is lost. */
  private add(segment: FinalSegment): void {
    if (this.waiting.length < MAX_WAITING) this.waiting.push(segment)
    this.isUrgent = true
  }

  /**
   * Sends what can be sent. Returns true while some wait for the device; those that wait for a
   * neighbor are not tried in each turn.
   */
  dispatch(egress: Egress, nowMs: number): boolean {
    const news = countNews(egress.news)
    const isHeard = news !== this.triedNews || nowMs >= this.retryMs
    if (this.waiting.length === 0 || !(isHeard || this.isUrgent)) return false
    if (isHeard) {
      this.triedNews = news
      this.retryMs = nowMs + RETRY_INTERVAL_MS
    }
    this.isUrgent = false
    const blocked: FinalSegment[] = []
    for (const segment of this.waiting) {
      const { socket } = segment
      if (!isHeard && socket.flow?.isResolving) {
        blocked.push(segment)
        continue
      }
      // An idle connection has given its path up.
      const flow = socket.flow ?? openFlow(socket, egress)
      if (flow === null || egress.isUnreachable(flow, nowMs)) continue
      if (emit(egress, segment, flow, nowMs)) continue
      blocked.push(segment)
      if (!flow.isResolving) this.isUrgent = true
    }
    this.waiting = blocked
    return this.isUrgent
  }
}

function emit(egress: Egress, segment: FinalSegment, flow: Flow, nowMs: number): boolean {
  const { socket, acknowledged, sequence, acknowledgment } = segment
  if (acknowledged !== null) {
    return emitSegments(acknowledged, sequence, 0, 1, TcpFlag.Ack, nowMs) === 1
  }
  const { record, headerLength: offset } = flow
  const { view } = record
  const flags = acknowledgment === null ? TcpFlag.Rst : TcpFlag.Rst | TcpFlag.Ack
  // What segments share is written anew, should the connection live on.
  socket.headerWord = 0
  writeTcpPorts(view, offset, socket.sentPorts)
  writeTcpSequence(view, offset, sequence)
  writeTcpAcknowledgment(view, offset, acknowledgment ?? 0)
  writeTcpControl(view, offset, TCP_HEADER_LENGTH, flags, 0)
  record.payload0Length = 0
  record.payload1Length = 0
  record.owner = null
  return egress.prepare(flow, TCP_HEADER_LENGTH, 0, 0, nowMs) && egress.submit(flow)
}
