/**
 * The scoreboard against a model that keeps a record of every byte, and its bounds (RFC 6675 §3,
 * RFC 8985 §5).
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { markLate, markLateAfterTimeout } from '../../../../../net/socket/tcp/recovery/late-runs.ts'
import {
  MAX_RUNS,
  PLAIN_RUNS,
  RunState,
  Scoreboard,
} from '../../../../../net/socket/tcp/recovery/scoreboard.ts'

const { Sacked, Lost, Resent } = RunState
/** Numbers wrap around within what is in flight. */
const ISN = 0x7fff_ff00 | 0

interface Byte {
  state: number
}

/** The same facts byte by byte. */
class Model {
  bytes: Byte[] = []
  acknowledged = 0

  sum(state: number): number {
    return this.bytes.filter((byte) => byte.state & state).length
  }

  each(from: number, to: number, change: (byte: Byte) => void): void {
    for (const byte of this.bytes.slice(
      Math.max(from - this.acknowledged, 0),
      Math.max(to - this.acknowledged, 0),
    )) {
      change(byte)
    }
  }

  get end(): number {
    return this.acknowledged + this.bytes.length
  }
}

function expectSame(board: Scoreboard, model: Model): void {
  expect([board.sackedBytes, board.lostBytes]).toEqual([model.sum(Sacked), model.sum(Lost)])
  const states: number[] = []
  let position = (ISN + model.acknowledged) | 0
  for (let run = 0; run < board.runCount; run++) {
    expect(board.runStart(run)).toBe(position)
    position = board.runEnd(run)
    const length = (position - board.runStart(run)) | 0
    expect(length).toBeGreaterThan(0)
    for (let index = 0; index < length; index++) states.push(board.runState(run))
  }
  expect(states).toEqual(model.bytes.map(({ state }) => state))
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), length: fc.integer({ min: 1, max: 60 }) }),
  fc.record({
    kind: fc.constant('sack' as const),
    from: fc.nat(400),
    length: fc.integer({ min: 1, max: 80 }),
  }),
  fc.record({ kind: fc.constant('ack' as const), length: fc.nat(60) }),
  fc.record({ kind: fc.constant('lose' as const) }),
  fc.record({ kind: fc.constant('resend' as const), length: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('forget' as const) }),
)

it('knows of every byte what a list of all of them would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const board = new Scoreboard()
      const model = new Model()
      board.clear(ISN)
      let nowUs = 1_000
      const number = (offset: number) => (ISN + offset) | 0
      for (const action of steps) {
        nowUs += 700
        board.beginAck(nowUs, 0, 0, 0)
        const { end } = model
        if (action.kind === 'send') {
          board.noteSent(number(end), number(end + action.length), nowUs, 1_000, 0)
          for (let index = 0; index < action.length; index++) model.bytes.push({ state: 0 })
        } else if (action.kind === 'sack') {
          const from = Math.min(model.acknowledged + action.from, end)
          const to = Math.min(from + action.length, end)
          if (from === to) continue
          let fresh = 0
          model.each(from, to, (byte) => {
            if ((byte.state & Sacked) === 0) fresh++
            byte.state = Sacked
          })
          board.sack(number(from), number(to))
          expect(board.deliveredBytes).toBe(fresh)
        } else if (action.kind === 'ack') {
          const to = Math.min(model.acknowledged + action.length, end)
          const gone = model.bytes.splice(0, to - model.acknowledged)
          board.acknowledge(number(to))
          model.acknowledged = to
          expect(board.deliveredBytes).toBe(gone.filter(({ state }) => !(state & Sacked)).length)
        } else if (action.kind === 'lose') {
          if (board.runCount === 0) continue
          markLate(board, nowUs, number(end), 0, nowUs)
          model.each(model.acknowledged, end, (byte) => {
            if ((byte.state & Sacked) === 0) byte.state |= Lost
          })
        } else if (action.kind === 'resend') {
          const index = board.firstLost()
          if (index === board.runCount) continue
          const start = board.runStart(index)
          const length = Math.min(action.length, board.lostLength(index, action.length))
          board.noteResent(start, (start + length) | 0, nowUs)
          const from = (start - ISN) | 0
          model.each(from, from + length, (byte) => {
            byte.state = Resent
          })
        } else {
          board.forgetSacked()
          model.each(model.acknowledged, end, (byte) => {
            if (byte.state & Sacked) byte.state = 0
          })
        }
        expectSame(board, model)
      }
    }),
    { numRuns: 400, seed: 6675 },
  )
})

