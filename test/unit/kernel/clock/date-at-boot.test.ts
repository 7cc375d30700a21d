/**
 * The date gets its fraction from the next second of a management controller or of the real-time
 * clock, or keeps what it has.
 */
import { describe, expect, it } from 'vitest'
import { readRtcDate, readRtcSecond } from '../../../../drivers/rtc/real-time-clock.ts'
import { type DateSource, findDateAtBoot } from '../../../../kernel/clock/date-at-boot.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const DATE_US = Date.UTC(2026, 0, 1, 12, 34, 59) * 1000

interface Machine {
  /** How long the loop is away before each look, in the first ten seconds. */
  readonly gapMs?: number
  readonly isStopped?: boolean
  /** The management controller's date less that of the real-time clock. */
  readonly bmcAheadUs?: number
  readonly bmcStopsAfterLooks?: number
}

/** The guest was entered `fractionUs` after the real-time clock's second, and read that second. */
function boot(fractionUs: number, machine: Machine = {}) {
  const { gapMs = 0, isStopped = false, bmcAheadUs, bmcStopsAfterLooks = Infinity } = machine
  const timers = new TimerQueue()
  let nowNs = 0
  let bmcLooks = 0
  const found: { offsetUs: number; source: DateSource }[] = []
  const rtcUs = () => DATE_US + fractionUs + (isStopped ? 0 : nowNs / 1000)
  findDateAtBoot({
    ...{ timers, nowNs: () => nowNs },
    readRtcSecond: () => Math.floor(rtcUs() / 1e6) % 60,
    readBmcSeconds: () =>
      bmcAheadUs === undefined || ++bmcLooks > bmcStopsAfterLooks
        ? null
        : Math.floor((rtcUs() + bmcAheadUs) / 1e6),
    realtimeUs: () => DATE_US + nowNs / 1000,
    done: (offsetUs, source) => found.push({ offsetUs, source }),
  })
  let looks = 0
  for (; timers.size > 0 && looks < 10_000; looks++) {
    nowNs = timers.nextDeadlineNs() + (nowNs < 10e9 ? gapMs * 1e6 : 0)
    timers.runDue(nowNs, 1)
  }
  return { found, seconds: nowNs / 1e9, looks }
}

const FRACTIONS = [0, 1, 4_000, 250_000, 500_000, 996_000, 999_999]

describe('from the real-time clock', () => {
  it.each(FRACTIONS)(
    'a guest entered %i us after a second began is right to 5 ms within a second, and never ahead',
    (fractionUs) => {
      const { found, seconds } = boot(fractionUs)
      expect(found).toMatchObject([{ source: 'real-time-clock' }])
      expect(fractionUs - found[0]!.offsetUs).toBeGreaterThanOrEqual(0)
      expect(fractionUs - found[0]!.offsetUs).toBeLessThanOrEqual(5_000)
      expect(seconds).toBeLessThanOrEqual(1.01)
    },
  )

  it('does not trust a second that began while the loop was away, and looks again a minute later', () => {
    const { found, seconds, looks } = boot(300_000, { gapMs: 60 })
    expect(found).toMatchObject([{ source: 'real-time-clock' }])
    expect(Math.abs(300_000 - found[0]!.offsetUs)).toBeLessThanOrEqual(5_000)
    expect(seconds).toBeGreaterThan(64)
    expect(seconds).toBeLessThan(71)
    expect(looks).toBeLessThan(400)
  })

  it('gives a clock up that stands still', () => {
    expect(boot(300_000, { isStopped: true })).toMatchObject({ found: [] })
  })
})

describe('from a management controller', () => {
  // QEMU begins the real-time clock with a whole second: it is behind the host by less than one.
  it.each(FRACTIONS.flatMap((fraction) => FRACTIONS.map((behind) => [fraction, behind] as const)))(
    'a guest entered %i us after a second of a clock that is %i us behind is right to 5 ms',
    (fractionUs, bmcAheadUs) => {
      const { found, seconds } = boot(fractionUs, { bmcAheadUs })
      expect(found).toMatchObject([{ source: 'management-controller' }])
      const leftUs = fractionUs + bmcAheadUs - found[0]!.offsetUs
      expect(leftUs).toBeGreaterThanOrEqual(0)
      expect(leftUs).toBeLessThanOrEqual(5_000)
      expect(seconds).toBeLessThanOrEqual(1.01)
    },
  )

  it.each([-3_600_000_000, -1_500_000, 2_500_000, 86_400_000_000])(
    'one whose date is %i us ahead is of another date, and the real-time clock wins',
    (bmcAheadUs) => {
      const { found } = boot(300_000, { bmcAheadUs })
      expect(found).toMatchObject([{ source: 'real-time-clock' }])
      expect(300_000 - found[0]!.offsetUs).toBeLessThanOrEqual(5_000)
    },
  )

  it('is looked at again a minute later when the loop was away from each second', () => {
    const { found, seconds } = boot(300_000, { bmcAheadUs: 200_000, gapMs: 60 })
    expect(found).toMatchObject([{ source: 'management-controller' }])
    expect(Math.abs(500_000 - found[0]!.offsetUs)).toBeLessThanOrEqual(5_000)
    expect(seconds).toBeLessThan(71)
  })

  it('one that falls silent is followed by the real-time clock', () => {
    const { found } = boot(300_000, { bmcAheadUs: 200_000, bmcStopsAfterLooks: 3 })
    expect(found).toMatchObject([{ source: 'real-time-clock' }])
  })
})

