/**
 * LISTEN: a SYN becomes a half-open record or is answered with a cookie; a cookie's ACK becomes a
 * connection (RFC 4987).
 */
import type { EarliestDeadline } from '../../../iface/earliest-deadline.ts'
import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import { setAddress } from '../../../wire/ip-address.ts'
import { sequenceDifference } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { TcpConfiguration } from '../configuration.ts'
import { processSegment } from '../receive/receive.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import { SendResult } from '../reply/reply-sender.ts'
import type { SegmentReplier } from '../reply/segment-replier.ts'
import type { WaitTable } from '../reply/wait-table.ts'
import type { TcpStatistics } from '../statistics.ts'
import { Admission, type AdmissionParts } from './admission.ts'
import { HalfOpenConnections } from './half-open-connections.ts'
import { HalfOpenSender } from './half-open-sender.ts'
import type { TcpListenSocket } from './listen-socket.ts'
import type { ListenerTable } from './listener-table.ts'
import type { SocketFactory } from './socket-factory.ts'
import { COOKIE_PERIOD_MS, cookieOptions, type SynCookies } from './syn-cookie.ts'
import {
  commonSynOptions,
  SynOption,
  synMss,
  synOptionsOf,
  takenUp,
  withSynMss,
} from './syn-options.ts'
import { SynQueue } from './syn-queue.ts'
import { SynAckReason, SynRecord, UNMEASURED } from './syn-record.ts'

/** What the opener works on, all owned by the protocol. */
export interface PassiveOpenerParts extends AdmissionParts {
  readonly listeners: ListenerTable
  readonly replier: SegmentReplier
  readonly waits: WaitTable
  readonly deadline: EarliestDeadline
}

export class PassiveOpener {
  readonly queue: SynQueue
  readonly halfOpen: HalfOpenConnections
  readonly admission: Admission
  private readonly cookies: SynCookies
  private readonly configuration: TcpConfiguration
  private readonly statistics: TcpStatistics
  private readonly listeners: ListenerTable
  private readonly factory: SocketFactory
  private readonly replier: SegmentReplier
  private readonly waits: WaitTable
  private readonly sender: HalfOpenSender
  /** Of a SYN that is answered with a cookie, or of the ACK of one. */
  private readonly passing = new SynRecord()
  /** Bits of an offer that this host takes up. */
  private readonly takenUp: number
  /** The window of SYN-ACKs: a promise that costs no memory before data comes. */
  private readonly firstWindow: number

  constructor(parts: PassiveOpenerParts) {
    const { configuration, statistics, factory, replier, connections } = parts
    this.configuration = configuration
    this.statistics = statistics
    this.listeners = parts.listeners
    this.factory = factory
    this.replier = replier
    this.waits = parts.waits
    this.cookies = factory.secrets.cookies
    this.sender = new HalfOpenSender(replier.sender, factory.offeredScale)
    const { maxHalfOpen, rtoInitialMs, rtoMaximumMs } = configuration
    this.queue = new SynQueue(maxHalfOpen, rtoInitialMs, rtoMaximumMs, parts.deadline)
    this.admission = new Admission(parts)
    this.takenUp = takenUp(configuration)
    this.firstWindow = Math.min(
      configuration.initialBufferBytes,
      configuration.receiveBufferBytes,
      65_535,
    )
    const { queue, sender, admission } = this
    const { synAckRetries, challengeAckIntervalMs } = configuration
    this.halfOpen = new HalfOpenConnections({
      ...{ queue, sender, admission, replier, connections, statistics },
      ...{ synAckRetries, challengeAckIntervalMs },
    })
  }

  /**
   * A segment without a connection, known by the words of its header, in host order: the ACK that
   * ends a handshake, or the SYN of most peers. False, and nothing is done, when it is another.
   * `hash` is the conversation's.
   */
  processExpected(packet: IncomingPacket, hash: number, words: Int32Array, nowMs: number): boolean {
    if (this.halfOpen.processExpected(packet, words[0]!, hash, words, nowMs)) return true
    return this.processCommonSyn(packet, hash, words, nowMs)
  }

