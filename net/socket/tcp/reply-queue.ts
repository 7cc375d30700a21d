/** Segments that belong to no connection: resets, and ACKs from TIME-WAIT. Bounded; what does not fit is lost, as on any link. */
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import { type IpAddress, isSameAddress } from '../../wire/ip-address.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LENGTH } from '../../wire/tcp.ts'
import { TCP_TIMESTAMPS_LENGTH } from '../../wire/tcp-options.ts'

const MAX_REPLIES = 128
const TIMESTAMPS_WORD = 0x0101080a

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
  const frame = egress.beginPacket(flow, nowMs)
  if (frame === null) return false
  const view = frame.header.view
  const offset = frame.headerOffset + flow.headerLength
  let headerLength = TCP_HEADER_LENGTH
  if (reply.hasTimestamps) {
    view.setInt32(offset + 20, TIMESTAMPS_WORD)
    view.setInt32(offset + 24, (nowMs + reply.timestampOffset) | 0)
    view.setInt32(offset + 28, reply.timestampEcho)
    headerLength += TCP_TIMESTAMPS_LENGTH
  }
  view.setInt32(offset, (reply.localPort << 16) | reply.remotePort)
  view.setInt32(offset + 4, reply.sequence)
  view.setInt32(offset + 8, reply.acknowledgment)
  view.setInt32(offset + 12, (headerLength << 26) | (reply.flags << 16) | reply.window)
  view.setInt32(offset + 16, 0)
  egress.commitPacket(flow, frame, headerLength, TCP_CHECKSUM_OFFSET, 0, false)
  return true
}
