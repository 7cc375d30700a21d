/**
 * Captures of transfers over bad links: every comment is judged by the packets before it, and every
 * repetition has one.
 */
import fc from 'fast-check'
import { decodeFrame } from 'qemu-runner'
import { expect, it } from 'vitest'
import type { PcapngPacket } from '../support/pcapng-reader.ts'
import { StackCapture } from '../support/stack-capture.ts'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const REPETITION = /retransmi|sent again|octet of the probe/
/** TCP option of kind 5 behind padding, as every common stack lays it out. */
const SACK_OPTION = Buffer.from([1, 1, 5])
const ANSWER = 'answers the packet before it'
const RTO_MINIMUM_MS = 200

/** Judges one connection's packets in order, by nothing but themselves. */
class Referee {
  readonly counts = { fast: 0, partial: 0, timeouts: 0, duplicateAcks: 0, outOfOrder: 0, drops: 0 }
  private sent = { isn: 0, highest: 0, hasSyn: false }
  private heard = { isn: 0, next: 0, hasSyn: false }
  private readonly ahead: [number, number][] = []
  private lastAck = -1
  private acksForLast = 0
  /** Of the number acknowledged before the last one. */
  private acksForOlder = 0
  /** The peer has reported something as received out of order. */
  private hasHeardReport = false
  private hasProbed = false
  /**
   * The last packet received had text or a FIN, or lies before the window: all of which is
   * acknowledged.
   */
  private isToBeAnswered = false
  private progressMs = 0
  private timeout = 0
  private sinceTimeoutMs = 0
  private readonly hasSelectiveAcks: boolean

  constructor(hasSelectiveAcks: boolean) {
    this.hasSelectiveAcks = hasSelectiveAcks
  }

  judge(packet: PcapngPacket): void {
    const bytes = Buffer.from(packet.bytes)
    const { tcp } = decodeFrame({ timeMs: 0, length: bytes.length, bytes })
    if (tcp === undefined) return
    expect(tcp.checksum).toBe('good')
    const nowMs = Number(packet.timeNs) / 1e6
    const length = tcp.payloadLength + (tcp.syn ? 1 : 0) + (tcp.fin ? 1 : 0)
    if (packet.direction === 'in' && bytes.includes(SACK_OPTION)) this.hasHeardReport = true
    if (packet.direction === 'out') this.judgeSent(packet.comment, tcp, length, nowMs)
    else this.judgeReceived(packet.comment, tcp, length, nowMs)
  }

  private judgeSent(
    comment: string,
    { sequence, syn: isSyn, rst: isReset }: { sequence: number; syn: boolean; rst: boolean },
    length: number,
    nowMs: number,
  ): void {
    const { sent } = this
    if (isSyn && !sent.hasSyn) {
      Object.assign(sent, { isn: sequence, hasSyn: true })
      this.progressMs = nowMs
    }
    const start = (sequence - sent.isn) | 0
    if (length === 0) {
      // RFC 5681 §4.2: text behind a gap, or in it, is acknowledged while it is received; and what
      // comes late, for a connection that is over, is reset (RFC 9293 §3.10.7.1).
      if (comment !== '') expect([comment, this.isToBeAnswered || isReset]).toEqual([ANSWER, true])
      return
    }
    const isRepetition = start < sent.highest
    expect([comment, REPETITION.test(comment)]).toEqual([comment, isRepetition])
    const overlap = /\((\d+) of (\d+) octets, the rest is new\)/.exec(comment)
    const isPartlyNew = isRepetition && start + length > sent.highest
    if (!isSyn) expect(overlap !== null).toBe(isPartlyNew)
    if (overlap !== null) expect(Number(overlap[1])).toBe(sent.highest - start)
    if (/^fast retransmit after/.test(comment)) {
      this.counts.fast++
      expect(this.hasSelectiveAcks).toBe(false)
      expect(this.lastAck).toBe(start)
      // A partial ACK in the batch of the duplicates moves the retransmission to the next hole.
      const before = this.progressMs === nowMs ? this.acksForOlder : 0
      expect(Math.max(this.acksForLast, before)).toBeGreaterThan(3)
    } else if (/has arrived \(RACK\)/.test(comment)) {
      this.counts.fast++
      // An ACK of what a probe has sent again shows it as well (RFC 8985 §6.2).
      const isShown = this.hasHeardReport || this.hasProbed
      expect([this.hasSelectiveAcks, isShown]).toEqual([true, true])
    } else if (/next range/.test(comment)) {
      this.counts.partial++
      expect(this.counts.fast).toBeGreaterThan(0)
      expect(start).toBeGreaterThanOrEqual(this.lastAck)
    } else if (/tail loss probe/.test(comment)) {
      this.hasProbed = true
      expect(nowMs - this.progressMs).toBeGreaterThan(0)
    } else if (/partial ACK/.test(comment)) {
      this.counts.partial++
      expect(this.counts.fast).toBeGreaterThan(0)
      expect(this.lastAck).toBe(start)
    }
    this.judgeTimeout(comment, nowMs)
    if (sent.highest === Math.max(this.lastAck, 0)) this.progressMs = nowMs
    sent.highest = Math.max(sent.highest, start + length)
  }