const lateStep = fc.oneof(
  fc.record({ kind: fc.constant('send' as const), length: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    kind: fc.constant('sack' as const),
    from: fc.nat(300),
    length: fc.integer({ min: 1, max: 60 }),
  }),
  fc.record({ kind: fc.constant('ack' as const), length: fc.nat(40) }),
  fc.record({ kind: fc.constant('resend' as const), length: fc.integer({ min: 1, max: 50 }) }),
  fc.record({
    kind: fc.constant('late' as const),
    latestAgo: fc.nat(9_000),
    waitUs: fc.nat(12_000),
  }),
)

/**
 * RFC 8985 §6.2 step 5: "each segment ... sent before RACK.segment" and longer ago than "RACK.rtt +
 * RACK.reo_wnd".
 */
it('finds all that is late, and when the last of the rest will be, without looking at what it has seen', () => {
  fc.assert(
    fc.property(fc.array(lateStep, { maxLength: 80 }), (steps) => {
      const board = new Scoreboard()
      board.clear(ISN)
      let bytes: { state: number; timeUs: number }[] = []
      let acknowledged = 0
      let nowUs = 1_000
      const number = (offset: number) => (ISN + offset) | 0
      for (const action of steps) {
        nowUs += 700
        board.beginAck(nowUs, 0, 0, 0)
        const end = acknowledged + bytes.length
        if (action.kind === 'send') {
          board.noteSent(number(end), number(end + action.length), nowUs, 0, 0)
          bytes.push(...Array.from({ length: action.length }, () => ({ state: 0, timeUs: nowUs })))
        } else if (action.kind === 'sack') {
          const from = Math.min(acknowledged + action.from, end)
          const to = Math.min(from + action.length, end)
          if (from === to) continue
          board.sack(number(from), number(to))
          for (const byte of bytes.slice(from - acknowledged, to - acknowledged)) {
            byte.state = Sacked
          }
        } else if (action.kind === 'ack') {
          const length = Math.min(action.length, bytes.length)
          bytes = bytes.slice(length)
          acknowledged += length
          board.acknowledge(number(acknowledged))
        } else if (action.kind === 'resend') {
          const index = board.firstLost()
          expect(bytes.findIndex(({ state }) => state & Lost)).toBe(
            index === board.runCount ? -1 : ((board.runStart(index) - ISN) | 0) - acknowledged,
          )
          if (index === board.runCount) continue
          const start = board.runStart(index)
          const length = Math.min(action.length, board.lostLength(index, action.length))
          board.noteResent(start, (start + length) | 0, nowUs)
          const from = ((start - ISN) | 0) - acknowledged
          for (const byte of bytes.slice(from, from + length)) {
            byte.state = Resent
            byte.timeUs = nowUs
          }
        } else {
          const { waitUs } = action
          const latestUs = nowUs - action.latestAgo
          let leftUs = 0
          for (const byte of bytes) {
            if ((byte.state & (Sacked | Lost)) !== 0 || byte.timeUs > latestUs) continue
            const left = waitUs - (nowUs - byte.timeUs)
            if (left <= 0) byte.state |= Lost
            else leftUs = Math.max(leftUs, left)
          }
          expect(markLate(board, latestUs, number(end), waitUs, nowUs)).toBe(leftUs)
        }
        const model = new Model()
        model.bytes = bytes
        model.acknowledged = acknowledged
        expectSame(board, model)
      }
    }),
    { numRuns: 1_000, seed: 8985 },
  )
})

