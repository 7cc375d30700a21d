/**
 * Nothing that was lost, and no measurement however wrong, keeps a sender from sending for longer
 * than its timers say.
 */
import { describe, expect, it } from 'vitest'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
import { notePaced, pacedBytes } from '../../../../../net/socket/tcp/congestion/pacing.ts'
import { reduceRate } from '../../../../../net/socket/tcp/recovery/rate-reduction.ts'
import { MAX_RUNS } from '../../../../../net/socket/tcp/recovery/scoreboard.ts'
import { openRecovery } from '../../../../../net/socket/tcp/recovery/sent-runs.ts'
import { RTT_SHIFT } from '../../../../../net/socket/tcp/rtt-estimator.ts'
import { ack, type SentSegment, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1460
const ROUND_TRIP_MS = 20

/** Number of the segment `index` of those that inFlight sends. */
const at = (index: number) => 1 + (1 + index) * MSS

const total = (sent: SentSegment[]) => sent.reduce((sum, { length }) => sum + length, 0)

/** So many segments in flight that were sent at one moment, and as many queued behind them. */
function inFlight(segments: number, configuration: Partial<TcpConfiguration> = {}) {
  const script = new TcpScript({ superSegmentLimit: 65_000, configuration })
  script.peerWindow = 512
  const made = script.establish({ windowScale: 7, sackPermitted: true })
  const { socket } = made
  socket.send(new Uint8Array(MSS), 0, MSS)
  script.drain()
  script.nowMs += ROUND_TRIP_MS
  script.send(ack(1 + MSS))
  script.drain()
  for (let sample = 0; sample < 60; sample++) socket.rtt.sample(ROUND_TRIP_MS)
  socket.rtt.minimumMs = ROUND_TRIP_MS
  // It has repaired a loss before.
  openRecovery(socket, socket.sendNext)
  // In congestion avoidance an ACK of one segment lets no more than one out.
  socket.congestion.windowBytes = segments * MSS
  socket.congestion.thresholdBytes = segments * MSS
  socket.send(new Uint8Array(2 * segments * MSS), 0, 2 * segments * MSS)
  return { script, ...made }
}

/**
 * Part of a flight that left at one moment is acknowledged, which the scoreboard does not look at
 * as nothing seems to be lost; the rest is lost, and the probe with new data behind it arrives.
 */
function probedAfterPartialAck(configuration: Partial<TcpConfiguration> = {}) {
  const made = inFlight(4, { pacing: false, ...configuration })
  const { script, socket } = made
  expect(total(script.drain())).toBe(4 * MSS)
  script.nowMs += ROUND_TRIP_MS
  socket.congestion.windowBytes = 2 * MSS
  script.send(ack(at(1)))
  script.expectSilence()
  script.advanceUntilSent()
  script.expectSegments({ sequence: at(4), length: MSS })
  expect(socket.statistics.tailLossProbes).toBe(1)
  script.nowMs += ROUND_TRIP_MS
  return made
}

describe('after a tail loss probe with new data', () => {
  it('what is acknowledged counts neither as lost nor as in the network, and is not sent again', () => {
    const { script, socket } = probedAfterPartialAck()
    script.send(ack(at(1), { sack: [[at(4), at(5)]] }))
    script.advance(ROUND_TRIP_MS)
    const sent = script.drain()
    expect(sent[0]).toMatchObject({ sequence: at(1) })
    const board = socket.recovery!.board
    expect(board.start).toBe(socket.sendUnacknowledged)
    expect(socket.outOfFlightBytes).toBeLessThanOrEqual(4 * MSS)
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(MSS)
  })

  it('each timeout sends the first segment again, however many there are', () => {
    const { script, socket } = probedAfterPartialAck({ pacing: true })
    socket.isPaced = true
    script.send(ack(at(1), { sack: [[at(4), at(5)]] }))
    script.advance(ROUND_TRIP_MS)
    script.drain()
    script.advanceUntilSent()
    expect(script.drain()[0]).toMatchObject({ sequence: at(1) })
    expect(socket.timeouts).toBe(0)
    for (let timeout = 1; timeout <= 5; timeout++) {
      script.advanceUntilSent()
      const sent = script.drain()
      expect(sent[0]).toMatchObject({ sequence: at(1) })
      expect(socket.timeouts).toBe(timeout)
    }
    script.send(ack(at(5)))
    script.advance(1000)
    expect(socket.sendNext).toBe(socket.sendBuffer!.end)
  })
})

describe('a pause of pacing', () => {
  it('ends after two round trips at most, whatever little recovery has left of the window', () => {
    const { script, socket } = inFlight(4)
    script.drain()
    socket.isPaced = true
    for (const window of [0, 1, MSS]) {
      socket.pacingNextMs = script.nowMs
      socket.congestion.windowBytes = window
      const bytes = pacedBytes(socket, script.nowMs)
      expect(bytes).toBeGreaterThan(0)
      notePaced(socket, bytes, script.nowMs)
      expect(socket.pacingNextMs - script.nowMs).toBeGreaterThan(0)
      expect(socket.pacingNextMs - script.nowMs).toBeLessThan(2 * ROUND_TRIP_MS)
    }
  })

  it('ends when nothing is in the network: one round trip that was measured too long slows no later flight', () => {
    const { script, socket } = inFlight(4)
    // An answer that came late, as while the peer asked for our hardware address.
    socket.rtt.smoothed = 6000 << RTT_SHIFT
    socket.isPaced = true
    let sent = total(script.drain())
    expect(sent).toBe(2 * MSS)
    expect(socket.pacingNextMs - script.nowMs).toBeGreaterThan(1000)
    script.nowMs += ROUND_TRIP_MS
    script.expectSilence()
    script.send(ack(at(2)))
    sent = total(script.drain())
    expect(sent).toBe(2 * MSS)
  })

  it('holds nothing back when all that is in flight is lost', () => {
    const { script, socket } = inFlight(4, { pacing: false })
    script.drain()
    // The probe with new data is not paced.
    script.advanceUntilSent()
    script.expectSegments({ sequence: at(4) })
    socket.isPaced = true
    // Once for want of ACKs, then with each timeout.
    for (let timeout = 0; timeout <= 5; timeout++) {
      socket.pacingNextMs = Number.POSITIVE_INFINITY
      script.advanceUntilSent()
      expect(script.drain()[0]).toMatchObject({ sequence: at(0) })
      expect(socket.statistics.retransmitTimeouts).toBe(timeout)
    }
  })
})

describe('a tail loss probe that could not leave', () => {
  it('gives way to what an ACK has shown to be lost meanwhile', () => {
    const { script, socket } = inFlight(4, { pacing: false })
    script.drain()
    script.isDeviceFull = true
    script.advance(3 * ROUND_TRIP_MS)
    expect(socket.isTailProbeDue).toBe(true)
    script.send(ack(at(0), { sack: [[at(1), at(4)]] }))
    script.advance(1)
    script.isDeviceFull = false
    const sent = script.drain()
    expect(sent[0]).toMatchObject({ sequence: at(0), length: MSS })
    expect(socket.statistics.tailLossProbes).toBe(0)
  })

  it('gives way to the retransmission timer', () => {
    const { script, socket } = inFlight(4, { pacing: false })
    script.drain()
    script.isDeviceFull = true
    script.advance(300)
    expect(socket.statistics.retransmitTimeouts).toBe(1)
    script.isDeviceFull = false
    expect(script.drain()[0]).toMatchObject({ sequence: at(0), length: MSS })
    expect(socket.statistics.tailLossProbes).toBe(0)
  })
})

describe('a round trip', () => {
  it('is not measured by the ACK of a duplicate, which echoes what had come before (RFC 7323 §4.3)', () => {
    const script = new TcpScript({ configuration: { pacing: false } })
    script.peerWindow = 512
    const { socket } = script.establish({
      windowScale: 7,
      sackPermitted: true,
      timestamp: [1000, 0],
    })
    const size = socket.segmentSize
    socket.send(new Uint8Array(size), 0, size)
    const [first] = script.drain()
    const before = socket.rtt.smoothedMs
    // It arrived, but two ACKs of it were lost: what is sent again is the third to arrive.
    script.advanceUntilSent()
    script.drain()
    script.advanceUntilSent()
    script.drain()
    script.nowMs += ROUND_TRIP_MS
    script.send(ack(1 + size, { timestamp: [1010, first!.timestamp![0]], sack: [[1, 1 + size]] }))
    expect(socket.sendUnacknowledged).toBe(socket.sendMax)
    // It answers what was sent last, and says how long that took; the back-off is over.
    expect(socket.rtt.smoothedMs).toBeCloseTo(before + (ROUND_TRIP_MS - before) / 8)
    expect(socket.rtt.rtoMs).toBeLessThan(300)
    // The next segment, sent once, is timed as ever.
    socket.send(new Uint8Array(size), 0, size)
    const [second] = script.drain()
    script.nowMs += ROUND_TRIP_MS
    script.send(ack(1 + 2 * size, { timestamp: [1030, second!.timestamp![0]] }))
    expect(socket.rtt.smoothedMs).toBeLessThan(2 * ROUND_TRIP_MS)
    expect(socket.rtt.rtoMs).toBeLessThan(300)
  })

  /** A connection with timestamps and a measured round trip, and one segment in flight. */
  function measured() {
    const script = new TcpScript({ configuration: { pacing: false } })
    script.peerWindow = 512
    const { socket } = script.establish({ windowScale: 7, timestamp: [1000, 0] })
    const size = socket.segmentSize
    let sequence = 1
    const exchange = (roundTripMs: number) => {
      socket.send(new Uint8Array(size), 0, size)
      const [sent] = script.drain()
      sequence += size
      script.nowMs += roundTripMs
      script.send(ack(sequence, { timestamp: [1010, sent!.timestamp![0]] }))
    }
    for (let sample = 0; sample < 60; sample++) exchange(ROUND_TRIP_MS)
    // The script's handshake took no time at all.
    socket.rtt.minimumMs = ROUND_TRIP_MS
    socket.send(new Uint8Array(size), 0, size)
    const [sent] = script.drain()
    return { script, socket, sent: sent!, end: sequence + size, size }
  }

  it('is not measured after a timeout by the echo of what came first, unless nothing else can be meant (Karn)', () => {
    for (const [sinceMs, isTaken] of [
      [ROUND_TRIP_MS, false],
      [ROUND_TRIP_MS / 4, true],
    ] as const) {
      const { script, socket, sent, end } = measured()
      const before = socket.rtt.smoothedMs
      for (let timeout = 0; timeout < 2; timeout++) {
        script.advanceUntilSent()
        script.drain()
      }
      const backedOffMs = socket.rtt.rtoMs
      script.nowMs += sinceMs
      script.send(ack(end, { timestamp: [1020, sent.timestamp![0]] }))
      expect(socket.sendUnacknowledged).toBe(socket.sendMax)
      if (isTaken) expect(socket.rtt.smoothedMs).toBeGreaterThan(2 * before)
      else expect([socket.rtt.smoothedMs, socket.rtt.rtoMs]).toEqual([before, backedOffMs])
    }
  })

  it('that is measured far too long comes down with each ACK, not only once a flight', () => {
    const { script, socket, sent, end, size } = measured()
    socket.send(new Uint8Array(7 * size), 0, 7 * size)
    const others = script.drain()
    script.nowMs += ROUND_TRIP_MS
    socket.rtt.smoothed = 5000 << RTT_SHIFT
    for (const [index, { timestamp }] of [sent, ...others].entries()) {
      script.send(ack(end + index * size, { timestamp: [1020 + index, timestamp![0]] }))
    }
    expect(others.length).toBe(7)
    expect(socket.rtt.smoothedMs).toBeLessThan(5000 * (7 / 8) ** 8 + ROUND_TRIP_MS)
  })
})

describe('a path that loses what is sent three times', () => {
  it('is a black hole (RFC 4821 §7.7), but one that has carried full segments not before the sixth', () => {
    for (const [exchanges, enough] of [
      [0, 3],
      [1, 6],
    ] as const) {
      const script = new TcpScript({ configuration: { pacing: false } })
      const { socket } = script.establish({})
      const size = socket.segmentSize
      for (let exchange = 0; exchange <= exchanges; exchange++) {
        socket.send(new Uint8Array(2 * size), 0, 2 * size)
        script.drain()
        script.nowMs += ROUND_TRIP_MS
        if (exchange < exchanges) script.send(ack(1 + 2 * size))
      }
      const flow = script.flows[0]!
      for (let timeout = 0; timeout < 10 && flow.pathMtu === 1500; timeout++) {
        script.advanceUntilSent()
        script.drain()
      }
      expect([flow.pathMtu, socket.timeouts]).toEqual([1064, enough])
    }
  })
})

describe('the record of what was sent', () => {
  it('lets go of what is acknowledged, however long nothing is lost', () => {
    const { script, socket } = inFlight(4, { pacing: false })
    script.drain()
    let sequence = at(4)
    // More runs than it has, one each five milliseconds, and four segments always in flight.
    for (let step = 0; step < 2 * MAX_RUNS; step++) {
      script.nowMs += 5
      socket.send(new Uint8Array(MSS), 0, MSS)
      script.send(ack(sequence - 3 * MSS))
      socket.congestion.windowBytes = 4 * MSS
      expect(total(script.drain())).toBe(MSS)
      sequence += MSS
    }
    const { board } = openRecovery(socket, socket.sendNext)
    expect(board.start).toBe(socket.sendUnacknowledged)
    // Each with its own time.
    expect(board.runCount).toBe(4)
  })
})

describe('a window', () => {
  it('of nothing is not taken for one that was never opened when the path changes', () => {
    const { script, socket } = inFlight(4)
    script.drain()
    socket.congestion.windowBytes = 0
    script.flows.at(-1)!.pathMtu = 1280
    socket.setNoDelay(true)
    script.drain()
    expect(socket.segmentSize).toBe(1240)
    expect(socket.congestion.windowBytes).toBe(1240)
  })

  it('holds a segment after all that may follow when the path takes larger ones again', () => {
    for (const congestionControl of ['cubic', 'reno'] as const) {
      const { socket } = inFlight(4, { congestionControl })
      const { congestion } = socket
      congestion.start(500)
      congestion.onRetransmitTimeout(500, true, 0)
      expect(congestion.thresholdBytes).toBe(1000)
      congestion.setSegmentSize(MSS)
      expect(congestion.thresholdBytes).toBeGreaterThanOrEqual(MSS)
      congestion.onRecoveryEnd(0)
      expect(congestion.windowBytes).toBeGreaterThanOrEqual(MSS)
      congestion.start(100)
      congestion.setSegmentSize(MSS)
      congestion.windowBytes = 100 * MSS
      congestion.onIdleRestart()
      expect(congestion.windowBytes).toBeGreaterThanOrEqual(MSS)
    }
  })

  it('that recovery leaves lets a segment out when nothing is in the network', () => {
    const { script, socket } = inFlight(4, { pacing: false })
    script.drain()
    const { congestion } = socket
    const recovery = openRecovery(socket, socket.sendNext)
    congestion.inRecovery = true
    congestion.thresholdBytes = 2 * MSS
    recovery.flightAtStart = 4 * MSS
    // All that arrived has been made up for, and what was sent is lost as well.
    recovery.deliveredBytes = MSS
    recovery.sentBytes = 2 * MSS
    socket.outOfFlightBytes = 4 * MSS
    reduceRate(socket, recovery, 0, false)
    expect(congestion.windowBytes).toBe(MSS)
  })
})
