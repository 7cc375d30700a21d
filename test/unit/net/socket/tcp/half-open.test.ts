/**
 * SYN-RECEIVED of a passive open, which is a record and no socket: RFC 9293 §3.10.7.4, RFC 5961,
 * RFC 7323, RFC 6298.
 */
import { describe, expect, it } from 'vitest'
import { SynQueue } from '../../../../../net/socket/tcp/open/syn-queue.ts'
import type { SynRecord } from '../../../../../net/socket/tcp/open/syn-record.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import { ipv4Address, setAddress } from '../../../../../net/wire/ip-address.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import {
  ack,
  data,
  fin,
  type ScriptSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

/** A peer whose SYN has been answered. */
function half(fields: Partial<ScriptSegment> = {}, script = new TcpScript()) {
  const listener = script.listen()
  script.send(syn(fields))
  const [answer] = script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
  return { script, listener, answer: answer! }
}

describe('a half-open connection', () => {
  it('costs no socket, no flow and no buffer', () => {
    const { script } = half()
    expect([script.tcp.halfOpenCount, script.tcp.connectionCount]).toEqual([1, 0])
    expect(script.flows).toEqual([])
    expect(script.tcp.memory.pool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
  })

  it('takes the data and the FIN that come with the ACK of its SYN', () => {
    const { script, listener } = half()
    script.send(fin(1, { payload: 'all there is' }))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 14 })
    const socket = listener.accept()!
    expect(socket.state).toBe(TcpState.CloseWait)
    expect(socket.receivedLength).toBe(12)
  })

  it('takes no timestamp of text out of order (RFC 7323 §4.3 (2)), so that what it overtook is not old', () => {
    const { script, listener } = half({ timestamp: [99, 0] })
    script.send(data(4, 'def', { timestamp: [101, 0] }), data(1, 'abc', { timestamp: [100, 0] }))
    script.drain()
    expect(listener.accept()!.receivedLength).toBe(6)
    expect(script.tcp.statistics.drops.protectAgainstWrappedSequence).toBe(0)
  })

  it('is completed by data when the bare ACK was lost', () => {
    const { script, listener } = half()
    script.send(data(1, 'abc'), data(4, 'def'))
    script.drain()
    expect(listener.accept()!.receivedLength).toBe(6)
  })

  it('keeps its numbers: the connection goes on with ISS, IRS, MSS, both scales and timestamps of its SYNs', () => {
    const { script, listener, answer } = half({ mss: 1000, windowScale: 9, timestamp: [500, 0] })
    expect(answer).toMatchObject({ mss: 1460, windowScale: 5 })
    script.send(ack(1, { window: 3, timestamp: [510, answer.timestamp![0]] }))
    script.expectSilence()
    const socket = listener.accept()!
    expect(socket).toMatchObject({
      sendScale: 9,
      receiveScale: 5,
      peerMss: 1000,
      sendWindow: 3 << 9,
    })
    expect(socket).toMatchObject({ hasTimestamps: true, timestampRecent: 510 })
    socket.send(new Uint8Array(10), 0, 10)
    const [sent] = script.expectSegments({
      flags: 'PA',
      sequence: 1,
      acknowledgment: 1,
      length: 10,
    })
    expect(sent!.timestamp![1]).toBe(510)
    // RFC 7323 §5.4: one clock for all segments of the connection.
    expect(sent!.timestamp![0]).toBe(answer.timestamp![0])
  })

  it('tells the time of the handshake to the connection (RFC 6298 §2.2)', () => {
    const { script, listener } = half()
    script.advance(80)
    script.send(ack(1))
    script.drain()
    expect(listener.accept()!.rtt.smoothedMs).toBe(80)
  })

  it.each([
    ['the timer', (script: TcpScript) => void script.advanceUntilSent()],
    ['a SYN that came again', (script: TcpScript) => script.send(syn())],
  ])('takes no sample of a SYN-ACK that went twice, by %s (Karn)', (_by, repeat) => {
    const { script, listener } = half()
    repeat(script)
    script.expectSegments({ flags: 'SA' })
    script.advance(10)
    script.send(ack(1))
    script.drain()
    expect(listener.accept()!.rtt.smoothedMs).toBe(0)
  })

  it('begins with one segment when its SYN-ACK was lost (RFC 6928 §2)', () => {
    const { script, listener } = half()
    script.advanceUntilSent()
    script.drain()
    script.send(ack(1))
    const socket = listener.accept()!
    socket.send(new Uint8Array(20_000), 0, 20_000)
    expect(script.drain().filter(({ length }) => length > 0)).toHaveLength(1)
  })

  it('answers its SYN again at once, but not twice an interval (RFC 5961 §7), with the newest echo', () => {
    const { script } = half({ timestamp: [500, 0] })
    script.send(syn({ timestamp: [900, 0] }))
    const [again] = script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
    expect(again!.timestamp![1]).toBe(900)
    script.send(syn({ timestamp: [901, 0] }), syn({ timestamp: [902, 0] }))
    script.expectSilence()
    script.advance(600)
    script.send(syn({ timestamp: [1500, 0] }))
    script.expectSegments({ flags: 'SA', sequence: 0 })
    expect(script.tcp.halfOpenCount).toBe(1)
  })

  it('counts the time-out anew from the answer to a repeated SYN', () => {
    const { script } = half()
    script.advance(700)
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
    expect(script.advanceUntilSent()).toBe(1000)
  })

  it('"return this connection to the LISTEN state" for another SYN in the window; the next one opens', () => {
    const { script } = half()
    script.send(syn({ sequence: 10 }))
    script.expectSilence()
    expect(script.tcp.halfOpenCount).toBe(0)
    script.send(syn({ sequence: 10 }))
    script.expectSegments({ flags: 'SA', acknowledgment: 11 })
  })

  it('challenges a SYN outside of the window (RFC 5961 §4.2) and stays', () => {
    const { script, listener } = half()
    script.send(syn({ sequence: -70_000 }))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    script.send(ack(1))
    script.drain()
    expect(listener.accept()).not.toBeNull()
  })

  it('answers what lies outside of the window with an ACK, though it acknowledges our SYN', () => {
    const { script, listener } = half()
    script.send(data(100_000, 'abc'))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1, length: 0 })
    expect(listener.accept()).toBeNull()
    expect(script.tcp.connectionCount).toBe(0)
    expect(script.tcp.statistics.drops.outOfWindow).toBe(1)
  })

  it('believes no old timestamp (RFC 7323 §5.3) and no segment without one (§3.2)', () => {
    const { script, listener } = half({ timestamp: [500, 0] })
    script.send(ack(1, { timestamp: [499, 0] }))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    script.send(ack(1))
    script.expectSilence()
    expect(listener.accept()).toBeNull()
    expect(script.tcp.statistics.drops).toMatchObject({
      protectAgainstWrappedSequence: 1,
      missingTimestamp: 1,
    })
    script.send(ack(1, { timestamp: [500, 0] }))
    expect(listener.accept()).not.toBeNull()
  })

  it('ends with a hard ICMP error that quotes our SYN-ACK, and with no other (RFC 5927 §4.1, §5.2)', () => {
    const { script } = half()
    const report = (sequenceNumber: number, kind: 'hard' | 'soft'): void =>
      script.tcp.processError(
        {
          ...{ ipVersion: 4, kind, mtu: 0, isBelowFloor: false, isProven: false, sequenceNumber },
          interfaceIndex: 0,
          ...{ source: script.local, sourcePort: 80 },
          ...{ destination: script.peer, destinationPort: 40_000 },
        },
        script.nowMs,
      )
    report(script.localIsn + 1, 'hard')
    report(script.localIsn, 'soft')
    expect(script.tcp.halfOpenCount).toBe(1)
    report(script.localIsn, 'hard')
    expect(script.tcp.halfOpenCount).toBe(0)
  })

  it('whose listener has no place is dropped by its ACK and asked again, until there is one', () => {
    const script = new TcpScript()
    const listener = script.listen(1)
    script.send(syn({ sourcePort: 9 }))
    const { localIsn: first } = script
    script.send(syn())
    const { localIsn: second } = script
    script.drain()
    script.localIsn = first
    script.send(ack(1, { sourcePort: 9 }))
    script.localIsn = second
    script.send(ack(1))
    script.expectSilence()
    expect(script.tcp.statistics.drops.backlogFull).toBe(1)
    script.advanceUntilSent()
    script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1, destinationPort: 40_000 })
    expect(listener.accept()!.remotePort).toBe(9)
    script.send(ack(1))
    script.drain()
    expect(listener.accept()!.remotePort).toBe(40_000)
  })
})

