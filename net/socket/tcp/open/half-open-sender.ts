/**
 * What a connection attempt in SYN-RECEIVED sends: SYN-ACKs, with a cookie for an ISN or without,
 * challenge ACKs, a reset.
 */
import { sequenceAdd } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { ReplySender, SendResult } from '../reply/reply-sender.ts'
import { timestampWithOptions } from './syn-cookie.ts'
import { SynOption } from './syn-options.ts'
import type { SynRecord } from './syn-record.ts'

export class HalfOpenSender {
  private readonly sender: ReplySender
  /** The shift of our windows that is offered to peers that offer one. */
  private readonly receiveScale: number

  constructor(sender: ReplySender, receiveScale: number) {
    this.sender = sender
    this.receiveScale = receiveScale
  }

  /**
   * The SYN-ACK: MSS (MUST-14) and the options taken up. The window of a segment with SYN is not
   * scaled (RFC 7323 §2.2). A cookie's timestamp says what else the cookie has no room for.
   */
  synchronize(record: SynRecord, isCookie: boolean, nowMs: number): SendResult {
    const { sender } = this
    const { options } = record
    let flags = TcpFlag.Syn | TcpFlag.Ack
    // RFC 3168 §6.1.1: an ECN-setup SYN-ACK has ECE without CWR.
    if ((options & SynOption.Ecn) !== 0) flags |= TcpFlag.Ece
    const acknowledgment = sequenceAdd(record.receiveSequence, 1)
    const header = sender.begin(record.ports, record.sendSequence, acknowledgment, flags)
    header.window = record.window
    header.hasMss = true
    header.mss = sender.segmentSize(record)
    header.sackPermitted = (options & SynOption.SackPermitted) !== 0
    if ((options & SynOption.Timestamps) !== 0) {
      const clock = (nowMs + record.timestampOffset) | 0
      header.hasTimestamps = true
      header.timestampValue = isCookie ? timestampWithOptions(clock, options) : clock
      header.timestampEcho = record.timestampRecent
    }
    if ((options & SynOption.WindowScale) !== 0) {
      header.hasWindowScale = true
      header.windowScale = this.receiveScale
    }
    return sender.send(record, record.hash, nowMs)
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
    return this.sender.send(record, record.hash, nowMs)
  }

  /** <SEQ=SND.NXT><CTL=RST>; the ACK field makes it acceptable to more receivers. */
  reset(record: SynRecord, nowMs: number): SendResult {
    this.begin(record, TcpFlag.Rst | TcpFlag.Ack)
    return this.sender.send(record, record.hash, nowMs)
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
