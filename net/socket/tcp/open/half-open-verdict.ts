/**
 * SEGMENT ARRIVES in SYN-RECEIVED after a passive OPEN: the steps of RFC 9293 §3.10.7.4 up to the
 * fifth, on a record.
 */
import { sequenceDifference, sequenceLessThan } from '../../../wire/sequence.ts'
import { TcpFlag } from '../../../wire/tcp.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import type { TcpDropCounters } from '../statistics.ts'
import { SynOption } from './syn-options.ts'
import type { SynRecord } from './syn-record.ts'

export const Verdict = {
  /** It is dropped, and counted, without a word. */
  Drop: 0,
  /** The peer's SYN once more: our SYN-ACK was lost, or crossed it. */
  Repeat: 1,
  /** "Return this connection to the LISTEN state": the peer's reset. */
  Reset: 2,
  /** The same for another SYN of the peer. */
  Forget: 3,
  /** An ACK tells the peer what is expected. */
  Challenge: 4,
  /** <SEQ=SEG.ACK><CTL=RST>; the record stays. */
  Refuse: 5,
  /** Our SYN is acknowledged: the segment is one for a connection in ESTABLISHED. */
  Complete: 6,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

export function judge(
  record: SynRecord,
  segment: ReceivedSegment,
  drops: TcpDropCounters,
): Verdict {
  const { header } = segment
  const { flags, sequenceNumber } = header
  const { window } = record
  // SEG.SEQ - RCV.NXT
  const start = sequenceDifference(sequenceNumber, record.receiveSequence + 1)
  if ((flags & TcpFlag.Rst) !== 0) {
    if (start === 0) return Verdict.Reset
    // RFC 5961 §3.2: in the window but not the next number expected; outside of it "silently drop
    // the segment".
    if (start > 0 && start < window) return Verdict.Challenge
    drops.outOfWindow++
    return Verdict.Drop
  }
  const isSyn = (flags & TcpFlag.Syn) !== 0
  if ((record.options & SynOption.Timestamps) !== 0) {
    if (header.hasTimestamps) {
      // RFC 7323 §5.3 R1: "Send an acknowledgment in reply ... and drop the segment".
      if (sequenceLessThan(header.timestampValue, record.timestampRecent)) {
        drops.protectAgainstWrappedSequence++
        return Verdict.Challenge
      }
    } else if (!isSyn) {
      // §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop the
      // segment."
      drops.missingTimestamp++
      return Verdict.Drop
    }
  }
  if (isSyn) {
    if (start === -1) return Verdict.Repeat
    if (start >= 0 && start < window) return Verdict.Forget
    // RFC 5961 §4.2: any other SYN, "irrespective of the sequence number".
    drops.outOfWindow++
    return Verdict.Challenge
  }
  const end = start + segment.payloadLength + (segment.hasFin ? 1 : 0)
  const isAcceptable =
    end === start
      ? start === 0 || (start > 0 && start < window)
      : end > 0 && start < (window > 0 ? window : 1)
  if (!isAcceptable) {
    drops.outOfWindow++
    return Verdict.Challenge
  }
  if ((flags & TcpFlag.Ack) === 0) {
    drops.noAckFlag++
    return Verdict.Drop
  }
  if (sequenceDifference(header.acknowledgmentNumber, record.sendSequence) !== 1) {
    drops.unacceptableAck++
    return Verdict.Refuse
  }
  return Verdict.Complete
}