  /**
   * The SYN of most peers for a listener that has room; not one between whom a connection begins or
   * has just ended.
   */
  private processCommonSyn(
    packet: IncomingPacket,
    hash: number,
    words: Int32Array,
    nowMs: number,
  ): boolean {
    const options = commonSynOptions(words, packet.transportLength)
    const ports = words[0]!
    if (options === 0 || ports >>> 16 === 0) return false
    const { queue, waits, configuration, admission } = this
    const { source, destination, interfaceIndex } = packet
    if (
      (queue.size > 0 && queue.find(source, destination, ports, hash, interfaceIndex) !== null) ||
      (waits.size > 0 && waits.find(source, destination, ports, hash, interfaceIndex) !== null)
    ) {
      return false
    }
    const hasTooMany = admission.hasTooMany()
    const listener = this.listeners.find(packet, ports & 0xffff)
    if (
      hasTooMany ||
      listener === null ||
      !listener.canQueue() ||
      queue.isFull ||
      listener.halfOpenCount >= configuration.maxHalfOpenPerListener
    ) {
      return false
    }
    const record = queue.take()
    fill(record, listener, packet, ports)
    record.hash = hash
    record.receiveSequence = words[1]!
    const window = words[3]! & 0xffff
    record.synWindow = window
    record.peerWindow = window
    record.timestampRecent = words[7]!
    record.options = options & this.takenUp
    record.window = this.firstWindow
    this.factory.secrets.number(record, true, nowMs)
    this.halfOpen.open(record, nowMs)
    return true
  }

  /** LISTEN and CLOSED (RFC 9293 §3.10.7.1-2). `hash` is the conversation's. */
  processListen(segment: ReceivedSegment, hash: number, nowMs: number): void {
    const { header, packet } = segment
    const { flags } = header
    const { drops } = this.statistics
    const listener = this.listeners.find(packet, header.destinationPort)
    if ((flags & TcpFlag.Rst) !== 0) {
      drops.noSocket++
      return
    }
    if (listener === null || (flags & TcpFlag.Ack) !== 0) {
      if (listener !== null && nowMs < listener.cookiesUntilMs && (flags & TcpFlag.Syn) === 0) {
        this.processCookie(listener, segment, hash, nowMs)
        return
      }
      drops.noSocket++
      this.replier.refuse(segment, hash, nowMs, listener?.ipFields)
      return
    }
    // "This should not be reached": neither RST, ACK nor SYN. FIN with SYN is no connection attempt
    // either.
    if ((flags & (TcpFlag.Syn | TcpFlag.Fin)) !== TcpFlag.Syn || header.sourcePort === 0) {
      drops.malformed++
      return
    }
    // Not refused: the peer sends its SYN again.
    if (!listener.canQueue()) drops.backlogFull++
    else if (this.admission.hasTooMany()) drops.tooManyConnections++
    else this.open(listener, segment, hash, nowMs)
  }

  /** The listener is closed: nothing of it is left. */
  close(listener: TcpListenSocket): void {
    this.listeners.remove(listener)
    this.halfOpen.close(listener)
    this.admission.recent.forget()
  }

  /** LISTEN, third step: the SYN's data, if any, is left for the retransmission. */
  private open(
    listener: TcpListenSocket,
    segment: ReceivedSegment,
    hash: number,
    nowMs: number,
  ): void {
    const { secrets } = this.factory
    const { queue } = this
    const isFlooded =
      queue.isFull || listener.halfOpenCount >= this.configuration.maxHalfOpenPerListener
    const record = isFlooded ? this.passing : queue.take()
    this.take(record, listener, segment)
    const { header } = segment
    record.hash = hash
    record.receiveSequence = header.sequenceNumber
    record.options = synOptionsOf(header, record.source.version) & this.takenUp
    if (isFlooded) {
      record.timestampOffset = header.hasTimestamps ? secrets.timestampOffset(record) : 0
      this.answerWithCookie(record, nowMs)
      return
    }
    secrets.number(record, header.hasTimestamps, nowMs)
    this.halfOpen.open(record, nowMs)
  }

