/** Answers to segments that have no connection: resets for strangers (RFC 9293 §3.10.7.1), ACKs for TIME-WAIT. */

import type { Egress, IncomingPacket } from '../../../iface/protocol-handler.ts'
import { copyOfAddress, type IpAddress } from '../../../wire/ip-address.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { type Reply, ReplyQueue } from './reply-queue.ts'
import type { TimeWaitRecord, TimeWaitTable } from './time-wait-table.ts'

export class SegmentReplier {
  private readonly configuration: TcpConfiguration
  private readonly statistics: TcpStatistics
  private readonly replies = new ReplyQueue()
  /** Resets that may be sent now; grows with time up to one tenth of a second's worth. */
  private resetTokens: number
  private tokensAtMs = 0

  constructor(configuration: TcpConfiguration, statistics: TcpStatistics) {
    this.configuration = configuration
    this.statistics = statistics
    this.resetTokens = configuration.resetsPerSecond / 10
  }

  get size(): number {
    return this.replies.size
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    return this.replies.dispatch(egress, nowMs)
  }

  /** Both ends of a packet as this host sees them, to keep. */
  addressesOf(packet: IncomingPacket): { local: IpAddress; remote: IpAddress } {
    return { local: copyOfAddress(packet.destination), remote: copyOfAddress(packet.source) }
  }

  /** The reset for a segment to nobody: limited in rate, since anybody can ask for it. */
  refuse(segment: ReceivedSegment, nowMs: number): void {
    const { resetsPerSecond } = this.configuration
    const earned = ((nowMs - this.tokensAtMs) * resetsPerSecond) / 1000
    this.tokensAtMs = nowMs
    this.resetTokens = Math.min(resetsPerSecond / 10, this.resetTokens + earned)
    if (this.resetTokens < 1) {
      this.statistics.drops.resetLimit++
      return
    }
    this.resetTokens--
    const { header } = segment
    const { local, remote } = this.addressesOf(segment.packet)
    const hasAck = (header.flags & TcpFlag.Ack) !== 0
    const length =
      segment.payloadLength +
      (segment.hasFin ? 1 : 0) +
      ((header.flags & TcpFlag.Syn) !== 0 ? 1 : 0)
    // "If the ACK bit is off, sequence number zero is used, <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. If the ACK bit is
    // on, <SEQ=SEG.ACK><CTL=RST>."
    this.add(local, remote, header.destinationPort, header.sourcePort, {
      sequence: hasAck ? header.acknowledgmentNumber : 0,
      acknowledgment: hasAck ? 0 : sequenceAdd(header.sequenceNumber, length),
      flags: hasAck ? TcpFlag.Rst : TcpFlag.Rst | TcpFlag.Ack,
    })
    this.statistics.resetsSent++
  }

  /** A reset from a connection's own numbers. */
  reset(socket: TcpSocket, sequence: number, withAck: boolean): void {
    this.add(socket.localAddress, socket.remoteAddress, socket.localPort, socket.remotePort, {
      sequence,
      acknowledgment: withAck ? socket.receiveNext : 0,
      flags: withAck ? TcpFlag.Rst | TcpFlag.Ack : TcpFlag.Rst,
    })
    this.statistics.resetsSent++
  }

  acknowledge(record: TimeWaitRecord): void {
    this.replies.add({
      local: record.localAddress,
      remote: record.remoteAddress,
      localPort: record.localPort,
      remotePort: record.remotePort,
      sequence: record.sendNext,
      acknowledgment: record.receiveNext,
      flags: TcpFlag.Ack,
      window: record.windowField,
      hasTimestamps: record.hasTimestamps,
      timestampOffset: record.timestampOffset,
      timestampEcho: record.timestampRecent,
    })
  }

  /**
   * TIME-WAIT (RFC 9293 §3.10.7.4). True when the segment is a SYN that begins a new connection, for which the record made
   * way (MAY-2).
   */
  answerTimeWait(
    record: TimeWaitRecord,
    segment: ReceivedSegment,
    table: TimeWaitTable,
    nowMs: number,
  ): boolean {
    const { header } = segment
    const distance = sequenceDifference(header.sequenceNumber, record.receiveNext)
    if ((header.flags & TcpFlag.Rst) !== 0) {
      if (distance === 0) table.remove(record)
      return false
    }
    if ((header.flags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn) {
      // MAY-2, RFC 6191: a higher timestamp or sequence number shows that the SYN is no old duplicate.
      const isNewer =
        record.hasTimestamps && header.hasTimestamps
          ? sequenceLessThan(record.timestampRecent, header.timestampValue)
          : distance > 0
      if (isNewer) {
        table.remove(record)
        return true
      }
    }
    if (segment.hasFin && sequenceAdd(distance, segment.payloadLength) === -1) {
      this.acknowledge(record)
      table.restart(record, nowMs)
      return false
    }
    // An ACK in order asks for nothing. The rest is answered, at most so often that no two hosts keep each other busy.
    if (distance === 0 && !segment.hasText && (header.flags & TcpFlag.Syn) === 0) return false
    if (nowMs >= record.acknowledgeAllowedMs) {
      record.acknowledgeAllowedMs = nowMs + this.configuration.challengeAckIntervalMs
      this.acknowledge(record)
    }
    return false
  }

  private add(
    local: IpAddress,
    remote: IpAddress,
    localPort: number,
    remotePort: number,
    fields: Pick<Reply, 'sequence' | 'acknowledgment' | 'flags'>,
  ): void {
    this.replies.add({
      local,
      remote,
      localPort,
      remotePort,
      ...fields,
      window: 0,
      hasTimestamps: false,
      timestampOffset: 0,
      timestampEcho: 0,
    })
  }
}
