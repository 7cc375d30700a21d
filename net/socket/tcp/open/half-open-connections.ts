/**
 * All connection attempts in SYN-RECEIVED of passive opens: what comes for them, what their timer
 * does, how they end.
 */
import type { IncomingPacket, TransportError } from '../../../iface/protocol-handler.ts'
import { sequenceDifference } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { ConnectionTable } from '../connection-table.ts'
import { processSegment } from '../receive/receive.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import { SendResult } from '../reply/reply-sender.ts'
import type { SegmentReplier } from '../reply/segment-replier.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpSocket } from '../tcp-socket.ts'
import type { Admission } from './admission.ts'
import { isExpectedAck } from './expected-ack.ts'
import type { HalfOpenSender } from './half-open-sender.ts'
import { judge, Verdict } from './half-open-verdict.ts'
import type { TcpListenSocket } from './listen-socket.ts'
import { SynOption, synOptionsOf } from './syn-options.ts'
import type { SynQueue } from './syn-queue.ts'
import { SynAckReason, type SynRecord, UNMEASURED } from './syn-record.ts'

/**
 * Where a device of several queues has no room in one of them there may be some in another; with so
 * many SYN-ACKs refused in a turn there is none.
 */
const REFUSALS_A_TURN = 8

export interface HalfOpenParts {
  readonly queue: SynQueue
  readonly sender: HalfOpenSender
  readonly admission: Admission
  readonly replier: SegmentReplier
  readonly connections: ConnectionTable
  readonly statistics: TcpStatistics
  readonly synAckRetries: number
  readonly challengeAckIntervalMs: number
}

export class HalfOpenConnections {
  /** There is something to send that is no matter of time. Read only outside. */
  isUrgent = false
  /** Records whose SYN-ACK the device did not take, those that it refused last at the end. */
  private readonly unsent = new Set<SynRecord>()
  private isListenerClosed = false
  private readonly parts: HalfOpenParts
  private readonly onAdmit = (record: SynRecord): void => this.remove(record)

  constructor(parts: HalfOpenParts) {
    this.parts = parts
  }

  /** A filled record joins the queue; its SYN-ACK goes out. */
  open(record: SynRecord, nowMs: number): void {
    const { queue, statistics } = this.parts
    queue.insert(record)
    record.listener!.halfOpenCount++
    if (this.synchronize(record, 0, nowMs) !== SendResult.NoRoute) return
    statistics.drops.noRoute++
    this.remove(record)
  }

  /**
   * What is expected next: false, and nothing is done, when the segment is another or for nobody.
   * `words` holds its header in host order, `hash` is the conversation's.
   */
  processExpected(
    packet: IncomingPacket,
    ports: number,
    hash: number,
    words: Int32Array,
    nowMs: number,
  ): boolean {
    const { queue, statistics } = this.parts
    // A flood's SYNs are not looked for twice.
    if (queue.size === 0 || ((words[3]! >>> 16) & 0xff) !== TcpFlag.Ack) return false
    const { source, destination, interfaceIndex, arrivalIndex } = packet
    const record = queue.find(source, destination, ports, hash, interfaceIndex, arrivalIndex)
    if (record === null || record.isAcknowledged) return false
    if (!isExpectedAck(record, words, packet.transportLength)) return false
    statistics.segmentsReceived++
    noteAcknowledgment(record, words[3]! & 0xffff, nowMs)
    if ((record.options & SynOption.Timestamps) !== 0) record.timestampRecent = words[6]!
    const socket = this.admit(record, nowMs)
    if (socket === null) {
      this.parts.admission.refuse(record)
      return true
    }
    // Its first request mostly comes next.
    packet.connection = socket
    socket.acceptor!.notify()
    return true
  }

  /** SYN-RECEIVED (RFC 9293 §3.10.7.4). */
  process(record: SynRecord, segment: ReceivedSegment, nowMs: number): void {
    const { statistics, replier } = this.parts
    switch (judge(record, segment, statistics.drops)) {
      case Verdict.Drop:
        return
      case Verdict.Repeat:
        this.repeat(record, segment, nowMs)
        return
      case Verdict.Reset:
        statistics.resetsReceived++
        this.fail(record)
        return
      case Verdict.Forget:
        this.fail(record)
        return
      case Verdict.Challenge:
        this.challenge(record, nowMs)
        return
      case Verdict.Refuse:
        replier.refuse(segment, record.hash, nowMs, record.listener!.ipFields)
        return
      case Verdict.Complete:
        this.complete(record, segment, nowMs)
        return
    }
  }