  /** RFC 4987 §3.6: nothing is kept of the SYN; without timestamps only its MSS is. */
  private answerWithCookie(record: SynRecord, nowMs: number): void {
    if ((record.options & SynOption.Timestamps) === 0) {
      record.options = withSynMss(0, synMss(record.options))
    }
    record.sendSequence = this.cookies.sequenceFor(record, record.options, nowMs)
    record.listener!.cookiesUntilMs = nowMs + 2 * COOKIE_PERIOD_MS
    const result = this.sender.synchronize(record, true, nowMs)
    if (result === SendResult.Sent) this.statistics.synCookiesSent++
    else if (result === SendResult.NoRoute) this.statistics.drops.noRoute++
  }

  /**
   * An ACK for a listener that has sent cookies lately. One that is none of theirs is dropped, not
   * refused as in calm times: it can be a segment that came before the one that completes the
   * handshake, and no client is to be reset for others' flood.
   */
  private processCookie(
    listener: TcpListenSocket,
    segment: ReceivedSegment,
    hash: number,
    nowMs: number,
  ): void {
    const { statistics, admission, passing } = this
    const { secrets } = this.factory
    const { header } = segment
    this.take(passing, listener, segment)
    passing.timestampOffset = header.hasTimestamps ? secrets.timestampOffset(passing) : 0
    passing.hash = hash
    passing.receiveSequence = sequenceDifference(header.sequenceNumber, 1)
    passing.sendSequence = sequenceDifference(header.acknowledgmentNumber, 1)
    const mss = this.cookies.segmentSizeOf(passing, passing.sendSequence, nowMs)
    const clock = (nowMs + passing.timestampOffset) | 0
    const { hasTimestamps, timestampEcho } = header
    const options = mss === 0 ? 0 : cookieOptions(mss, hasTimestamps, timestampEcho, clock)
    if (options === 0) {
      statistics.drops.synCookieInvalid++
      return
    }
    passing.options = options & this.takenUp
    const socket = admission.mustWait() ? null : admission.admit(passing, nowMs)
    if (socket === null) {
      // What the peer sends again is another try.
      admission.countRefusal(listener)
      return
    }
    statistics.synCookiesAccepted++
    processSegment(socket, segment, nowMs)
    listener.notify()
  }

  /** Notes whose segment it is, with what a SYN or an ACK of a cookie says beside. */
  private take(record: SynRecord, listener: TcpListenSocket, segment: ReceivedSegment): void {
    const { header, packet } = segment
    const { window } = header
    fill(record, listener, packet, (header.sourcePort << 16) | header.destinationPort)
    record.timestampRecent = header.timestampValue
    record.window = this.firstWindow
    record.synWindow = (header.flags & TcpFlag.Syn) === 0 ? 0 : window
    record.peerWindow = window
  }
}

/** Gives the record its ends, and makes the rest that of an attempt that has just begun. */
function fill(
  record: SynRecord,
  listener: TcpListenSocket,
  packet: IncomingPacket,
  ports: number,
): void {
  const { source, destination } = packet
  record.listener = listener
  if (source.version === 4 && record.source.version === 4) {
    // The other words of either are 0.
    record.source.word3 = source.word3
    record.destination.word3 = destination.word3
  } else {
    setAddress(record.source, source)
    setAddress(record.destination, destination)
  }
  record.interfaceIndex = packet.interfaceIndex
  record.arrivalIndex = packet.arrivalIndex
  record.linkSourceHigh = packet.linkSourceHigh
  record.linkSourceLow = packet.linkSourceLow
  record.localPort = ports & 0xffff
  record.remotePort = ports >>> 16
  record.ports = ports
  record.reason = SynAckReason.First
  record.roundTripMs = UNMEASURED
  record.retries = 0
  record.isRetransmitted = false
  record.isRepeated = false
  record.isUnsent = false
  record.isAcknowledged = false
  record.challengeAllowedMs = 0
}
