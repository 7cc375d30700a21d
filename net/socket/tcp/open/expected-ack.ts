/**
 * Header prediction for half-open connections: the bare ACK that ends most handshakes, known by the
 * words of its header.
 */
import { sequenceAdd, sequenceLessThan } from '../../../wire/sequence.ts'
import { TCP_HEADER_LENGTH, TcpFlag } from '../../../wire/tcp.ts'
import { TCP_STAMPED_LENGTH, TCP_TIMESTAMPS_WORD } from '../../../wire/tcp-options.ts'
import { SynOption } from './syn-options.ts'
import type { SynRecord } from './syn-record.ts'

/** Everything in header word 3 but the window. */
const EXPECTED_BITS = 0xffff0000 | 0
const PLAIN_ACK = (TCP_HEADER_LENGTH << 26) | (TcpFlag.Ack << 16)
const STAMPED_ACK = (TCP_STAMPED_LENGTH << 26) | (TcpFlag.Ack << 16)

/**
 * True when the verdict on the segment would be that it completes the handshake, and there is
 * nothing else in it. `words` holds the header in host order, `transportLength` its length with the
 * payload.
 */
export function isExpectedAck(
  record: SynRecord,
  words: Int32Array,
  transportLength: number,
): boolean {
  if (
    words[1]! !== sequenceAdd(record.receiveSequence, 1) ||
    words[2]! !== sequenceAdd(record.sendSequence, 1)
  ) {
    return false
  }
  const word = words[3]! & EXPECTED_BITS
  if ((record.options & SynOption.Timestamps) === 0) {
    return word === PLAIN_ACK && transportLength === TCP_HEADER_LENGTH
  }
  return (
    word === STAMPED_ACK &&
    transportLength === TCP_STAMPED_LENGTH &&
    words[5]! === TCP_TIMESTAMPS_WORD &&
    !sequenceLessThan(words[6]!, record.timestampRecent)
  )
}