describe('the SYN queue', () => {
  const at = (queue: SynQueue, number: number, nowMs: number): SynRecord => {
    const record = queue.take()
    setAddress(record.source, ipv4Address(number))
    record.ports = number
    record.hash = Math.imul(number, 0x9e3779b1) | 0
    queue.insert(record)
    queue.schedule(record, 0, nowMs)
    return record
  }

  it('makes no more records than it has held at once', () => {
    const queue = new SynQueue(100, 1000, 60_000)
    const seen = new Set<SynRecord>()
    for (let round = 0; round < 50; round++) {
      const records = Array.from({ length: 100 }, (_, index) =>
        at(queue, round * 100 + index, round),
      )
      expect([queue.size, queue.isFull]).toEqual([100, true])
      for (const record of records) seen.add(record)
      for (const record of records) queue.remove(record)
    }
    expect(seen.size).toBe(100)
    expect([queue.size, queue.earliestMs]).toEqual([0, Number.POSITIVE_INFINITY])
  })

  it('finds what it holds and nothing else, and tells every deadline in its time, as a sorted list does', () => {
    const queue = new SynQueue(64, 1000, 60_000)
    const random = new SeededRandom(11)
    const model = new Map<number, { record: SynRecord; deadlineMs: number }>()
    const intervals = [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]
    let nowMs = 0
    for (let step = 0; step < 20_000; step++) {
      const draw = random.nextFraction()
      const number = Math.floor(random.nextFraction() * 1000)
      const held = model.get(number)
      if (draw < 0.4 && held === undefined && !queue.isFull) {
        model.set(number, { record: at(queue, number, nowMs), deadlineMs: nowMs + 1000 })
      } else if (draw < 0.5 && held !== undefined) {
        queue.remove(held.record)
        model.delete(number)
      } else if (draw < 0.6 && held !== undefined) {
        const interval = Math.floor(random.nextFraction() * 10)
        queue.schedule(held.record, interval, nowMs)
        held.deadlineMs = nowMs + intervals[Math.min(interval, 6)]!
      } else if (draw < 0.8) {
        nowMs += random.nextFraction() * 300
        for (let due = queue.due(nowMs); due !== null; due = queue.due(nowMs)) {
          expect(model.get(due.ports)!.deadlineMs).toBeLessThanOrEqual(nowMs)
          model.delete(due.ports)
          queue.remove(due)
        }
        const earliestMs = Math.min(...[...model.values()].map(({ deadlineMs }) => deadlineMs))
        expect(earliestMs).toBeGreaterThan(nowMs)
        expect(queue.earliestMs).toBeLessThanOrEqual(earliestMs)
      }
      const hash = Math.imul(number, 0x9e3779b1) | 0
      const source = ipv4Address(number)
      const found = queue.find(source, ipv4Address(0), number, hash, 0)
      expect(found).toBe(model.get(number)?.record ?? null)
      expect(queue.size).toBe(model.size)
    }
  })
})

