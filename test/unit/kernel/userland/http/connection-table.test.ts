/**
 * The connections of an HTTP service: when there are many, those that were served and wait idly
 * make room.
 */
import { describe, expect, it } from 'vitest'
import {
  AWAITED_IDLE_MS,
  type Connection,
  ConnectionTable,
  CROWDED_IDLE_MS,
  UNASKED_GRACE_MS,
} from '../../../../../kernel/userland/http/connection-table.ts'
import { FakeTcpSocket } from '../services/fake-tcp-socket.ts'

/** Half of what the fake socket says that TCP has room for. */
const IDLE_CONNECTION_LIMIT = 100

const NEVER = Number.POSITIVE_INFINITY

/**
 * Opens connections, idle since what `idleSinceMs` says, and runs one sweep at `nowMs`; returns
 * which were closed.
 */
function sweep(
  count: number,
  nowMs: number,
  idleSinceMs: (index: number) => number,
  waitingBehind = 0,
  unaskedSinceMs: (index: number) => number = () => NEVER,
): number[] {
  const ended: number[] = []
  let sweepNow = () => {}
  const clock = {
    nowMs: () => nowMs,
    after(_delayMs: number, callback: () => void) {
      sweepNow = callback
    },
  }
  const table = new ConnectionTable(clock, (): Connection => {
    const index = table.size
    let isOver = false
    return {
      deadlineMs: NEVER,
      idleSinceMs: idleSinceMs(index),
      unaskedSinceMs: unaskedSinceMs(index),
      get isOver() {
        return isOver
      },
      advance() {},
      expire() {
        isOver = true
        ended.push(index)
      },
    }
  })
  for (let index = 0; index < count; index++) {
    const socket = new FakeTcpSocket()
    socket.waitingBehind = waitingBehind
    table.start(socket.asSocket())
  }
  expect([table.size, ended]).toEqual([count, []])
  // While somebody comes in, nobody is in the way.
  if (waitingBehind > 0) sweepNow()
  expect(ended).toEqual([])
  sweepNow()
  expect(table.size).toBe(count - ended.length)
  return ended
}

describe('a crowded service', () => {
  it('closes nothing while there is room', () => {
    expect(sweep(IDLE_CONNECTION_LIMIT, 100_000, () => 0)).toEqual([])
  })

  it('closes those that have been idle for longest (RFC 9112 §9.5), whatever the order in which they came', () => {
    const ended = sweep(IDLE_CONNECTION_LIMIT + 3, 100_000, (index) => 1000 - index)
    expect(ended).toEqual([102, 101, 100])
  })

  it('closes as many as wait for room, however few there are', () => {
    expect(sweep(10, 100_000, (index) => index, 3)).toEqual([0, 1, 2])
    expect(sweep(10, 100_000, () => NEVER, 3)).toEqual([])
  })

  it('never closes one that has not had its answer, or has not asked yet', () => {
    const count = 2 * IDLE_CONNECTION_LIMIT
    expect(sweep(count, 100_000, () => NEVER)).toEqual([])
    expect(sweep(count, 100_000, (index) => (index < 5 ? index : NEVER))).toEqual([0, 1, 2, 3, 4])
  })

  it('closes those that never ask, ten seconds after they came, only while others find no place', () => {
    const nowMs = 100_000
    const latest = nowMs - AWAITED_IDLE_MS - UNASKED_GRACE_MS
    const unasked = (index: number) => latest + index - 2
    expect(sweep(10, nowMs, () => NEVER, 9, unasked)).toEqual([0, 1, 2])
    expect(sweep(10, nowMs, () => NEVER, 2, unasked)).toEqual([0, 1])
    const count = 2 * IDLE_CONNECTION_LIMIT
    expect(
      sweep(
        count,
        nowMs,
        () => NEVER,
        0,
        () => 0,
      ),
    ).toEqual([])
  })

  it('leaves one whose next request may be on its way', () => {
    const nowMs = 100_000
    const idle = (index: number) => (index === 7 ? nowMs - CROWDED_IDLE_MS : nowMs - 1)
    expect(sweep(2 * IDLE_CONNECTION_LIMIT, nowMs, idle)).toEqual([7])
    const awaited = (index: number) => (index === 7 ? nowMs - AWAITED_IDLE_MS : nowMs - 1)
    expect(sweep(10, nowMs, awaited, 5)).toEqual([7])
  })
})
