/** The date gets its fraction from the real-time clock's next second, or keeps what it has. */
import { expect, it } from 'vitest'
import { readRtcSecond } from '../../../../drivers/rtc/real-time-clock.ts'
import { awaitRtcEdge } from '../../../../kernel/clock/rtc-edge.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const DATE_US = Date.UTC(2026, 0, 1, 12, 34, 59) * 1000

/** The guest was entered `fractionUs` after a second had begun, and read that second. */
function boot(fractionUs: number, options: { gapMs?: number; isStopped?: boolean } = {}) {
  const timers = new TimerQueue()
  let nowNs = 0
  const found: number[] = []
  const second = () => {
    const us = DATE_US + fractionUs + (options.isStopped === true ? 0 : nowNs / 1000)
    return Math.floor(us / 1e6) % 60
  }
  awaitRtcEdge({
    ...{ timers, readSecond: second, nowNs: () => nowNs },
    realtimeUs: () => DATE_US + nowNs / 1000,
    done: (offsetUs) => found.push(offsetUs),
  })
  let looks = 0
  for (; timers.size > 0 && looks < 10_000; looks++) {
    nowNs = timers.nextDeadlineNs() + (options.gapMs ?? 0) * 1e6
    timers.runDue(nowNs, 1)
  }
  return { found, seconds: nowNs / 1e9, looks }
}

it.each([0, 1, 4_000, 250_000, 500_000, 996_000, 999_999])(
  'a guest entered %i us after a second began is right to 5 ms within a second, and never ahead',
  (fractionUs) => {
    const { found, seconds } = boot(fractionUs)
    expect(found).toHaveLength(1)
    expect(fractionUs - found[0]!).toBeGreaterThanOrEqual(0)
    expect(fractionUs - found[0]!).toBeLessThanOrEqual(5_000)
    expect(seconds).toBeLessThanOrEqual(1.01)
  },
)

it('does not trust a second that began while the loop was away, and gives up after 5 s', () => {
  const { found, seconds } = boot(300_000, { gapMs: 60 })
  expect(found).toEqual([])
  expect(seconds).toBeLessThan(5.2)
})

it('gives a clock up that stands still', () => {
  expect(boot(300_000, { isStopped: true })).toMatchObject({ found: [] })
})

it('reads the second as BCD or binary, and nothing while the clock changes it', () => {
  const ports = (registers: Record<number, number>) => {
    let index = 0
    return {
      portRead8: () => registers[index] ?? 0xff,
      portWrite8(port: number, value: number) {
        expect(port).toBe(0x70)
        index = value
      },
    }
  }
  expect(readRtcSecond(ports({ 0: 0x59, 10: 0x26, 11: 0x02 }))).toBe(59)
  expect(readRtcSecond(ports({ 0: 59, 10: 0x26, 11: 0x06 }))).toBe(59)
  expect(readRtcSecond(ports({ 0: 0x59, 10: 0xa6, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({ 0: 0x5a, 10: 0x26, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({ 0: 0x77, 10: 0x26, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({}))).toBeNull()
})