  /**
   * RFC 5927 §5.2: hard errors count in non-synchronized states; the quoted number must be that of
   * our SYN-ACK (§4.1).
   */
  processError(record: SynRecord, error: TransportError): void {
    if (error.kind === 'hard' && error.sequenceNumber === record.sendSequence) this.fail(record)
  }

  /** What its deadlines bring; to be called when queue.earliestMs has come. */
  expireDue(nowMs: number): void {
    const { queue } = this.parts
    for (let record = queue.due(nowMs); record !== null; record = queue.due(nowMs)) {
      this.expire(record, nowMs)
    }
  }

  /** Sends what the device has not taken yet. True while some still waits for it. */
  dispatch(nowMs: number): boolean {
    if (this.isListenerClosed) this.resetOrphans(nowMs)
    const { unsent } = this
    if (unsent.size === 0) {
      this.isUrgent = false
      return false
    }
    const refused: SynRecord[] = []
    for (const record of unsent) {
      this.synchronize(record, record.isRetransmitted ? record.interval + 1 : 0, nowMs)
      if (record.isUnsent && refused.push(record) === REFUSALS_A_TURN) break
    }
    // One interface of several may take nothing for long: the others' have their turns.
    for (const record of refused) {
      unsent.delete(record)
      unsent.add(record)
    }
    this.isUrgent = unsent.size > 0
    return refused.length > 0
  }

  /** Lets in those that wait for room; true when there was some. */
  serveWaiting(nowMs: number): boolean {
    return this.parts.admission.serve(this.onAdmit, nowMs)
  }

  /**
   * Forgets the listener's attempts. Peers that take themselves for connected are reset in the next
   * turn.
   */
  close(listener: TcpListenSocket): void {
    for (const record of this.parts.queue.values()) {
      if (record.listener !== listener) continue
      if (record.isAcknowledged) this.isListenerClosed = true
      else this.fail(record)
    }
    if (this.isListenerClosed) this.isUrgent = true
  }

  private resetOrphans(nowMs: number): void {
    this.isListenerClosed = false
    for (const record of [...this.parts.admission.waiting]) {
      if (!record.listener!.isOpen) this.giveUp(record, nowMs)
    }
  }

  /** Sends a SYN-ACK, the timer's next deadline `step` intervals of the back-off on. */
  private synchronize(record: SynRecord, step: number, nowMs: number): SendResult {
    const { queue, sender } = this.parts
    const result = sender.synchronize(record, false, nowMs)
    if (result === SendResult.DeviceFull) {
      // Nothing can have been lost: no back-off, and no more time than there was.
      if (!record.isUnsent) queue.schedule(record, Math.max(record.interval, 0), nowMs)
      record.isUnsent = true
      this.unsent.add(record)
      this.isUrgent = true
      return result
    }
    if (record.isUnsent) this.unsent.delete(record)
    record.isUnsent = false
    if (!record.isRetransmitted) record.sentMs = nowMs
    queue.schedule(record, step, nowMs)
    return result
  }

  /**
   * RFC 6298 §2, §5.5: the SYN-ACK goes again, at growing intervals, until the peer has been silent
   * for so many of them.
   */
  private expire(record: SynRecord, nowMs: number): void {
    const { queue, statistics, synAckRetries } = this.parts
    if (record.retries >= synAckRetries) {
      this.giveUp(record, nowMs)
      return
    }
    record.retries++
    record.reason = SynAckReason.Timeout
    if (record.isUnsent) {
      queue.schedule(record, record.interval, nowMs)
      return
    }
    // To one that waits for room nothing is lost: this asks whether the peer, which answers with an
    // ACK, is still there.
    if (!record.isAcknowledged) {
      record.isRetransmitted = true
      statistics.retransmitTimeouts++
      statistics.retransmissions++
    }
    this.synchronize(record, record.interval + 1, nowMs)
  }

  private repeat(record: SynRecord, segment: ReceivedSegment, nowMs: number): void {
    const { header, packet } = segment
    const offer = synOptionsOf(header, record.source.version)
    // RFC 7323 §4.3: the echo is of the latest; RFC 3168 §6.1.1: one SYN without ECN-setup is
    // enough to leave it.
    if (header.hasTimestamps) record.timestampRecent = header.timestampValue
    if ((offer & SynOption.Ecn) === 0) record.options &= ~SynOption.Ecn
    record.linkSourceHigh = packet.linkSourceHigh
    record.linkSourceLow = packet.linkSourceLow
    if (nowMs < record.challengeAllowedMs) return
    record.challengeAllowedMs = nowMs + this.parts.challengeAckIntervalMs
    record.isRepeated = true
    record.reason = SynAckReason.Repeated
    this.synchronize(record, record.interval, nowMs)
  }

