/**
 * Header prediction for half-open connections: what it takes, the long way takes too and finds
 * nothing else in it (RFC 9293 §3.10.7.4).
 */
import { describe, expect, it } from 'vitest'
import { createReceivedPacket } from '../../../../../net/iface/received-packet.ts'
import { isExpectedAck } from '../../../../../net/socket/tcp/open/expected-ack.ts'
import { judge, Verdict } from '../../../../../net/socket/tcp/open/half-open-verdict.ts'
import { SynOption } from '../../../../../net/socket/tcp/open/syn-options.ts'
import { SynRecord } from '../../../../../net/socket/tcp/open/syn-record.ts'
import {
  createReceivedSegment,
  loadSegment,
} from '../../../../../net/socket/tcp/receive/received-segment.ts'
import { createTcpStatistics } from '../../../../../net/socket/tcp/statistics.ts'
import { TcpFlag } from '../../../../../net/wire/tcp.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'

const SENT = 0x7fffffff
const RECEIVED = -1
const STAMP = 5000
const ALIGNED = 0x0101080a

function record(isStamped: boolean): SynRecord {
  const made = new SynRecord()
  made.sendSequence = SENT
  made.receiveSequence = RECEIVED
  made.window = 65_535
  made.options = isStamped ? SynOption.Timestamps : 0
  made.timestampRecent = STAMP
  return made
}

/** The words of a header: the bare ACK's, with or without timestamps. */
function bareAck(isStamped: boolean): Int32Array {
  const words = new Int32Array(15)
  const control = ((isStamped ? 8 : 5) << 28) | (TcpFlag.Ack << 16) | 512
  words.set([(4000 << 16) | 80, (RECEIVED + 1) | 0, (SENT + 1) | 0, control, 0])
  if (isStamped) words.set([ALIGNED, STAMP + 1, 7], 5)
  return words
}

function isComplete(of: SynRecord, words: Int32Array, length: number): boolean {
  const segment = createReceivedSegment()
  const packet = createReceivedPacket()
  packet.transportLength = length
  if (!loadSegment(segment, packet, words)) return false
  const { drops } = createTcpStatistics()
  const isBare = !segment.hasText && segment.header.flags === TcpFlag.Ack
  return isBare && judge(of, segment, drops) === Verdict.Complete
}

describe.each([true, false])('the ACK that ends a handshake, with timestamps: %s', (isStamped) => {
  const length = isStamped ? 32 : 20

  it('is known by its header, whatever its window, and over the wrap of both numbers', () => {
    const words = bareAck(isStamped)
    expect(isExpectedAck(record(isStamped), words, length)).toBe(true)
    words[3] = words[3]! | 0xffff
    expect(isExpectedAck(record(isStamped), words, length)).toBe(true)
  })

  it.each([
    ['another sequence number', (words: Int32Array) => words[1]!++],
    ['another acknowledgment', (words: Int32Array) => words[2]!--],
    ['a FIN', (words: Int32Array) => (words[3]! |= TcpFlag.Fin << 16)],
    ['a RST', (words: Int32Array) => (words[3]! |= TcpFlag.Rst << 16)],
    ['a SYN', (words: Int32Array) => (words[3]! |= TcpFlag.Syn << 16)],
    ['CWR', (words: Int32Array) => (words[3]! |= TcpFlag.Cwr << 16)],
    ['more options', (words: Int32Array) => (words[3]! += 1 << 28)],
  ])('is left to the steps of the RFC with %s', (_what, change) => {
    const words = bareAck(isStamped)
    change(words)
    expect(isExpectedAck(record(isStamped), words, length)).toBe(false)
  })

  it('is left to them with text, or when it says too little or too much of time', () => {
    expect(isExpectedAck(record(isStamped), bareAck(isStamped), length + 1)).toBe(false)
    expect(isExpectedAck(record(!isStamped), bareAck(isStamped), length)).toBe(false)
    const old = bareAck(isStamped)
    old[6] = STAMP - 1
    expect(isExpectedAck(record(isStamped), old, length)).toBe(!isStamped)
  })

  it('is never one of which they would say something else', () => {
    const random = new SeededRandom(5)
    let taken = 0
    for (let round = 0; round < 20_000; round++) {
      const of = record(random.nextFraction() < 0.5)
      const words = bareAck(random.nextFraction() < 0.5)
      for (let changes = random.nextInt32() & 1; changes > 0; changes--) {
        words[Math.floor(random.nextFraction() * 8)]! ^= 1 << (random.nextInt32() & 31)
      }
      const size = [20, 32, 33, 36][random.nextInt32() & 3]!
      if (!isExpectedAck(of, words, size)) continue
      taken++
      expect(isComplete(of, words, size), [...words].join(' ')).toBe(true)
    }
    expect(taken).toBeGreaterThan(1000)
  })
})
