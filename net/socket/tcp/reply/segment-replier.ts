/**
 * Answers to segments that have no connection: resets for strangers (RFC 9293 §3.10.7.1), and what
 * records in FIN-WAIT-2 and TIME-WAIT say.
 */

import type { Egress, FlowFields, PacketOrigin } from '../../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../../storage/buffer.ts'
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import { TcpState } from '../state.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import { FinWait2Verdict, judgeFinWait2 } from './fin-wait-2.ts'
import { FinalSegments } from './final-segments.ts'
import { ReplySender } from './reply-sender.ts'
import type { WaitRecord, WaitTable } from './wait-table.ts'

export class SegmentReplier {
  readonly sender: ReplySender
  private readonly configuration: TcpConfiguration
  private readonly statistics: TcpStatistics
  private readonly finals = new FinalSegments()
  /** Resets that may be sent now; grows with time up to one tenth of a second's worth. */
  private resetTokens: number
  private tokensAtMs = 0

  constructor(
    egress: Egress,
    configuration: TcpConfiguration,
    statistics: TcpStatistics,
    bulk: BulkOperations,
  ) {
    this.sender = new ReplySender(egress, statistics, bulk)
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

  /**
   * The reset for a segment to nobody, or to a listener that has these `fields`: limited in rate,
   * since anybody can ask for it.
   */
  refuse(segment: ReceivedSegment, flowHash: number, nowMs: number, fields?: FlowFields): void {
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
    this.sender.send(segment.packet, flowHash, nowMs, fields)
    this.statistics.resetsSent++
  }

  /** A reset from a connection's own numbers, on its own path. */
  reset(socket: TcpSocket, sequence: number, withAck: boolean): void {
    this.finals.addReset(socket, sequence, withAck ? socket.receiveNext : null)
    this.statistics.resetsSent++
  }

  /** The ACK of the peer's FIN, of a connection that ends with it. */
  acknowledgeLast(socket: TcpSocket): void {
    this.finals.addAcknowledgment(socket)
  }

  /** The ACK of a connection that waits, to the peer at `origin`. */
  private acknowledge(record: WaitRecord, origin: PacketOrigin, nowMs: number): void {
    const { sender } = this
    const header = sender.begin(record.ports, record.sendNext, record.receiveNext, TcpFlag.Ack)
    header.window = record.windowField
    if (record.hasTimestamps) {
      header.hasTimestamps = true
      header.timestampValue = (nowMs + record.timestampOffset) | 0
      header.timestampEcho = record.timestampRecent
    }
    sender.send(origin, record.hash, nowMs, record.ipFields)
  }

  /**
   * RFC 9293 §3.10.7.4 for a connection that waits. True when the segment is a SYN that begins a
   * new one, for which the record made way (MAY-2).
   */
  answerWaiting(
    record: WaitRecord,
    segment: ReceivedSegment,
    table: WaitTable,
    nowMs: number,
  ): boolean {
    if (record.state === TcpState.TimeWait) {
      return this.answerTimeWait(record, segment, table, nowMs)
    }
    this.answerFinWait2(record, segment, table, nowMs)
    return false
  }

  /**
   * Forgets the connections whose wait is over. RFC 1122 §4.2.2.13: one that has lost what its peer
   * sent says so now.
   */
  expireWaiting(table: WaitTable, nowMs: number): void {
    for (let record = table.takeDue(nowMs); record !== null; record = table.takeDue(nowMs)) {
      if (record.state !== TcpState.FinWait2 || !record.isTextLost) continue
      const { localAddress, remoteAddress, interfaceIndex, peerZone, ipFields } = record
      const { hash, sentPorts, sendNext, receiveNext } = record
      const ends = { localAddress, remoteAddress, interfaceIndex, peerZone, ipFields }
      const path = { ...ends, tableHash: hash, flow: null, sentPorts, headerWord: 0 }
      this.finals.addReset(path, sendNext, receiveNext)
      this.statistics.resetsSent++
    }
  }

  private answerFinWait2(
    record: WaitRecord,
    segment: ReceivedSegment,
    table: WaitTable,
    nowMs: number,
  ): void {
    const { statistics } = this
    const { packet } = segment
    switch (judgeFinWait2(record, segment, statistics.drops)) {
      case FinWait2Verdict.Silence:
        return
      case FinWait2Verdict.Acknowledge:
        this.acknowledge(record, packet, nowMs)
        return
      case FinWait2Verdict.Challenge:
        this.challenge(record, packet, nowMs)
        return
      case FinWait2Verdict.Forget:
        statistics.resetsReceived++
        table.remove(record)
        return
      case FinWait2Verdict.Refuse:
        this.sender.begin(
          record.ports,
          record.sendNext,
          record.receiveNext,
          TcpFlag.Rst | TcpFlag.Ack,
        )
        this.sender.send(packet, record.hash, nowMs, record.ipFields)
        statistics.resetsSent++
        table.remove(record)
        return
      case FinWait2Verdict.Finish:
        if (table.makeRoomFor(TcpState.TimeWait)) statistics.timeWaitRecycled++
        table.enterTimeWait(record, nowMs)
        this.acknowledge(record, packet, nowMs)
    }
  }

  private challenge(record: WaitRecord, origin: PacketOrigin, nowMs: number): void {
    if (nowMs < record.acknowledgeAllowedMs) {
      this.statistics.drops.challengeLimit++
      return
    }
    record.acknowledgeAllowedMs = nowMs + this.configuration.challengeAckIntervalMs
    this.statistics.challengeAcksSent++
    this.acknowledge(record, origin, nowMs)
  }

  /** True when the segment is a SYN that the record made way for. */
  private answerTimeWait(
    record: WaitRecord,
    segment: ReceivedSegment,
    table: WaitTable,
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
