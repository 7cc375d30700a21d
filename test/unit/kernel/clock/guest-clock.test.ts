/**
 * A date that a management controller has told is kept by it, as long as no NTP server knows
 * better.
 */
import { expect, it } from 'vitest'
import { GuestClock } from '../../../../kernel/clock/guest-clock.ts'
import { Logger } from '../../../../kernel/logger.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const HOST_US = Date.UTC(2026, 10, 29, 14, 30) * 1000 + 730_000

interface Machine {
  /** By how much the guest's timer is too slow. */
  readonly slowPpm?: number
  readonly hasController?: boolean
  readonly hasRtc?: boolean
}

/** A guest whose date is corrected as boot/machine/realtime.c does it, but for the slewing. */
function boot({ slowPpm = 0, hasController = true, hasRtc = true }: Machine = {}) {
  const timers = new TimerQueue()
  const lines: string[] = []
  let hostNs = 0
  /** What of that time the guest did not see. */
  let stoppedNs = 0
  const nowNs = () => Math.floor((hostNs - stoppedNs) * (1 - slowPpm / 1e6))
  // The real-time clock of QEMU begins with a whole second, and was read to the second.
  let dateUs = hasRtc ? Math.floor(HOST_US / 1e6) * 1e6 : 0
  const realtimeUs = () => dateUs + nowNs() / 1000
  const hostUs = () => HOST_US + hostNs / 1000
  const clock = new GuestClock({
    readRtcSecond: () => (hasRtc ? Math.floor(hostNs / 1e9) % 60 : null),
    readBmcSeconds: () => (hasController ? Math.floor(hostUs() / 1e6) : null),
    platform: {
      ...{ monotonicNs: nowNs, realtimeUs, realtimeIsKnown: () => hasRtc },
      correctRealtime: (offsetUs: number) => {
        dateUs += offsetUs
      },
    },
    timers,
    log: new Logger('clock', 'info', { write: (text) => lines.push(text), nowNs }),
  })
  return {
    lines,
    report: () => clock.report().edge,
    /** The guest's date less the host's. */
    errorMs: () => (realtimeUs() - hostUs()) / 1000,
    stop(seconds: number) {
      hostNs += seconds * 1e9
      stoppedNs += seconds * 1e9
    },
    run(seconds: number) {
      for (const endNs = hostNs + seconds * 1e9; hostNs < endNs; hostNs += 1e6) {
        timers.runDue(nowNs(), 64)
      }
    },
  }
}

it('is right to 50 ms a second after boot, and stays so with a timer that drifts', () => {
  const guest = boot({ slowPpm: 200 })
  guest.run(1.1)
  expect(Math.abs(guest.errorMs())).toBeLessThan(10)
  for (let minute = 0; minute < 30; minute++) {
    guest.run(60)
    expect(Math.abs(guest.errorMs())).toBeLessThan(50)
  }
  expect(guest.report()).toMatchObject({ of: 'management-controller' })
})

it('is right again a minute after a guest that was stopped for an hour goes on', () => {
  const guest = boot()
  guest.run(10)
  guest.stop(3600)
  expect(guest.errorMs()).toBeLessThan(-3_590_000)
  guest.run(66)
  expect(Math.abs(guest.errorMs())).toBeLessThan(50)
})

it('without a controller stays with the real-time clock, up to a second behind', () => {
  const guest = boot({ hasController: false })
  guest.run(120)
  expect(guest.errorMs()).toBeCloseTo(-730, -1)
  expect(guest.report()).toMatchObject({ of: 'real-time-clock' })
})

it('has a date by the controller alone, and says so where there is none at all', () => {
  const guest = boot({ hasRtc: false })
  guest.run(1.1)
  expect(Math.abs(guest.errorMs())).toBeLessThan(10)
  expect(guest.lines).toEqual([])
  const without = boot({ hasRtc: false, hasController: false })
  without.run(10)
  expect(without.lines.join()).toContain('this machine tells no date')
  expect(without.report()).toBeNull()
})
