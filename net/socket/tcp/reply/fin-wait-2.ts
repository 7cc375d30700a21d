/**
 * SEGMENT ARRIVES in FIN-WAIT-2 once nobody uses the connection: the steps of RFC 9293 §3.10.7.4,
 * on a record.
 */
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import type { TcpDropCounters } from '../statistics.ts'
import type { WaitRecord } from './wait-table.ts'

export const FinWait2Verdict = {
  /** There is nothing to say: an ACK, or what is dropped and counted without a word. */
  Silence: 0,
  /** An ACK tells the peer what is expected, each time. */
  Acknowledge: 1,
  /** The same, at most one an interval (RFC 5961 §7). */
  Challenge: 2,
  /** The peer's reset: the record goes. */
  Forget: 3,
  /** It goes with a reset from us. */
  Refuse: 4,
  /** The peer's FIN, which RCV.NXT has moved over: TIME-WAIT. */
  Finish: 5,
} as const
export type FinWait2Verdict = (typeof FinWait2Verdict)[keyof typeof FinWait2Verdict]

/** Moves RCV.NXT and TS.Recent of the record. */
export function judgeFinWait2(
  record: WaitRecord,
  segment: ReceivedSegment,
  drops: TcpDropCounters,
): FinWait2Verdict {
  const { flags } = segment.header
  const { windowBytes } = record
  // SEG.SEQ - RCV.NXT
  const start = sequenceDifference(segment.sequence, record.receiveNext)
  if ((flags & TcpFlag.Rst) !== 0) {
    if (start === 0) return FinWait2Verdict.Forget
    // RFC 5961 §3.2: in the window but not the next number expected; outside of it "silently drop
    // the segment".
    if (start > 0 && start < windowBytes) return FinWait2Verdict.Challenge
    drops.outOfWindow++
    return FinWait2Verdict.Silence
  }
  const end = start + segment.payloadLength + (segment.hasFin ? 1 : 0)
  const refused = judgeTimestamp(record, segment, start, drops)
  if (refused !== null) return refused
  // RFC 5961 §4.2: a SYN is answered "irrespective of the sequence number".
  if ((flags & TcpFlag.Syn) !== 0) {
    drops.outOfWindow++
    return FinWait2Verdict.Challenge
  }
  const isAcceptable =
    end === start
      ? start === 0 || (start > 0 && start < windowBytes)
      : end > 0 && start < (windowBytes > 0 ? windowBytes : 1)
  if (!isAcceptable) {
    drops.outOfWindow++
    // As of a connection with a user: data and keep-alives are answered each time.
    return end !== start || start === -1 ? FinWait2Verdict.Acknowledge : FinWait2Verdict.Challenge
  }
  return judgeAcceptable(record, segment, start, drops)
}

/** RFC 7323 §5.3 R1 and §3.2, as receive.ts has them; null = the segment goes on. */
function judgeTimestamp(
  record: WaitRecord,
  segment: ReceivedSegment,
  start: number,
  drops: TcpDropCounters,
): FinWait2Verdict | null {
  if (!record.hasTimestamps) return null
  const { header } = segment
  if (header.hasTimestamps) {
    if (!sequenceLessThan(header.timestampValue, record.timestampRecent)) return null
    drops.protectAgainstWrappedSequence++
    return segment.hasText ? FinWait2Verdict.Acknowledge : FinWait2Verdict.Challenge
  }
  const isKeepAlive = start === -1 && segment.payloadLength <= 1 && !segment.hasFin
  if ((header.flags & TcpFlag.Syn) !== 0 || isKeepAlive) return null
  drops.missingTimestamp++
  return FinWait2Verdict.Silence
}

/** The segment lies in the window: the steps from the fifth on. */
function judgeAcceptable(
  record: WaitRecord,
  segment: ReceivedSegment,
  start: number,
  drops: TcpDropCounters,
): FinWait2Verdict {
  const { header, payloadLength, hasFin } = segment
  if ((header.flags & TcpFlag.Ack) === 0) {
    drops.noAckFlag++
    return FinWait2Verdict.Silence
  }
  const acked = sequenceDifference(header.acknowledgmentNumber, record.sendNext)
  if (acked > 0 || acked < -record.maxSendWindow) {
    drops.unacceptableAck++
    return FinWait2Verdict.Challenge
  }
  if (record.hasTimestamps && header.hasTimestamps && start <= 0) {
    record.timestampRecent = header.timestampValue
  }
  if (start + payloadLength > 0 && payloadLength > 0) {
    // SHLD-3: "if new data is received after CLOSE is called, its TCP SHOULD send a RST to show
    // that data was lost". Who lingers says so when the peer has had time to read.
    if (!record.isLingering) return FinWait2Verdict.Refuse
    record.isTextLost = true
  } else if (!hasFin) {
    return FinWait2Verdict.Silence
  }
  // Behind a gap: it comes again once what is before it is acknowledged.
  if (start > 0) return FinWait2Verdict.Acknowledge
  const taken = start + payloadLength + (hasFin ? 1 : 0)
  record.receiveNext = sequenceAdd(record.receiveNext, taken)
  return hasFin ? FinWait2Verdict.Finish : FinWait2Verdict.Acknowledge
}
