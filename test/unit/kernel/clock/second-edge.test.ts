/** A second has begun when the next one is told, and at no other jump of a clock. */
import { describe, expect, it } from 'vitest'
import { awaitSecondEdge } from '../../../../kernel/clock/second-edge.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const STOPPED_AFTER_NS = 100e6

/** What is found of a clock that, from the guest's 100 ms on, is `jumpSeconds` elsewhere. */
function look(startSeconds: number, jumpSeconds: number, turn?: number) {
  const timers = new TimerQueue()
  let nowNs = 0
  const seconds = () => startSeconds + nowNs / 1e9 + (nowNs > STOPPED_AFTER_NS ? jumpSeconds : 0)
  let found: { second: number; fraction: number } | null = null
  awaitSecondEdge({
    ...{ timers, nowNs: () => nowNs, ...(turn === undefined ? {} : { turn }) },
    readSecond: () => Math.floor(seconds()) % (turn ?? Infinity),
    done: (second) => {
      found = { second, fraction: seconds() % 1 }
    },
  })
  while (timers.size > 0) {
    nowNs = timers.nextDeadlineNs()
    timers.runDue(nowNs, 1)
  }
  return found as { second: number; fraction: number } | null
}

describe('the second that has just begun', () => {
  it.each([
    ['stopped for 40.5 s', 1000.2, 40.5, 1041],
    ['stopped for two seconds', 1000.2, 2, 1003],
    ['put back to a snapshot of 7.4 s ago', 1000.2, -7.4, 993],
    ['stopped for what does not reach the next second', 1000.2, 0.3, 1001],
  ])('of a guest that was %s is seen to 5 ms', (_, start, jump, second) => {
    const found = look(start, jump)
    expect(found?.second).toBe(second)
    expect(found?.fraction).toBeLessThan(0.0051)
  })

  it('of a clock that tells those of a minute may be 0 after 59', () => {
    expect(look(59.7, 0, 60)?.second).toBe(0)
    const found = look(59.7, 10.5, 60)
    expect(found?.second).toBe(11)
    expect(found?.fraction).toBeLessThan(0.0051)
  })
})
