/**
 * The SYN of most peers is known by the words of its header: what becomes of it is what becomes of
 * any other SYN that says the same (RFC 9293 §3.10.7.2).
 */
import { describe, expect, it } from 'vitest'
import { createReceivedPacket } from '../../../../../net/iface/received-packet.ts'
import type { PassiveOpener } from '../../../../../net/socket/tcp/open/passive-opener.ts'
import {
  commonSynOptions,
  SynOption,
  synOptionsOf,
} from '../../../../../net/socket/tcp/open/syn-options.ts'
import {
  createReceivedSegment,
  loadSegment,
} from '../../../../../net/socket/tcp/receive/received-segment.ts'
import { TcpFlag } from '../../../../../net/wire/tcp.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import {
  ack,
  fin,
  rst,
  type ScriptOptions,
  type ScriptSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const LENGTH = 40

/** As Linux sends it. */
function commonSyn(): Int32Array {
  const words = new Int32Array(15)
  words.set([(4000 << 16) | 80, -5, 0, (10 << 28) | (TcpFlag.Syn << 16) | 64_240, 0])
  words.set([0x020405b4, 0x0402080a, 7000, 0, 0x01030307], 5)
  return words
}

describe('the offer of a common SYN', () => {
  it('is its MSS, its shift and all options, with ECN where it is asked for', () => {
    const words = commonSyn()
    const all = SynOption.SackPermitted | SynOption.Timestamps | SynOption.WindowScale
    expect(commonSynOptions(words, LENGTH)).toBe((1460 << 8) | all | 7)
    words[3]! |= (TcpFlag.Ece | TcpFlag.Cwr) << 16
    expect(commonSynOptions(words, LENGTH)).toBe((1460 << 8) | all | SynOption.Ecn | 7)
  })

  it.each([
    ['text', (words: Int32Array) => words, LENGTH + 1],
    ['an ACK', (words: Int32Array) => (words[3]! |= TcpFlag.Ack << 16), LENGTH],
    ['a FIN', (words: Int32Array) => (words[3]! |= TcpFlag.Fin << 16), LENGTH],
    ['a RST', (words: Int32Array) => (words[3]! |= TcpFlag.Rst << 16), LENGTH],
    ['other options', (words: Int32Array) => (words[6] = 0x0101080a), LENGTH],
  ])('is none with %s', (_what, change, length) => {
    const words = commonSyn()
    change(words)
    expect(commonSynOptions(words, length)).toBe(0)
  })

  it('is what the options say that are read one by one', () => {
    const random = new SeededRandom(8)
    const segment = createReceivedSegment()
    const packet = createReceivedPacket()
    let known = 0
    for (let round = 0; round < 20_000; round++) {
      const words = commonSyn()
      for (let changes = random.nextInt32() & 3; changes > 0; changes--) {
        words[Math.floor(random.nextFraction() * 10)]! ^= 1 << (random.nextInt32() & 31)
      }
      const options = commonSynOptions(words, LENGTH)
      if (options === 0) continue
      known++
      packet.transportLength = LENGTH
      expect(loadSegment(segment, packet, words)).toBe(true)
      expect(segment.header.flags & ~(TcpFlag.Ece | TcpFlag.Cwr)).toBe(TcpFlag.Syn)
      expect([segment.hasText, options]).toEqual([false, synOptionsOf(segment.header, 4)])
    }
    expect(known).toBeGreaterThan(5000)
  })
})

/** A stack that knows common SYNs, or one that takes the long way with each. */
function site(isKnowing: boolean, options: ScriptOptions): TcpScript {
  const script = new TcpScript(options)
  const { opener } = script.tcp as unknown as { opener: PassiveOpener }
  if (!isKnowing) Object.assign(opener, { processCommonSyn: () => false })
  return script
}

const OFFER: Partial<ScriptSegment> = { mss: 1460, windowScale: 7, sackPermitted: true }

/** SYNs, some of them again, and all that may come behind them, in any order. */
function anySegment(random: SeededRandom, at: number): ScriptSegment {
  const stamp = { timestamp: [1000 + at, 0] as const }
  switch (random.nextInt32() & 7) {
    case 0:
      return ack(1, { sequence: 1, ...stamp })
    case 1:
      return fin(1, { acknowledgment: 1, ...stamp })
    case 2:
      return rst(1)
    case 3:
      return syn({ mss: 1000 })
    case 4:
      return fin(1, { acknowledgment: 2, ...stamp })
    default:
      return syn({ ...OFFER, ...stamp, window: 100 + (random.nextInt32() & 0xfff) })
  }
}

describe.each([4, 6] as const)('a SYN, IPv%i', (version) => {
  it.each([
    ['with room', {}],
    ['with little room', { maxConnections: 5, maxTimeWait: 3 }],
    ['in a flood', { maxHalfOpen: 4, maxHalfOpenPerListener: 3 }],
    ['without options of ours', { selectiveAcks: false, explicitCongestion: 'off' as const }],
  ])('has the answer and the connection of any other that says the same, %s', (_what, settings) => {
    const configuration = { timeWaitMs: 50, ...settings }
    const scripts = [true, false].map((isKnowing) => site(isKnowing, { version, configuration }))
    const listeners = scripts.map((script) => script.listen(6))
    const random = new SeededRandom(11)
    let answers = 0
    for (let round = 0; round < 3000; round++) {
      const peerPort = 1 + (random.nextInt32() & 15)
      const segment = anySegment(random, round)
      const isAccepting = (random.nextInt32() & 3) === 0
      const isOver = (random.nextInt32() & 7) === 0
      const results = scripts.map((script, index) => {
        script.peerPort = peerPort
        script.send(segment)
        const sent = script.drain()
        const socket = isAccepting ? listeners[index]!.accept() : null
        if (isOver) socket?.close()
        else socket?.abort()
        sent.push(...script.drain())
        if (round % 50 === 0) script.advance(100)
        const { connectionCount, halfOpenCount, timeWaitCount } = script.tcp
        const { drops, passiveOpens, segmentsReceived } = script.tcp.readStatistics()
        const totals = { drops, passiveOpens, segmentsReceived }
        return { sent, connectionCount, halfOpenCount, timeWaitCount, totals }
      })
      answers += results[0]!.sent.length
      expect(results[0]).toEqual(results[1])
    }
    expect(answers).toBeGreaterThan(1000)
  })
})