  /** RFC 5961 §7: at most one an interval for this connection. */
  private challenge(record: SynRecord, nowMs: number): void {
    const { statistics, sender, challengeAckIntervalMs } = this.parts
    if (nowMs < record.challengeAllowedMs) {
      statistics.drops.challengeLimit++
      return
    }
    record.challengeAllowedMs = nowMs + challengeAckIntervalMs
    statistics.challengeAcksSent++
    sender.acknowledge(record, nowMs)
  }

  /**
   * Our SYN is acknowledged: a connection, which goes on with the segment, or one that waits for
   * room.
   */
  private complete(record: SynRecord, segment: ReceivedSegment, nowMs: number): void {
    const { admission } = this.parts
    let socket: TcpSocket | null = null
    const { header } = segment
    noteAcknowledgment(record, header.window, nowMs)
    // RFC 7323 §4.3 (2): "SEG.SEQ <= Last.ACK.sent", which our SYN-ACK was. That of text out of
    // order would make what comes before it look old.
    const beyond = sequenceDifference(header.sequenceNumber, record.receiveSequence + 1)
    if (header.hasTimestamps && beyond <= 0) record.timestampRecent = header.timestampValue
    if (record.isAcknowledged) {
      if (admission.isRoomFreed) this.serveWaiting(nowMs)
      if (record.listener === null) socket = this.findConnection(segment)
    } else {
      socket = this.admit(record, nowMs)
    }
    if (socket !== null) {
      if (saysMore(segment, socket.receiveNext)) processSegment(socket, segment, nowMs)
      // Not at its turn: what comes next in this batch, mostly its first request, can be offered to
      // its user where the device has put it.
      socket.acceptor!.notify()
    } else if (record.listener !== null) {
      admission.refuse(record)
    }
  }

  /** Null when there is no room for one more, or others stand before it. */
  private admit(record: SynRecord, nowMs: number): TcpSocket | null {
    const { admission } = this.parts
    if (admission.mustWait()) return null
    const socket = admission.admit(record, nowMs)
    if (socket !== null) this.remove(record)
    return socket
  }

  private findConnection({ header, packet }: ReceivedSegment): TcpSocket | null {
    const { source, destination, interfaceIndex, arrivalIndex } = packet
    const { sourcePort, destinationPort } = header
    const ends = [destination, destinationPort, source, sourcePort, interfaceIndex] as const
    return this.parts.connections.findByAddresses(...ends, arrivalIndex)
  }

  /** The attempt is over without a connection. */
  private fail(record: SynRecord): void {
    this.parts.statistics.failedOpens++
    this.remove(record)
  }

  /** As fail; a peer that takes itself for connected is told. */
  private giveUp(record: SynRecord, nowMs: number): void {
    const { sender, statistics } = this.parts
    if (record.isAcknowledged) {
      sender.reset(record, nowMs)
      statistics.resetsSent++
    }
    this.fail(record)
  }

  private remove(record: SynRecord): void {
    const { queue, admission } = this.parts
    admission.leave(record)
    if (record.isUnsent) this.unsent.delete(record)
    record.listener!.halfOpenCount--
    queue.remove(record)
  }
}

/**
 * False for the bare ACK that ends most handshakes: the connection was made with its window and
 * timestamp, and the steps of RFC 9293 §3.10.7.4 find nothing else in it.
 */
function saysMore({ header, hasText }: ReceivedSegment, receiveNext: number): boolean {
  return (
    hasText ||
    (header.flags & ~TcpFlag.Psh) !== TcpFlag.Ack ||
    header.sequenceNumber !== receiveNext ||
    header.sackBlockCount > 0
  )
}

function noteAcknowledgment(record: SynRecord, window: number, nowMs: number): void {
  const isTimed = !record.isRetransmitted && !record.isRepeated && !record.isAcknowledged
  // Karn: only a SYN-ACK that was sent once gives a sample, and only its first ACK does.
  if (isTimed && record.roundTripMs === UNMEASURED) record.roundTripMs = nowMs - record.sentMs
  record.retries = 0
  record.peerWindow = window
}
