/**
 * A date that a management controller has told is kept by it, as long as no NTP server knows
 * better.
 */
import { describe, expect, it } from 'vitest'
import { GuestClock } from '../../../../kernel/clock/guest-clock.ts'
import { Logger } from '../../../../kernel/logger.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const HOST_US = Date.UTC(2026, 10, 29, 14, 30) * 1000 + 730_000

interface Machine {
  /** By how much the guest's timer is too slow. */
  readonly slowPpm?: number
  readonly hasController?: boolean
  readonly hasRtc?: boolean
  /** As QEMU's does with `-rtc clock=vm`. */
  readonly doesRtcStop?: boolean
}

/** A guest whose date is corrected as boot/machine/realtime.c does it, but for the slewing. */
function boot(machine: Machine = {}) {
  const { slowPpm = 0, hasController = true, hasRtc = true, doesRtcStop = false } = machine
  const timers = new TimerQueue()
  const lines: string[] = []
  const controller = { isDead: false, isStill: false, aheadSeconds: 0, looks: 0 }
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
    readRtcSeconds: () => {
      if (!hasRtc) return null
      return Math.floor(HOST_US / 1e6) + Math.floor((hostNs - (doesRtcStop ? stoppedNs : 0)) / 1e9)
    },
    readBmcSeconds: () => {
      controller.looks++
      if (!hasController || controller.isDead) return null
      const us = controller.isStill ? HOST_US : hostUs()
      return Math.floor(us / 1e6 + controller.aheadSeconds)
    },
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
    ...{ lines, controller, clock, timers },
    report: () => clock.report().edge,
    /** The guest's date less the host's. */
    errorMs: () => (realtimeUs() - hostUs()) / 1000,
    stop(seconds: number) {
      hostNs += seconds * 1e9
      stoppedNs += seconds * 1e9
    },
    /** `turnMs`: how long the loop is away each time. */
    run(seconds: number, turnMs = 1) {
      for (const endNs = hostNs + seconds * 1e9; hostNs < endNs; hostNs += turnMs * 1e6) {
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

describe('a date of the controller that jumps', () => {
  it('by what a short stop explains is believed at the next look', () => {
    const guest = boot()
    guest.run(10)
    guest.stop(1.5)
    guest.run(66)
    expect(Math.abs(guest.errorMs())).toBeLessThan(50)
    expect(guest.lines).toEqual([
      expect.stringMatching(/the date was 1\.5\d\d s behind of the management controller: set/),
    ])
  })

  it('is believed at the second look, two minutes after a stopped guest goes on', () => {
    const guest = boot()
    guest.run(10)
    guest.stop(4000.3)
    expect(guest.errorMs()).toBeLessThan(-3_990_000)
    guest.run(130)
    expect(Math.abs(guest.errorMs())).toBeLessThan(50)
    expect(guest.lines).toEqual([
      expect.stringMatching(/has moved by 4000\.3\d\d s, believed when it says so again/),
      expect.stringMatching(/the date was 4000\.3\d\d s behind of the management controller: set/),
    ])
  })

  it.each([900, 3600, 86_400])(
    'by %i s, as when the guest was stopped for so long, is no time zone where the real-time clock has gone on as well',
    (seconds) => {
      const guest = boot({ slowPpm: 200 })
      guest.run(1000)
      guest.stop(seconds)
      guest.run(130)
      expect(Math.abs(guest.errorMs())).toBeLessThan(50)
      // What the controller says next is of the zone that it always had.
      guest.stop(1000)
      guest.run(130)
      expect(Math.abs(guest.errorMs())).toBeLessThan(50)
    },
  )

  it.each([{ doesRtcStop: true }, { hasRtc: false }])(
    'by an hour is one where no real-time clock says otherwise: %o',
    (machine) => {
      const guest = boot(machine)
      guest.run(100)
      guest.stop(3600)
      guest.run(300)
      expect(guest.errorMs() / 1000).toBeCloseTo(-3600, 1)
    },
  )

  it.each([1000, -1000, 12])('by %i s for a minute changes nothing', (seconds) => {
    const guest = boot()
    guest.run(10)
    guest.controller.aheadSeconds = seconds
    guest.run(60)
    guest.controller.aheadSeconds = 0
    for (let minute = 0; minute < 4; minute++) {
      expect(Math.abs(guest.errorMs())).toBeLessThan(50)
      guest.run(60)
    }
    expect(guest.lines).toEqual([expect.stringContaining('believed when it says so again')])
  })

  it('for good is followed in both directions', () => {
    const guest = boot()
    guest.run(10)
    for (const seconds of [1000, 0]) {
      guest.controller.aheadSeconds = seconds
      guest.run(130)
      expect(guest.errorMs() / 1000).toBeCloseTo(seconds, 1)
    }
    expect(guest.lines[3]).toMatch(/1000\.\d+ s ahead of the management controller: corrected bit/)
  })

  it('by a time zone, as in summer, is not followed, and the date is kept all the same', () => {
    const guest = boot({ slowPpm: 200 })
    guest.run(10)
    for (const seconds of [3600, 0, -34_200]) {
      guest.controller.aheadSeconds = seconds
      for (let minute = 0; minute < 30; minute++) {
        guest.run(60)
        expect(Math.abs(guest.errorMs())).toBeLessThan(50)
      }
    }
    expect(guest.lines).toHaveLength(3)
    expect(guest.lines[0]).toMatch(/has moved by 3600\.000 s, as a time zone does/)
  })
})

describe('a controller is left alone', () => {
  it.each(['isDead', 'isStill'] as const)('after three looks in vain: %s', (fault) => {
    const guest = boot()
    guest.run(10)
    guest.controller[fault] = true
    guest.run(300)
    expect(guest.timers.size).toBe(0)
    expect(guest.lines).toEqual([expect.stringContaining('tells no seconds any more')])
  })

  it('but not for a loop that is too busy to see a second begin', () => {
    const guest = boot()
    guest.run(10)
    guest.run(600, 60)
    guest.stop(1.5)
    guest.run(66)
    expect(Math.abs(guest.errorMs())).toBeLessThan(50)
  })

  it('once an NTP server has the date', async () => {
    const guest = boot()
    guest.run(10)
    const us = HOST_US + 10e6
    const reply = { stratum: 1, rootDistanceUs: 0, receiveUs: us, transmitUs: us }
    guest.clock.startNtp({
      codec: { createRequest: () => new Uint8Array(48), read: () => reply },
      servers: () => ['a'],
      open: async () => ({
        send: async () => undefined,
        receive: async () => [new Uint8Array(48)] as const,
        close: () => undefined,
      }),
      random: { fill: () => undefined },
    })
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
    expect(guest.clock.report().ntp).toMatchObject({ server: 'a' })
    const { looks } = guest.controller
    guest.run(300)
    expect(guest.controller.looks).toBe(looks)
  })
})

it('without a controller stays with the real-time clock, up to a second behind', () => {
  const guest = boot({ hasController: false })
  guest.run(120)
  expect(guest.errorMs()).toBeCloseTo(-730, -1)
  expect(guest.report()).toMatchObject({ of: 'real-time-clock' })
})

describe('without a controller the real-time clock', () => {
  it.each([4000.3, 3600, 86_400])(
    'has the date of a guest that was stopped for %d s within two minutes',
    (seconds) => {
      const guest = boot({ hasController: false })
      guest.run(10)
      guest.stop(seconds)
      guest.run(130)
      // As far behind as it has been since the start of the real-time clock.
      expect(Math.abs(guest.errorMs() + 730)).toBeLessThan(50)
      expect(guest.lines).toEqual([
        expect.stringMatching(
          /the real-time clock's date has moved by .* believed when it says so/,
        ),
        expect.stringMatching(/ s behind of the real-time clock: set/),
      ])
    },
  )

  it('makes up for a timer that drifts', () => {
    const guest = boot({ hasController: false, slowPpm: 200 })
    for (let minute = 0; minute < 30; minute++) {
      guest.run(60)
      expect(Math.abs(guest.errorMs() + 730)).toBeLessThan(50)
    }
  })

  it('changes nothing where it stops with the guest', () => {
    const guest = boot({ hasController: false, doesRtcStop: true })
    guest.run(10)
    guest.stop(3600)
    guest.run(300)
    expect(guest.errorMs() / 1000).toBeCloseTo(-3600.73, 1)
    expect(guest.lines).toEqual([])
  })
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