it.each([
  ['of a few segments, in single octets', 50, PLAIN_RUNS],
  ['of many segments', 100_000, MAX_RUNS],
])(
  'has a bounded number of runs of a flight %s, and room for what is sent meanwhile',
  (_, segments, most) => {
    const board = new Scoreboard()
    board.clear(0)
    board.noteSent(0, 100_000, 1, 0, 0)
    for (let index = 0; index < 40_000; index++) {
      board.beginAck(2, 0, 0, segments)
      board.sack(2 * index + 1, 2 * index + 2)
    }
    const reported = board.runCount
    expect(reported).toBeLessThan(most)
    expect(reported).toBeGreaterThan(most - 20)
    for (let index = 0; index < 1_000; index++) {
      const start = 100_000 + 10 * index
      board.noteSent(start, start + 10, 1_000 * index, 0, 0)
      board.sack(start, start + 10)
    }
    expect(board.runCount).toBeLessThanOrEqual(most)
    expect(board.runEnd(board.runCount - 1)).toBe(110_000)
    board.acknowledge(110_000)
    expect([board.runCount, board.sackedBytes, board.lostBytes]).toEqual([0, 0, 0])
  },
)

it('keeps one run for all that is sent within a part of a round trip, and a new one behind a repetition', () => {
  const board = new Scoreboard()
  board.clear(0)
  for (let index = 0; index < 10; index++) board.noteSent(index, index + 1, index * 100, 1_000, 0)
  expect(board.runCount).toBe(1)
  markLate(board, 5_000, 100, 0, 5_000)
  board.noteResent(0, 10, 5_000)
  board.noteSent(10, 11, 5_001, 1_000, Resent)
  expect(board.runCount).toBe(2)
  board.noteSent(11, 12, 9_000, 1_000, Resent)
  expect(board.runCount).toBe(3)
})

it('takes what arrives behind later data for reordering only if it was sent once (RFC 8985 §6.2 step 3)', () => {
  for (const isResent of [false, true]) {
    const board = new Scoreboard()
    board.clear(0)
    board.noteSent(0, 30, 1_000, 0, 0)
    board.beginAck(2_000, 0, 0, 0)
    board.sack(10, 20)
    if (isResent) {
      markLate(board, 2_000, 40, 0, 3_000)
      board.noteResent(0, 10, 3_000)
    }
    board.beginAck(4_000, 0, 0, 0)
    board.acknowledge(20)
    expect(board.hasReordering).toBe(!isResent)
  }
})

it('does not time a repetition by an answer that is older (RFC 8985 §6.2 step 2)', () => {
  const board = new Scoreboard()
  board.clear(0)
  board.noteSent(0, 10, 0, 0, Resent)
  // A least round trip of 20 ms, 5 ms after it was sent again.
  board.beginAck(5_000, 20_000, 0, 0)
  board.acknowledge(10)
  expect(board.hasDelivery).toBe(false)
  board.noteSent(10, 20, 5_000, 0, Resent)
  // The echo is older than the repetition.
  board.beginAck(30_000, 20_000, 40_000, 0)
  board.acknowledge(20)
  expect(board.hasDelivery).toBe(false)
})

it('looks at no more lost runs than a frame holds, though a peer that takes its reports back leaves thousands (RFC 2018 §8)', () => {
  const board = new Scoreboard()
  board.clear(0)
  const segments = 4_000
  board.noteSent(0, segments * 100, 0, 0, 0)
  board.beginAck(1_000, 0, 0, segments)
  for (let index = 1; index < segments; index += 2) board.sack(index * 100, index * 100 + 100)
  board.forgetSacked()
  expect(board.runCount).toBe(segments)
  markLateAfterTimeout(board, 0, 2_000)
  expect(board.lostBytes).toBe(segments * 100)
  const { runState } = board
  let looks = 0
  board.runState = (index) => {
    looks++
    return runState.call(board, index)
  }
  expect(board.lostLength(0, 1_000)).toBe(1_100)
  expect(looks).toBeLessThan(20)
  expect(board.lostLength(segments - 3, 1_000)).toBe(300)
})

