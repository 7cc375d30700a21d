/**
 * What a connection attempt in SYN-RECEIVED sends: SYN-ACKs, with a cookie for an ISN or without,
 * challenge ACKs, a reset.
 */
import { sequenceAdd } from '../../../wire/sequence.ts'
import { composeTcp, renewTcpWords, TCP_MAX_HEADER_LENGTH, TcpFlag } from '../../../wire/tcp.ts'
import { renewSynTimestamps } from '../../../wire/tcp-options.ts'
import type { ReplySender, SendResult } from '../reply/reply-sender.ts'
import { pathSegmentSize } from '../send/segment-emitter.ts'
import { timestampWithOptions } from './syn-cookie.ts'
import { SynOption } from './syn-options.ts'
import type { SynRecord } from './syn-record.ts'

/** What a SYN-ACK takes up of an offer; the rest is no part of it. */
const TAKEN_UP =
  SynOption.SackPermitted | SynOption.Ecn | SynOption.WindowScale | SynOption.Timestamps

export class HalfOpenSender {
  private readonly sender: ReplySender
  /** The shift of our windows that is offered to peers that offer one. */
  private readonly receiveScale: number
  /** The SYN-ACK sent last in host order, which most others differ from in numbers only, */
  private readonly words = new Int32Array(TCP_MAX_HEADER_LENGTH / 4)
  private readonly wordBytes = new Uint8Array(this.words.buffer)
  private headerLength = 0
  /** and what it says else. */
  private taken = 0
  private window = 0
  private segmentSize = 0

  constructor(sender: ReplySender, receiveScale: number) {
    this.sender = sender
    this.receiveScale = receiveScale
  }

  /**
   * The SYN-ACK: MSS (MUST-14) and the options taken up. The window of a segment with SYN is not
   * scaled (RFC 7323 §2.2). A cookie's timestamp says what else the cookie has no room for.
   */
  synchronize(record: SynRecord, isCookie: boolean, nowMs: number): SendResult {
    const { sender, words } = this
    const { options, ports, window } = record
    const flow = sender.flowOf(record, record.listener!.ipFields)
    const segmentSize = pathSegmentSize(flow, flow.pathMtu)
    const taken = options & TAKEN_UP
    if (
      taken !== this.taken ||
      window !== this.window ||
      segmentSize !== this.segmentSize ||
      this.headerLength === 0
    ) {
      this.compose(taken, window, segmentSize)
    }
    const acknowledgment = sequenceAdd(record.receiveSequence, 1)
    renewTcpWords(words, (ports << 16) | (ports >>> 16), record.sendSequence, acknowledgment)
    if ((options & SynOption.Timestamps) !== 0) {
      const clock = (nowMs + record.timestampOffset) | 0
      const value = isCookie ? timestampWithOptions(clock, options) : clock
      renewSynTimestamps(words, value, record.timestampRecent)
    }
    const { wordBytes, headerLength } = this
    return sender.sendWords(flow, wordBytes, headerLength, record, record.hash, nowMs)
  }

  /** Makes the words those of a SYN-ACK that says so; its numbers are left to be put in. */
  private compose(taken: number, window: number, segmentSize: number): void {
    let flags = TcpFlag.Syn | TcpFlag.Ack
    // RFC 3168 §6.1.1: an ECN-setup SYN-ACK has ECE without CWR.
    if ((taken & SynOption.Ecn) !== 0) flags |= TcpFlag.Ece
    const header = this.sender.begin(0, 0, 0, flags)
    header.window = window
    header.hasMss = true
    header.mss = segmentSize
    header.sackPermitted = (taken & SynOption.SackPermitted) !== 0
    header.hasTimestamps = (taken & SynOption.Timestamps) !== 0
    header.hasWindowScale = (taken & SynOption.WindowScale) !== 0
    header.windowScale = this.receiveScale
    this.headerLength = composeTcp(this.words, header)
    this.taken = taken
    this.window = window
    this.segmentSize = segmentSize
  }

  /** <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
  acknowledge(record: SynRecord, nowMs: number): SendResult {
    const { options } = record
    const header = this.begin(record, TcpFlag.Ack)
    header.window =
      (options & SynOption.WindowScale) === 0 ? record.window : record.window >> this.receiveScale
    if ((options & SynOption.Timestamps) !== 0) {
      header.hasTimestamps = true
      header.timestampValue = (nowMs + record.timestampOffset) | 0
      header.timestampEcho = record.timestampRecent
    }
    return this.sender.send(record, record.hash, nowMs, record.listener!.ipFields)
  }

  /** <SEQ=SND.NXT><CTL=RST>; the ACK field makes it acceptable to more receivers. */
  reset(record: SynRecord, nowMs: number): SendResult {
    this.begin(record, TcpFlag.Rst | TcpFlag.Ack)
    return this.sender.send(record, record.hash, nowMs, record.listener!.ipFields)
  }

  private begin(record: SynRecord, flags: number) {
    const { ports, sendSequence, receiveSequence } = record
    return this.sender.begin(
      ports,
      sequenceAdd(sendSequence, 1),
      sequenceAdd(receiveSequence, 1),
      flags,
    )
  }
}