  private judgeTimeout(comment: string, nowMs: number): void {
    const number = /time-out #(\d+)/.exec(comment)
    if (number === null) return
    this.counts.timeouts++
    expect(Number(number[1])).toBe(this.timeout + 1)
    expect(nowMs - Math.max(this.progressMs, this.sinceTimeoutMs)).toBeGreaterThanOrEqual(
      RTO_MINIMUM_MS,
    )
    this.timeout++
    this.sinceTimeoutMs = nowMs
  }

  private judgeReceived(
    comment: string,
    tcp: {
      sequence: number
      acknowledgment: number
      window: number
      syn: boolean
      fin: boolean
      payloadLength: number
    },
    length: number,
    nowMs: number,
  ): void {
    const { heard } = this
    if (tcp.syn && !heard.hasSyn) Object.assign(heard, { isn: tcp.sequence, hasSyn: true })
    const start = (tcp.sequence - heard.isn) | 0
    const end = start + length
    // RFC 9293 §3.10.7.4, first step: what is not acceptable is answered, a pure ACK too.
    this.isToBeAnswered = length > 0 || start < heard.next
    const isDropped = /dropped/.test(comment)
    if (isDropped) this.counts.drops++
    if (/all of it was received before/.test(comment)) {
      expect(length).toBeGreaterThan(0)
      expect(end).toBeLessThanOrEqual(heard.next)
    }
    if (/out of order/.test(comment)) {
      this.counts.outOfOrder++
      expect(Number(/: (\d+) octets are missing/.exec(comment)?.[1])).toBe(start - heard.next)
    }
    if (tcp.payloadLength > 0 && start > heard.next && !isDropped)
      expect(comment).toMatch(/out of order/)
    // RFC 9293 §3.10.7.4, first step: what is not acceptable is dropped with its ACK.
    if (!/all of it was received before/.test(comment)) this.takeAcknowledgment(comment, tcp, nowMs)
    if (!isDropped && length > 0) this.offerData(start, end)
  }

  private takeAcknowledgment(
    comment: string,
    tcp: {
      acknowledgment: number
      window: number
      payloadLength: number
      fin: boolean
      syn: boolean
    },
    nowMs: number,
  ): void {
    const ack = (tcp.acknowledgment - this.sent.isn) | 0
    if (/duplicate ACK/.test(comment)) {
      this.counts.duplicateAcks++
      expect([tcp.payloadLength, tcp.fin, tcp.syn]).toEqual([0, false, false])
      expect(ack).toBe(this.lastAck)
      expect(this.sent.highest).toBeGreaterThan(ack)
    }
    if (ack > this.lastAck) {
      this.lastAck = ack
      this.acksForOlder = this.acksForLast
      this.acksForLast = 1
      this.progressMs = nowMs
      this.timeout = 0
    } else if (ack === this.lastAck) {
      this.acksForLast++
    }
  }

