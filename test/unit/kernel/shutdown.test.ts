/**
 * The order of a shutdown: the app is told, connections have a grace period, then the guest ends
 * cleanly and once.
 */
import { describe, expect, it } from 'vitest'
import { Events } from '../../../kernel/events.ts'
import { ExitCode } from '../../../kernel/hal/platform.ts'
import { Logger } from '../../../kernel/logger.ts'
import { Shutdown } from '../../../kernel/shutdown.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'

class Exited extends Error {}

const GRACE_MS = 10_000

function fixture({ connections = 0, hasStack = true, delivers = true } = {}) {
  let nowNs = 1e9
  const calls: string[] = []
  const lines: string[] = []
  const events: Record<string, unknown>[] = []
  let isEnding = false
  const state = { connections }
  const platform = {
    monotonicNs: () => nowNs,
    waitForInterrupt: (_seen: number, deadlineNs: number) => {
      nowNs = deadlineNs
    },
    writeEvent: (text: string) => events.push(JSON.parse(text)),
    exit: (code: number): never => {
      calls.push(`exit ${code}`)
      throw new Exited()
    },
  }
  const stack = {
    windDown: () => void calls.push('windDown'),
    unsettledConnections: () => state.connections,
    endConnections() {
      calls.push('endConnections')
      isEnding = true
    },
    get isAllDelivered() {
      return delivers
    },
    resetUndelivered: () => void calls.push('resetUndelivered'),
    poll() {
      if (isEnding && calls.at(-1) !== 'poll') calls.push('poll')
      return false
    },
  }
  const timers = new TimerQueue()
  const shutdown = new Shutdown({
    platform,
    timers,
    interrupts: { total: () => 0 },
    events: new Events(platform),
    log: new Logger('kernel', 'info', { write: (text) => lines.push(text), nowNs: () => 0 }),
    stack: hasStack ? stack : null,
    graceMs: GRACE_MS,
  })
  shutdown.signal.addEventListener('abort', () => calls.push('signal'))
  /** Milliseconds until the guest has ended; Infinity when it has not. */
  const run = (limitMs: number): number => {
    const startNs = nowNs
    try {
      while (nowNs < startNs + limitMs * 1e6) {
        nowNs = Math.max(nowNs, Math.min(timers.nextDeadlineNs(), startNs + limitMs * 1e6))
        timers.runDue(nowNs, 100)
      }
    } catch (error) {
      if (!(error instanceof Exited)) throw error
      return (nowNs - startNs) / 1e6
    }
    return Number.POSITIVE_INFINITY
  }
  return { shutdown, calls, lines, events, state, run }
}

const END = ['endConnections', 'poll', 'resetUndelivered', 'poll', `exit ${ExitCode.Clean}`]

describe('a shutdown', () => {
  it('tells the app, closes the listeners, and ends cleanly when nothing is left', () => {
    const { shutdown, calls, events, run } = fixture()
    shutdown.request()
    expect(run(1000)).toBeLessThan(100)
    expect(calls).toEqual(['signal', 'windDown', ...END])
    expect(events).toEqual([{ event: 'shutdown', ns: 1e9, graceMs: GRACE_MS, connections: 0 }])
  })

  it('waits for connections, and ends as soon as the last one has', () => {
    const { shutdown, calls, state, run } = fixture({ connections: 2 })
    shutdown.request()
    expect(run(3000)).toBe(Number.POSITIVE_INFINITY)
    state.connections = 0
    expect(run(1000)).toBeLessThan(100)
    expect(calls.at(-1)).toBe(`exit ${ExitCode.Clean}`)
  })

  it('cuts off what is left when the grace period is over, and says so', () => {
    const { shutdown, calls, lines, run } = fixture({ connections: 1, delivers: false })
    shutdown.request()
    const ms = run(60_000)
    expect(ms).toBeGreaterThan(GRACE_MS)
    expect(ms).toBeLessThan(GRACE_MS + 1000)
    expect(calls).toEqual(['signal', 'windDown', ...END])
    expect(lines.at(-1)).toContain('the grace period is over: 1 connection cut off')
  })

  it('waits for the work of the app as for a connection', async () => {
    const { shutdown, run } = fixture()
    let finish!: () => void
    const work = new Promise<void>((resolve) => {
      finish = resolve
    })
    shutdown.signal.addEventListener('abort', () => shutdown.signal.waitUntil(work))
    shutdown.request()
    expect(run(3000)).toBe(Number.POSITIVE_INFINITY)
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    expect(run(1000)).toBeLessThan(100)
  })

  it('ends at once when it is asked again', () => {
    const { shutdown, calls } = fixture({ connections: 5 })
    shutdown.request()
    expect(() => shutdown.request()).toThrow(Exited)
    expect(calls).toEqual(['signal', 'windDown', ...END])
  })

  it('needs no network', () => {
    const { shutdown, calls, run } = fixture({ hasStack: false })
    shutdown.request()
    expect(run(1000)).toBeLessThan(100)
    expect(calls).toEqual(['signal', `exit ${ExitCode.Clean}`])
  })

  it('excuses what it does to an app without interest in it, from then on, and nothing else', () => {
    const { shutdown } = fixture()
    const closed = Object.assign(new Error('the listener is closed'), {
      name: 'NetError',
      code: 'closed',
    })
    expect(shutdown.excuses(closed)).toBe(false)
    shutdown.request()
    expect(shutdown.excuses(closed)).toBe(true)
    expect(shutdown.excuses(shutdown.signal.reason)).toBe(true)
    const reset = Object.assign(new Error('reset'), { name: 'NetError', code: 'reset' })
    for (const other of [new TypeError('a bug'), reset, undefined, null, 'closed']) {
      expect(shutdown.excuses(other)).toBe(false)
    }
  })
})