describe('the ACK that ends a handshake', () => {
  /** All numbers and flags of the connection that it makes. */
  function made(fields: Partial<ScriptSegment>, offer: Partial<ScriptSegment>) {
    const script = new TcpScript({ peerIsn: 7 })
    const listener = script.listen()
    script.send(syn(offer))
    script.drain()
    script.advance(5)
    script.send(ack(1, { sequence: 1, window: 900, ...fields }))
    const socket = listener.accept()!
    const scalars = Object.entries(socket).filter(([, value]) => typeof value !== 'object')
    return Object.fromEntries([
      ...scalars,
      ...Object.entries(socket.rtt).filter(([, value]) => typeof value !== 'object'),
    ])
  }

  it.each<[string, Partial<ScriptSegment>, Partial<ScriptSegment>]>([
    ['nothing', {}, {}],
    ['timestamps', { timestamp: [1000, 0] }, { timestamp: [1005, 0] }],
    ['a scale', { windowScale: 7 }, {}],
    ['SACK', { sackPermitted: true }, {}],
    ['a window of none', {}, { window: 0 }],
  ])(
    'makes the same of it bare as step by step (RFC 9293 §3.10.7.4), with %s',
    (_, offer, fields) => {
      // ECE says nothing where ECN was not agreed on (RFC 3168 §6.1.1), but all steps are taken.
      const slow = made({ ...fields, flags: 'AE' }, offer)
      expect(made(fields, offer)).toEqual(slow)
      expect(slow.state).toBe(TcpState.Established)
    },
  )

  it('is looked at again for what else it says', () => {
    const script = new TcpScript()
    script.listen()
    script.send(syn({ sackPermitted: true }))
    script.drain()
    script.send(ack(1, { sequence: 1, sack: [[5, 9]] }))
    script.drain()
    expect(script.tcp.statistics.drops.badSackBlock).toBe(1)
  })
})