  private offerData(start: number, end: number): void {
    const { heard, ahead } = this
    ahead.push([start, end])
    for (let moved = true; moved; ) {
      moved = false
      for (const [from, to] of ahead) {
        if (from > heard.next || to <= heard.next) continue
        heard.next = to
        moved = true
      }
    }
  }
}

function run(
  options: ConstructorParameters<typeof TwoStacks>[0],
  remote: string,
  up: number,
  down: number,
  selectiveAcks = true,
) {
  let capture: StackCapture | undefined
  const stacks = new TwoStacks(options, { selectiveAcks }, (device, clock) => {
    capture = new StackCapture(device, () => clock.nowMs)
    return capture.device
  })
  capture!.comment(stacks.left)
  const { client, server } = transfer(
    stacks,
    remote,
    randomBytes(up, 1),
    randomBytes(down, 2),
    600_000,
  )
  expect([client.error, server.error]).toEqual([null, null])
  stacks.runFor(130_000)
  const referee = new Referee(selectiveAcks)
  for (const packet of capture!.packets()) referee.judge(packet)
  const statistics = stacks.left.tcp.readStatistics()
  const { counts } = referee
  expect(counts.duplicateAcks).toBe(statistics.duplicateAcks)
  expect(counts.outOfOrder).toBe(statistics.outOfOrderSegments)
  const drops = Object.values(statistics.drops).reduce((sum, count) => sum + count, 0)
  // A challenge ACK that is not sent is no packet dropped.
  expect(counts.drops).toBe(drops - statistics.drops.challengeLimit)
  return { counts, statistics, packets: capture!.packets() }
}

it.each([
  ['with SACK', true],
  ['without SACK', false],
])(
  'over random links %s every comment is right, and what is sent again is never without',
  (_, sack) => {
    const totals = { fast: 0, partial: 0, timeouts: 0, duplicateAcks: 0, outOfOrder: 0, drops: 0 }
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 1, max: 1_000_000 }),
          delayMs: fc.constantFrom(0.5, 20, 150),
          loss: fc.constantFrom(0.01, 0.05, 0.15),
          duplicate: fc.constantFrom(0, 0.05),
          reorder: fc.constantFrom(0, 0.1),
          segmentationLimit: fc.constantFrom(0, 65_535),
          readDelayMs: fc.constantFrom(0, 3),
        }),
        fc.constantFrom(RIGHT_V4, RIGHT_V6),
        (options, remote) => {
          const { counts } = run(options, remote, 150_000, 100_000, sack)
          for (const key of Object.keys(totals) as (keyof typeof totals)[])
            totals[key] += counts[key]
        },
      ),
      { numRuns: 40, seed: 20_261_125 },
    )
    // Each kind has been there to judge.
    for (const [kind, count] of Object.entries(totals))
      expect([kind, count > 10]).toEqual([kind, true])
  },
)

it('over a good link nothing is said of loss, and super-segments say what they are made of', () => {
  const options = { segmentationLimit: 65_535, delayMs: 5 }
  const { counts, packets } = run(options, RIGHT_V4, 400_000, 0)
  expect(counts).toMatchObject({ fast: 0, partial: 0, timeouts: 0, drops: 0 })
  const large = packets.filter(({ bytes }) => bytes.length > 1514)
  expect(large.length).toBeGreaterThan(5)
  for (const { bytes, comment } of large) {
    const [, segments, size] = /^(\d+) segments of (\d+) octets; cwnd \d+, \d+ in flight$/.exec(
      comment,
    )!
    expect(Number(segments)).toBe(Math.ceil((bytes.length - 66) / Number(size)))
  }
})
