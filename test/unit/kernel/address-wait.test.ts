/**
 * When the guest says that it is ready: with the first address, or ten seconds without one
 * (kernel/README.md).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { AddressWait, type AddressWaitOptions } from '../../../kernel/address-wait.ts'
import { Logger } from '../../../kernel/logger.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'

let nowMs: number
let here: Set<4 | 6>
let lines: string[]
let timers: TimerQueue

beforeEach(() => {
  nowMs = 100
  here = new Set()
  lines = []
  timers = new TimerQueue()
})

function open(parts: { dhcp?: boolean; slaac?: boolean } = {}) {
  const { dhcp = true, slaac = true } = parts
  const configuration = {
    hasAddress: (version: 4 | 6) => here.has(version),
    dhcp: dhcp ? { discoveries: 3 } : null,
    routers: slaac ? { solicitations: 2 } : null,
  } as unknown as AddressWaitOptions['configurations'][number]
  const log = new Logger('net', 'info', { write: (text) => lines.push(text), nowNs: () => 0 })
  const wait = new AddressWait({
    configurations: [configuration],
    timers,
    nowNs: () => nowMs * 1e6,
    log,
  })
  let overAtMs = -1
  wait.whenOver(() => {
    overAtMs = nowMs
  })
  return { wait, overAtMs: () => overAtMs }
}

function passTo(ms: number): void {
  for (; nowMs < ms; nowMs++) timers.runDue(nowMs * 1e6, 64)
  timers.runDue(nowMs * 1e6, 64)
}

function comes(wait: AddressWait, version: 4 | 6): void {
  here.add(version)
  wait.look()
}

describe('the wait for an address', () => {
  it('is over with an IPv4 address, once the poll that brought it is', () => {
    const { wait, overAtMs } = open()
    passTo(300)
    comes(wait, 4)
    expect(overAtMs()).toBe(-1)
    passTo(301)
    expect(overAtMs()).toBe(300)
  })

  it('is over a second after an IPv6 address when IPv4 does not come, at once when it does', () => {
    const first = open()
    passTo(200)
    comes(first.wait, 6)
    passTo(600)
    comes(first.wait, 4)
    passTo(602)
    expect(first.overAtMs()).toBe(600)
    here.clear()
    const second = open()
    comes(second.wait, 6)
    second.wait.look()
    passTo(1_700)
    // What a timer decides is done by the next turn.
    expect(second.overAtMs()).toBe(1_603)
  })

  it('is over with an IPv6 address where no IPv4 address is asked for', () => {
    const { wait, overAtMs } = open({ dhcp: false })
    comes(wait, 6)
    passTo(101)
    expect(overAtMs()).toBe(100)
  })

  it('is over after ten seconds, with one line that says what was tried and what to do', () => {
    const { wait, overAtMs } = open()
    passTo(10_099)
    expect(overAtMs()).toBe(-1)
    passTo(10_101)
    expect(overAtMs()).toBe(10_101)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(
      /no address after 10 s: no lease after 3 DHCP requests, no prefix after 2 router solicitations; goes on asking\. Give ip=/,
    )
    comes(wait, 4)
    passTo(20_000)
    expect(overAtMs()).toBe(10_101)
    expect(lines).toHaveLength(1)
  })

  it('names only what was asked for', () => {
    open({ slaac: false })
    passTo(10_200)
    expect(lines[0]).not.toMatch(/router sol/)
  })

  it('calls back at once who asks when it is over, and says nothing more', () => {
    const { wait } = open()
    comes(wait, 4)
    passTo(200)
    let called = false
    wait.whenOver(() => {
      called = true
    })
    expect(called).toBe(true)
    passTo(11_000)
    expect(lines).toEqual([])
  })
})
