/** The small parts of TCP on their own: RTO arithmetic, deadlines, state table, totals. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULT_TCP_CONFIGURATION } from '../../../../../net/socket/tcp/configuration.ts'
import { Reno } from '../../../../../net/socket/tcp/congestion/reno.ts'
import { type DeadlineMember, DeadlineQueue } from '../../../../../net/socket/tcp/deadline-queue.ts'
import { RttEstimator } from '../../../../../net/socket/tcp/rtt-estimator.ts'
import { canTransition, TcpState, tcpStateName } from '../../../../../net/socket/tcp/state.ts'
import {
  addSocketStatistics,
  createSocketStatistics,
  type TcpSocketStatistics,
} from '../../../../../net/socket/tcp/statistics.ts'

describe('RttEstimator (RFC 6298)', () => {
  it('starts at one second', () => {
    expect(new RttEstimator(DEFAULT_TCP_CONFIGURATION).rtoMs).toBe(1000)
  })

  it('follows (2.2) and (2.3)', () => {
    const rtt = new RttEstimator({ ...DEFAULT_TCP_CONFIGURATION, rtoMinimumMs: 0 })
    rtt.sample(100)
    expect([rtt.smoothedMs, rtt.variationMs, rtt.rtoMs]).toEqual([100, 50, 300])
    rtt.sample(200)
    expect(rtt.variationMs).toBe(0.75 * 50 + 0.25 * 100)
    expect(rtt.smoothedMs).toBe(112.5)
    // In whole milliseconds, and never early.
    expect(rtt.rtoMs).toBe(Math.ceil(112.5 + 4 * 62.5))
  })

  it('keeps its floor above the round trip and its ceiling at a minute', () => {
    const rtt = new RttEstimator(DEFAULT_TCP_CONFIGURATION)
    for (let index = 0; index < 100; index++) rtt.sample(1)
    expect(rtt.rtoMs).toBeCloseTo(201, 0)
    for (let index = 0; index < 20; index++) rtt.backOff()
    expect(rtt.rtoMs).toBe(60_000)
    rtt.sample(1)
    expect(rtt.rtoMs).toBeLessThan(210)
  })

  it('raises to three seconds after a lost SYN (5.7)', () => {
    const rtt = new RttEstimator(DEFAULT_TCP_CONFIGURATION)
    rtt.raiseAfterLostSyn()
    expect(rtt.rtoMs).toBe(3000)
  })
})

describe('NewReno', () => {
  const MSS = 1000

  function inAvoidance() {
    const reno = new Reno()
    reno.start(MSS)
    reno.windowBytes = 20 * MSS
    reno.thresholdBytes = 10 * MSS
    return reno
  }

  it('grows by one segment a window in congestion avoidance, however it is acknowledged (RFC 3465 §2.1)', () => {
    for (const step of [MSS, 2 * MSS, 20 * MSS, 10]) {
      const reno = inAvoidance()
      for (let acked = 0; acked < 20 * MSS; acked += step) reno.onAcknowledged(step, 20 * MSS, 0)
      expect(reno.windowBytes).toBe(21 * MSS)
    }
  })

  it('deflates by what a partial ACK covers and adds one segment back (RFC 6582 §3.2 step 3)', () => {
    const reno = inAvoidance()
    reno.onRecoveryStart(20 * MSS, 0)
    expect(reno.windowBytes).toBe(13 * MSS)
    reno.onPartialAcknowledgment(4 * MSS)
    expect(reno.windowBytes).toBe(10 * MSS)
    reno.onPartialAcknowledgment(MSS / 2)
    expect(reno.windowBytes).toBe(9.5 * MSS)
    reno.onPartialAcknowledgment(60 * MSS)
    expect(reno.windowBytes).toBe(MSS)
  })

  it('leaves recovery without a burst (RFC 6582 §3.2 step 3, option 1)', () => {
    const reno = inAvoidance()
    reno.onRecoveryStart(20 * MSS, 0)
    reno.onRecoveryEnd(2 * MSS)
    expect(reno.windowBytes).toBe(3 * MSS)
    expect(reno.thresholdBytes).toBe(10 * MSS)
  })
})

it('DeadlineQueue gives members back in order of time, as a sorted list does', () => {
  const step = fc.record({ member: fc.nat(9), deadlineMs: fc.nat(100), isRemoval: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new DeadlineQueue<DeadlineMember>()
      const members = Array.from({ length: 10 }, () => ({
        scheduledDeadlineMs: Number.POSITIVE_INFINITY,
        scheduledIndex: -1,
      }))
      const model = new Map<DeadlineMember, number>()
      for (const { member, deadlineMs, isRemoval } of steps) {
        const which = members[member]!
        if (isRemoval) {
          queue.remove(which)
          model.delete(which)
        } else {
          queue.schedule(which, deadlineMs)
          model.set(which, deadlineMs)
        }
        expect(queue.earliest).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()))
        expect(queue.size).toBe(model.size)
      }
      const order: number[] = []
      for (let due = queue.due(1000); due !== null; due = queue.due(1000)) {
        order.push(due.scheduledDeadlineMs)
        queue.remove(due)
      }
      expect(order).toEqual([...model.values()].sort((a, b) => a - b))
    }),
    { numRuns: 500 },
  )
})

it('the state table has every arrow of figure 5 and none that skips the handshake', () => {
  expect(canTransition(TcpState.Established, TcpState.FinWait1)).toBe(true)
  expect(canTransition(TcpState.Established, TcpState.CloseWait)).toBe(true)
  expect(canTransition(TcpState.Closed, TcpState.Established)).toBe(false)
  expect(canTransition(TcpState.SynSent, TcpState.FinWait1)).toBe(false)
  expect(canTransition(TcpState.TimeWait, TcpState.Established)).toBe(false)
  for (const state of Object.values(TcpState)) {
    if (state !== TcpState.Closed) expect(canTransition(state, TcpState.Closed)).toBe(true)
    expect(tcpStateName(state)).toMatch(/^[A-Z0-9-]+$/)
  }
})

describe('totals', () => {
  it('hold each thing that a connection has counted, and its largest segment', () => {
    for (const name of Object.keys(createSocketStatistics()) as (keyof TcpSocketStatistics)[]) {
      const total = createSocketStatistics()
      const part = createSocketStatistics()
      part[name] = 3
      // Bytes are sent again in segments.
      if (name === 'retransmittedBytes') part.retransmissions = 1
      const isLargest = name === 'largestSegmentSent'
      addSocketStatistics(total, part)
      addSocketStatistics(total, part)
      expect(total[name], name).toBe(isLargest ? 3 : 6)
    }
  })
})
