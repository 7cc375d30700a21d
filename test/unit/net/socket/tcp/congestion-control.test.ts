/** CUBIC, HyStart++ and pacing on their own (RFC 9438, RFC 9406). */
import { describe, expect, it } from 'vitest'
import { Cubic } from '../../../../../net/socket/tcp/congestion/cubic.ts'
import { HyStart } from '../../../../../net/socket/tcp/congestion/hystart.ts'
import { Reno } from '../../../../../net/socket/tcp/congestion/reno.ts'
import { RTT_SHIFT } from '../../../../../net/socket/tcp/rtt-estimator.ts'
import { ack, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1000

/** In congestion avoidance after a loss at `segments`. */
function afterLoss(segments: number): Cubic {
  const cubic = new Cubic()
  cubic.start(MSS)
  cubic.windowBytes = segments * MSS
  cubic.onCongestion(segments * MSS, 0)
  cubic.windowBytes = cubic.thresholdBytes
  return cubic
}

/** A window acknowledged each round trip, for so long; returns the window in segments. */
function grow(cubic: Cubic, roundTripMs: number, fromMs: number, toMs: number): number {
  cubic.roundTrip = roundTripMs << RTT_SHIFT
  for (let nowMs = fromMs; nowMs < toMs; nowMs += roundTripMs) {
    const window = cubic.windowBytes
    for (let acked = 0; acked < window; acked += 2 * MSS) {
      cubic.onAcknowledged(2 * MSS, window, nowMs + (roundTripMs * acked) / window, -1)
    }
  }
  return cubic.windowBytes / MSS
}

describe('CUBIC', () => {
  it('keeps 0.7 of the window at a loss (RFC 9438 §4.6), and never less than two segments', () => {
    expect(afterLoss(100).thresholdBytes).toBe(70 * MSS)
    expect(afterLoss(2).thresholdBytes).toBe(2 * MSS)
  })

  it('is back where it was after K = cbrt(W_max * 0.3 / 0.4) seconds, and flat there (§4.2)', () => {
    const cubic = afterLoss(1000)
    const plateauMs = 1000 * Math.cbrt((1000 * 0.3) / 0.4)
    expect(grow(cubic, 100, 0, plateauMs / 2)).toBeGreaterThan(920)
    const atPlateau = grow(cubic, 100, plateauMs / 2, plateauMs)
    expect(atPlateau).toBeGreaterThan(985)
    expect(atPlateau).toBeLessThan(1015)
    // Convex beyond: as far after as many seconds, and faster and faster.
    const beyond = grow(cubic, 100, plateauMs, 2 * plateauMs) - atPlateau
    expect(beyond).toBeGreaterThan(250)
    expect(beyond).toBeLessThan(400)
  })

  it('begins anew after a timeout: flat where avoidance begins, not on its way to where it was (§4.8)', () => {
    const cubic = new Cubic()
    cubic.start(MSS)
    cubic.windowBytes = 1000 * MSS
    cubic.onRetransmitTimeout(1000 * MSS, true, 0)
    expect(cubic.thresholdBytes).toBe(700 * MSS)
    cubic.windowBytes = cubic.thresholdBytes
    // "K is set to 0, and W_max is set to the congestion window size at the beginning": 25 segments
    // in four seconds.
    const window = grow(cubic, 100, 0, 4_000)
    expect(window).toBeGreaterThan(700)
    expect(window).toBeLessThan(735)
    // The next loss is one like any other.
    cubic.onCongestion(window * MSS, 4_000)
    cubic.windowBytes = cubic.thresholdBytes
    const plateauMs = 1000 * Math.cbrt((window * 0.3) / 0.4)
    expect(grow(cubic, 100, 4_000, 4_000 + plateauMs)).toBeGreaterThan(0.98 * window)
  })

  it('is no slower than Reno where that is faster (§4.3)', () => {
    const cubic = afterLoss(20)
    // 0.53 segments a round trip of 10 ms, 100 of them.
    const window = grow(cubic, 10, 0, 1_000)
    expect(window).toBeGreaterThan(14 + 40)
    expect(window).toBeLessThan(14 + 100)
  })

  it('leaves room for newcomers when it loses before it is back (§4.7)', () => {
    const cubic = afterLoss(1000)
    cubic.onCongestion(700 * MSS, 0)
    cubic.windowBytes = cubic.thresholdBytes
    // W_max = 700 * 0.85, below the 700 of before.
    const plateauMs = 1000 * Math.cbrt((595 - 490) / 0.4)
    expect(grow(cubic, 100, 0, plateauMs)).toBeLessThan(605)
  })

  it('grows by no time that the window was not used (§5.8)', () => {
    const cubic = afterLoss(1000)
    const before = grow(cubic, 100, 0, 1_000)
    for (let nowMs = 1_000; nowMs < 60_000; nowMs += 100) cubic.onAcknowledged(MSS, MSS, nowMs, -1)
    expect(cubic.windowBytes / MSS).toBe(before)
    expect(grow(cubic, 100, 60_000, 60_300)).toBeLessThan(before + 60)
  })

  it('has the window of before when nothing was lost after all (RFC 4015 §3.2)', () => {
    const cubic = new Cubic()
    cubic.start(MSS)
    cubic.windowBytes = 50 * MSS
    const { thresholdBytes } = cubic
    cubic.onRetransmitTimeout(50 * MSS, true, 0)
    expect(cubic.windowBytes).toBe(MSS)
    cubic.undo()
    expect([cubic.windowBytes, cubic.thresholdBytes]).toEqual([50 * MSS, thresholdBytes])
  })

  it.each([
    ['cubic', () => new Cubic()],
    ['reno', () => new Reno()],
  ])('has windows of whole bytes, as %s has', (_, create) => {
    const control = create()
    control.start(1447)
    control.onCongestion(99_991, 0)
    control.windowBytes = control.thresholdBytes
    control.roundTrip = 33.3 * (1 << RTT_SHIFT)
    for (let nowMs = 1; nowMs < 2_000; nowMs += 3.7) {
      control.onAcknowledged(1447, control.windowBytes, nowMs, -1)
      expect(Number.isInteger(control.windowBytes)).toBe(true)
    }
    control.onCongestion(control.windowBytes, 2_000)
    expect(Number.isInteger(control.thresholdBytes)).toBe(true)
  })
})

describe.each([
  ['cubic', () => new Cubic()],
  ['reno', () => new Reno()],
])('%s in slow start, when one ACK stands for many', (_, create) => {
  it('stops at ssthresh', () => {
    const control = create()
    control.start(MSS)
    control.onCongestion(600 * MSS, 0)
    control.windowBytes = 290 * MSS
    control.thresholdBytes = 300 * MSS
    control.onAcknowledged(290 * MSS, 290 * MSS, 10, -1)
    expect(control.windowBytes).toBe(300 * MSS)
  })

  it('opens no more after a timeout than has been sent since (RFC 3465 §2.3)', () => {
    const control = create()
    control.start(MSS)
    control.windowBytes = 1_000 * MSS
    control.onRetransmitTimeout(1_000 * MSS, true, 0)
    control.onAcknowledged(900 * MSS, MSS, 10, -1)
    expect(control.windowBytes).toBe(2 * MSS)
    control.onAcknowledged(2 * MSS, 2 * MSS, 20, -1)
    expect(control.windowBytes).toBe(4 * MSS)
  })
})

it.each([
  ['cubic', () => new Cubic()],
  ['reno', () => new Reno()],
])(
  '%s grows by all ACKs of a window that was in use, also when a turn takes them in a row (RFC 7661 §1)',
  (_, create) => {
    const control = create()
    control.start(MSS)
    const window = control.windowBytes
    control.roundTrip = 100 << RTT_SHIFT
    for (let flight = window; flight > 0; flight -= MSS) {
      control.onAcknowledged(MSS, flight, 100, -1)
    }
    expect(control.windowBytes).toBe(2 * window)
    // A round trip later the first finds a window that is not used.
    control.onAcknowledged(MSS, 2 * MSS, 201, -1)
    expect(control.windowBytes).toBe(2 * window)
  },
)

describe('HyStart++ (RFC 9406 §4.2)', () => {
  /**
   * Rounds of ten ACKs each with these round trips; returns after which of them slow start was
   * over, or -1.
   */
  function rounds(hyStart: HyStart, roundTripsMs: readonly number[]): number {
    for (const [round, rttMs] of roundTripsMs.entries()) {
      for (let index = 0; index < 10; index++) {
        if (hyStart.noteAck(MSS, 10 * MSS, rttMs)) return round
      }
    }
    return -1
  }

  it('goes on while round trips stay what they are', () => {
    const hyStart = new HyStart()
    expect(rounds(hyStart, new Array(50).fill(20))).toBe(-1)
    expect(hyStart.isConservative).toBe(false)
  })

  it('slows down when they grow by an eighth, 4 to 16 ms, and ends five rounds later', () => {
    const hyStart = new HyStart()
    rounds(hyStart, [20, 20, 23])
    expect(hyStart.isConservative).toBe(false)
    rounds(hyStart, [27.5])
    expect(hyStart.isConservative).toBe(true)
    expect(rounds(hyStart, [28, 28, 28, 28, 28, 28, 28])).toBeLessThanOrEqual(5)
    const distant = new HyStart()
    rounds(distant, [300, 300, 312])
    expect(distant.isConservative).toBe(false)
    rounds(distant, [330])
    expect(distant.isConservative).toBe(true)
  })

  it('is its old self again when they shrink: it was a whim of the path', () => {
    const hyStart = new HyStart()
    rounds(hyStart, [20, 20, 30])
    expect(hyStart.isConservative).toBe(true)
    rounds(hyStart, [21])
    expect(hyStart.isConservative).toBe(false)
  })

  it('sees a queue within the round in which it begins to grow', () => {
    const hyStart = new HyStart()
    rounds(hyStart, [100, 100])
    const seen = Array.from({ length: 40 }, (_, index) => {
      hyStart.noteAck(MSS, 40 * MSS, 100 + index)
      return hyStart.isConservative
    })
    // Eight are 16 ms late or more.
    expect(seen.indexOf(true)).toBeGreaterThan(8)
    expect(seen.indexOf(true)).toBeLessThan(24)
    expect(seen.at(-1)).toBe(true)
  })

  it('forgives samples that were late by chance after eight that were not', () => {
    const hyStart = new HyStart()
    rounds(hyStart, [100, 100])
    for (let index = 0; index < 8; index++) hyStart.noteAck(MSS, 40 * MSS, 130)
    expect(hyStart.isConservative).toBe(true)
    for (let index = 0; index < 8; index++) hyStart.noteAck(MSS, 40 * MSS, 101)
    expect(hyStart.isConservative).toBe(false)
    // Also when they were late by less, which on a path of much jitter most are.
    for (let index = 0; index < 8; index++) hyStart.noteAck(MSS, 40 * MSS, 130)
    expect(hyStart.isConservative).toBe(true)
    for (let index = 0; index < 8; index++) hyStart.noteAck(MSS, 40 * MSS, 120)
    expect(hyStart.isConservative).toBe(false)
    // Seven say nothing.
    for (let index = 0; index < 7; index++) hyStart.noteAck(MSS, 40 * MSS, 130)
    hyStart.noteAck(MSS, 40 * MSS, 101)
    expect(hyStart.isConservative).toBe(false)
  })

  it('grows a sixteenth as fast in the meantime', () => {
    const cubic = new Cubic()
    cubic.start(MSS)
    for (const rttMs of [20, 20, 40]) {
      for (let index = 0; index < 40; index++) {
        cubic.windowBytes = 10 * MSS
        cubic.onAcknowledged(MSS, 10 * MSS, 0, rttMs)
      }
    }
    const before = cubic.windowBytes
    cubic.onAcknowledged(MSS, before, 0, 40)
    expect(cubic.windowBytes - before).toBe(Math.floor(MSS / 16))
  })
})

describe('pacing', () => {
  function paced(roundTripMs: number, segments: number) {
    const script = new TcpScript({ superSegmentLimit: 65_000 })
    script.peerWindow = 8_000
    const { socket } = script.establish({ windowScale: 7, sackPermitted: true })
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    for (let sample = 0; sample < 100; sample++) socket.rtt.sample(roundTripMs)
    // The handshake took no time here.
    socket.rtt.minimumMs = roundTripMs
    script.nowMs += roundTripMs
    script.send(ack(101))
    script.drain()
    socket.congestion.windowBytes = segments * 1460
    socket.congestion.thresholdBytes = segments * 1460
    return { script, socket }
  }

  it('spreads a window over the round trip: 1.2 of cwnd / SRTT, in bursts of a millisecond', () => {
    const { script, socket } = paced(100, 400)
    socket.send(new Uint8Array(900_000), 0, 900_000)
    const startMs = script.nowMs
    let sent = 0
    let largest = 0
    while (sent < 300 * 1460) {
      script.advanceUntilSent()
      for (const { length } of script.drain()) {
        sent += length
        largest = Math.max(largest, length)
      }
    }
    const tookMs = script.nowMs - startMs
    expect(tookMs).toBeGreaterThan(55)
    expect(tookMs).toBeLessThan(70)
    expect(largest).toBeLessThanOrEqual(5 * 1460)
    expect(socket.pacingBytesPerMs).toBeCloseTo((1.2 * 400 * 1460) / 100, -3)
  })

  it('makes up for a turn that comes late, by an initial window at most: many small frames cost all the others more', () => {
    const { script, socket } = paced(100, 40)
    socket.send(new Uint8Array(500_000), 0, 500_000)
    script.drain()
    const lengths: number[] = []
    for (const lateMs of [0, 10, 30]) {
      script.nowMs = socket.pacingNextMs + lateMs
      lengths.push(script.drain()[0]!.length / 1460)
    }
    // 1.2 * 40 segments in 100 ms: nearly five in ten of them.
    expect(lengths).toEqual([2, 4, 10])
  })

  it('has twice the rate in slow start', () => {
    const { script, socket } = paced(100, 400)
    socket.congestion.thresholdBytes = 10_000_000
    socket.send(new Uint8Array(100_000), 0, 100_000)
    script.drain()
    expect(socket.pacingBytesPerMs).toBeCloseTo((2 * 400 * 1460) / 100, -3)
  })

  it('leaves short round trips alone: the window goes at once', () => {
    const { script, socket } = paced(1, 400)
    socket.send(new Uint8Array(500_000), 0, 500_000)
    const sent = script.drain().reduce((sum, { length }) => sum + length, 0)
    expect(sent).toBeGreaterThan(500_000 - 1460)
    expect(socket.pacingBytesPerMs).toBe(0)
  })

  it('can be turned off', () => {
    const script = new TcpScript({ configuration: { pacing: false } })
    const { socket } = script.establish({ windowScale: 7 })
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    script.nowMs += 100
    script.send(ack(101, { window: 512 }))
    expect(socket.isPaced).toBe(false)
  })
})