it('looks at few of thousands of repetitions that all wait, with each ACK', () => {
  const board = new Scoreboard()
  board.clear(0)
  const segments = 4_000
  const end = segments * 100
  board.noteSent(0, end, 0, 0, 0)
  board.beginAck(1_000, 0, 0, segments)
  for (let index = 1; index < segments; index += 2) board.sack(index * 100, index * 100 + 100)
  markLate(board, 10, end, 0, 2_000)
  for (let index = 0; index < segments; index += 2) {
    board.noteResent(index * 100, index * 100 + 100, 2_000 + index)
  }
  board.noteSent(end, end + 100, 20_000, 0, 0)
  expect(board.resent.entryCount).toBe(segments / 2)
  const { findFrom } = board
  let looks = 0
  board.findFrom = (sequence) => {
    looks++
    return findFrom.call(board, sequence)
  }
  const late = () => markLate(board, 19_000, end, 100_000, 21_000)
  expect(late()).toBe(100_000 - (21_000 - 2_000 - (segments - 2)))
  expect(looks).toBeLessThan(10)
  // What has arrived of the last is sought once.
  board.sack(end / 2, end)
  late()
  looks = 0
  expect(late()).toBe(100_000 - (21_000 - 2_000 - (segments / 2 - 2)))
  expect(looks).toBeLessThan(10)
})

it('looks at few of thousands that wait for the first time, with each ACK, and says when all are late', () => {
  const board = new Scoreboard()
  board.clear(0)
  const segments = 4_000
  const end = segments * 100
  for (let index = 0; index < segments; index++) {
    board.noteSent(index * 100, index * 100 + 100, index, 0, 0)
    board.beginAck(1_000, 0, 0, segments)
  }
  for (let index = 1; index < segments; index += 2) board.sack(index * 100, index * 100 + 100)
  expect(board.runCount).toBe(segments)
  const { runState } = board
  let looks = 0
  board.runState = (index) => {
    looks++
    return runState.call(board, index)
  }
  // The latest was sent 1,000 us ago, and what was sent 5,000 us before that is late.
  const nowUs = segments - 1 + 1_000
  expect(markLate(board, segments - 1, end, 6_000, nowUs)).toBe(5_000)
  expect(looks).toBeLessThan(100)
  expect(board.lostBytes).toBe(0)
  // Then they are: all of them, and nothing is waited for.
  expect(markLate(board, segments - 1, end, 6_000, nowUs + 5_000)).toBe(0)
  expect(board.lostBytes).toBe(end / 2)
})

it('forgets what was sent again once it is acknowledged, whose time would seem to be ahead half an hour later', () => {
  const board = new Scoreboard()
  board.clear(0)
  const lose = (start: number, sentUs: number) => {
    board.noteSent(start, start + 20, sentUs, 0, 0)
    board.beginAck(sentUs + 10, 0, 0, 0)
    board.sack(start + 10, start + 20)
    markLate(board, sentUs, start + 20, 0, sentUs + 10)
    board.noteResent(start, start + 10, sentUs + 20)
  }
  lose(0, 0)
  expect(board.resent.entryCount).toBe(1)
  board.acknowledge(20)
  expect(board.resent.entryCount).toBe(0)
  // 36 minutes later, in wrapping microseconds.
  const laterUs = (36 * 60_000_000) | 0
  lose(20, laterUs)
  board.noteSent(40, 50, laterUs + 30, 0, 0)
  expect(markLate(board, laterUs + 30, 50, 0, laterUs + 40)).toBe(0)
  expect(board.runState(0)).toBe(Resent | Lost)
})

it('takes of repetitions sent at one moment those for lost that went before one that arrives, in whatever order their numbers lie', () => {
  const board = new Scoreboard()
  board.clear(0)
  board.noteSent(0, 100, 0, 0, 0)
  board.beginAck(1_000, 0, 0, 10)
  for (let start = 10; start < 100; start += 20) board.sack(start, start + 10)
  markLate(board, 0, 100, 0, 1_000)
  for (const start of [40, 0, 80, 20]) board.noteResent(start, start + 10, 2_000)
  const isLost = () => [0, 20, 40, 60, 80].map((start) => board.runState(start / 10) & Lost)
  expect(isLost()).toEqual([0, 0, 0, Lost, 0])
  board.beginAck(3_000, 0, 0, 10)
  board.sack(85, 90)
  // They wait as long as the path may swap them.
  expect(markLate(board, 2_000, 90, 1_500, 3_000)).toBe(500)
  expect(isLost()).toEqual([0, 0, 0, Lost, 0])
  expect(markLate(board, 2_000, 90, 1_000, 3_000)).toBe(0)
  // The beginning of the one that has arrived in part was sent before its end.
  expect(isLost()).toEqual([Lost, 0, Lost, Lost, Lost])
})
