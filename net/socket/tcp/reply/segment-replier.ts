/**
 * Answers to segments that have no connection: resets for strangers (RFC 9293 §3.10.7.1), ACKs for
 * TIME-WAIT.
 */

import type { Egress, PacketOrigin } from '../../../iface/protocol-handler.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { FinalSegments } from './final-segments.ts'
import { ReplySender } from './reply-sender.ts'
import type { TimeWaitRecord, TimeWaitTable } from './time-wait-table.ts'

export class SegmentReplier {
  readonly sender: ReplySender
  private readonly configuration: TcpConfiguration
  private readonly statistics: TcpStatistics
  private readonly finals = new FinalSegments()
  /** Resets that may be sent now; grows with time up to one tenth of a second's worth. */
  private resetTokens: number
  private tokensAtMs = 0

  constructor(egress: Egress, configuration: TcpConfiguration, statistics: TcpStatistics) {
    this.sender = new ReplySender(egress, statistics)
    this.configuration = configuration
    this.statistics = statistics
    this.resetTokens = configuration.resetsPerSecond / 10
  }

  hasWaiting(): boolean {
    return this.finals.waiting.length > 0
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    return this.finals.dispatch(egress, nowMs)
  }

  /** The reset for a segment to nobody: limited in rate, since anybody can ask for it. */
  refuse(segment: ReceivedSegment, flowHash: number, nowMs: number): void {
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
    const ports = (header.sourcePort << 16) | header.destinationPort
    // "If the ACK bit is off, sequence number zero is used,
    // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>."
    if ((header.flags & TcpFlag.Ack) !== 0) {
      this.sender.begin(ports, header.acknowledgmentNumber, 0, TcpFlag.Rst)
    } else {
      const length =
        segment.payloadLength +
        (segment.hasFin ? 1 : 0) +
        ((header.flags & TcpFlag.Syn) !== 0 ? 1 : 0)
      const acknowledgment = sequenceAdd(header.sequenceNumber, length)
      this.sender.begin(ports, 0, acknowledgment, TcpFlag.Rst | TcpFlag.Ack)
    }
    this.sender.send(segment.packet, flowHash, nowMs)
    this.statistics.resetsSent++
  }

  /** A reset from a connection's own numbers, on its own path. */
  reset(socket: TcpSocket, sequence: number, withAck: boolean): void {
    this.finals.add({
      socket,
      sequence,
      acknowledgment: withAck ? socket.receiveNext : 0,
      flags: withAck ? TcpFlag.Rst | TcpFlag.Ack : TcpFlag.Rst,
    })
    this.statistics.resetsSent++
  }

  /** The ACK of the peer's FIN, of a connection that ends with it. */
  acknowledgeLast(socket: TcpSocket): void {
    const { sendMax, receiveNext } = socket
    const flags = TcpFlag.Ack
    this.finals.add({ socket, sequence: sendMax, acknowledgment: receiveNext, flags })
  }

  /** The ACK of a connection in TIME-WAIT, to the peer at `origin`. */
  private acknowledge(record: TimeWaitRecord, origin: PacketOrigin, nowMs: number): void {
    const { sender } = this
    const header = sender.begin(record.ports, record.sendNext, record.receiveNext, TcpFlag.Ack)
    header.window = record.windowField
    if (record.hasTimestamps) {
      header.hasTimestamps = true
      header.timestampValue = (nowMs + record.timestampOffset) | 0
      header.timestampEcho = record.timestampRecent
    }
    sender.send(origin, record.hash, nowMs)
  }

  /**
   * TIME-WAIT (RFC 9293 §3.10.7.4). True when the segment is a SYN that begins a new connection,
   * for which the record made way (MAY-2).
   */
  answerTimeWait(
    record: TimeWaitRecord,
    segment: ReceivedSegment,
    table: TimeWaitTable,
    nowMs: number,
  ): boolean {
    const { header, packet } = segment
    const distance = sequenceDifference(header.sequenceNumber, record.receiveNext)
    if ((header.flags & TcpFlag.Rst) !== 0) {
      if (distance === 0) table.remove(record)
      return false
    }
    if ((header.flags & (TcpFlag.Syn | TcpFlag.Ack)) === TcpFlag.Syn) {
      // MAY-2, RFC 6191: a higher timestamp or sequence number shows that the SYN is no old
      // duplicate.
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
      this.acknowledge(record, packet, nowMs)
      table.restart(record, nowMs)
      return false
    }
    // An ACK in order asks for nothing. The rest is answered, at most so often that no two hosts
    // keep each other busy.
    if (distance === 0 && !segment.hasText && (header.flags & TcpFlag.Syn) === 0) return false
    if (nowMs >= record.acknowledgeAllowedMs) {
      record.acknowledgeAllowedMs = nowMs + this.configuration.challengeAckIntervalMs
      this.acknowledge(record, packet, nowMs)
    }
    return false
  }
}
