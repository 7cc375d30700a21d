/** Segments that belong to no connection: resets, and ACKs from TIME-WAIT. Bounded; what does not fit is lost, as on any link. */
import type { Egress, Flow } from '../../../iface/protocol-handler.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import {
  TCP_HEADER_LENGTH,
  writeTcpAcknowledgment,
  writeTcpControl,
  writeTcpPorts,
  writeTcpSequence,
} from '../../../wire/tcp.ts'
import {
  TCP_TIMESTAMPS_LENGTH,
  writeTimestampEcho,
  writeTimestampsHead,
  writeTimestampValue,
} from '../../../wire/tcp-options.ts'

const MAX_REPLIES = 128

export interface Reply {
  readonly local: IpAddress
  readonly remote: IpAddress
  readonly localPort: number
  readonly remotePort: number
  readonly sequence: number
  readonly acknowledgment: number
  readonly flags: number
  readonly window: number
  readonly hasTimestamps: boolean
  readonly timestampOffset: number
  readonly timestampEcho: number
}

export class ReplyQueue {
  private waiting: Reply[] = []
  /** Path of the last reply: floods come from one peer. */
  private flow: Flow | null = null

  get size(): number {
    return this.waiting.length
  }

  /** False when the queue is full. */
  add(reply: Reply): boolean {
    if (this.waiting.length >= MAX_REPLIES) return false
    this.waiting.push(reply)
    return true
  }

  /** Sends what can be sent. Returns true while some wait for the device or a neighbour. */
  dispatch(egress: Egress, nowMs: number): boolean {
    if (this.waiting.length === 0) return false
    const blocked: Reply[] = []
    for (const reply of this.waiting) {
      const flow = this.openFlow(egress, reply)
      if (flow === null || egress.isUnreachable(flow, nowMs)) continue
      if (!emitReply(egress, flow, reply, nowMs)) blocked.push(reply)
    }
    this.waiting = blocked
    return blocked.length > 0
  }

  private openFlow(egress: Egress, reply: Reply): Flow | null {
    const flow = this.flow
    if (
      flow !== null &&
      isSameAddress(flow.destination, reply.remote) &&
      isSameAddress(flow.source, reply.local)
    ) {
      return flow
    }
    this.flow = egress.openFlow(reply.remote, reply.local, 6)
    return this.flow
  }
}

function emitReply(egress: Egress, flow: Flow, reply: Reply, nowMs: number): boolean {
  const { view } = flow.record
  const offset = flow.headerLength
  let headerLength = TCP_HEADER_LENGTH
  if (reply.hasTimestamps) {
    const options = offset + TCP_HEADER_LENGTH
    writeTimestampsHead(view, options)
    writeTimestampValue(view, options, (nowMs + reply.timestampOffset) | 0)
    writeTimestampEcho(view, options, reply.timestampEcho)
    headerLength += TCP_TIMESTAMPS_LENGTH
  }
  writeTcpPorts(view, offset, (reply.localPort << 16) | reply.remotePort)
  writeTcpSequence(view, offset, reply.sequence)
  writeTcpAcknowledgment(view, offset, reply.acknowledgment)
  writeTcpControl(view, offset, headerLength, reply.flags, reply.window)
  return egress.prepare(flow, headerLength, 0, 0, nowMs) && egress.submit(flow)
}