/** Of a real-time clock with these registers. */
function ports(registers: Record<number, number>, onRead: (index: number) => void = () => {}) {
  let index = 0
  return {
    portRead8() {
      onRead(index)
      return registers[index] ?? 0xff
    },
    portWrite8(port: number, value: number) {
      expect(port).toBe(0x70)
      index = value
    },
  }
}

it('reads the date as BCD or binary, of 24 hours or 12, and nothing that is none', () => {
  const bcd = { 0: 0x58, 2: 0x59, 4: 0x23, 7: 0x29, 8: 0x11, 9: 0x26, 10: 0x26, 11: 0x02 }
  const seconds = Date.UTC(2026, 10, 29, 23, 59, 58) / 1000
  expect(readRtcDate(ports(bcd))).toBe(seconds)
  expect(readRtcDate(ports({ ...bcd, 4: 0x91, 11: 0x00 }))).toBe(seconds)
  expect(readRtcDate(ports({ ...bcd, 4: 0x92, 11: 0x00 }))).toBe(seconds - 11 * 3600)
  expect(readRtcDate(ports({ ...bcd, 4: 0x12, 11: 0x00 }))).toBe(seconds - 23 * 3600)
  const binary = { 0: 58, 2: 59, 4: 23, 7: 29, 8: 11, 9: 26, 10: 0x26, 11: 0x06 }
  expect(readRtcDate(ports(binary))).toBe(seconds)
  for (const wrong of [{ 0: 0x5a }, { 2: 0x60 }, { 4: 0x24 }, { 7: 0 }, { 8: 0x13 }, { 9: 0xa0 }]) {
    expect(readRtcDate(ports({ ...bcd, ...wrong }))).toBeNull()
  }
  for (const wrong of [{ 7: 0x31 }, { 7: 0x30, 8: 0x02 }, { 8: 0x02 }]) {
    expect(readRtcDate(ports({ ...bcd, ...wrong }))).toBeNull()
  }
  for (const hours of [0, 0x13, 0x80, 0x93, 0x9f]) {
    expect(readRtcDate(ports({ ...bcd, 4: hours, 11: 0x00 }))).toBeNull()
  }
  expect(readRtcDate(ports({ ...bcd, 10: 0xa6 }))).toBeNull()
  expect(readRtcDate(ports({}))).toBeNull()
})

it('asks a clock that is missing no more than its status', () => {
  let accesses = 0
  const count = () => {
    accesses++
    return 0xff
  }
  expect(readRtcDate({ portRead8: count, portWrite8: count })).toBeNull()
  expect(accesses).toBeLessThan(10)
})

it('reads the date again that has changed between two of its parts', () => {
  const registers: Record<number, number> = { 0: 0x59, 2: 0x59, 4: 0x23, 7: 0x28 }
  Object.assign(registers, { 8: 0x11, 9: 0x26, 10: 0x26, 11: 0x02 })
  let reads = 0
  const changing = ports(registers, (index) => {
    if (index === 7 && ++reads === 1) Object.assign(registers, { 0: 0, 2: 0, 4: 0, 7: 0x29 })
  })
  expect(readRtcDate(changing)).toBe(Date.UTC(2026, 10, 29) / 1000)
})

it('reads the second as BCD or binary, and nothing while the clock changes it', () => {
  expect(readRtcSecond(ports({ 0: 0x59, 10: 0x26, 11: 0x02 }))).toBe(59)
  expect(readRtcSecond(ports({ 0: 59, 10: 0x26, 11: 0x06 }))).toBe(59)
  expect(readRtcSecond(ports({ 0: 0x59, 10: 0xa6, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({ 0: 0x5a, 10: 0x26, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({ 0: 0x77, 10: 0x26, 11: 0x02 }))).toBeNull()
  expect(readRtcSecond(ports({}))).toBeNull()
})
