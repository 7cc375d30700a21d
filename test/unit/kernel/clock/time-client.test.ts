/**
 * The SNTP client against servers that are right, wrong, slow, silent, unwilling or forged, in
 * virtual time.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { agreedTime } from '../../../../kernel/clock/agreed-time.ts'
import { TimeClient } from '../../../../kernel/clock/time-client.ts'
import { Logger } from '../../../../kernel/logger.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'
import { createNtpRequest, readNtpReply } from '../../../../net/wire/ntp.ts'

const EPOCH_SECONDS = 2_208_988_800
/** True time when the guest's monotonic clock says 0, in microseconds since 1970. */
const TRUE_AT_ZERO_US = Date.UTC(2026, 0, 1) * 1000

interface Behavior {
  /** How far the server's clock is from true time. */
  offsetUs?: number
  wayMs?: number
  /** Writes over the right answer; null: none comes. */
  spoil?: (bytes: Uint8Array) => Uint8Array | null
  /** What comes before the answer. */
  before?: (bytes: Uint8Array) => Uint8Array[]
}

let nowNs = 0
let timers: TimerQueue
let lines: string[]
let behaviors: Map<string, Behavior>
let asked: [string, number][]
/** The guest's date: its error, corrected as it asks for. */
let errorUs = 0
let frequency = 0
/** By how many billionths the guest's timer is too slow. */
let slowPpb = 0
/** For how long the guest was stopped, of which its timer knows nothing. */
let stoppedUs = 0
/** The machine's clock; null: it does not say. */
let machineAheadUs: number | null = 0

beforeEach(() => {
  nowNs = 0
  timers = new TimerQueue()
  lines = []
  behaviors = new Map()
  asked = []
  errorUs = 0
  frequency = 0
  slowPpb = 0
  stoppedUs = 0
  machineAheadUs = 0
})

const trueUs = () => TRUE_AT_ZERO_US + (nowNs / 1000) * (1 + slowPpb / 1e9) + stoppedUs
const realtimeUs = () => TRUE_AT_ZERO_US + nowNs / 1000 + errorUs

function writeTime(view: DataView, offset: number, us: number): void {
  view.setUint32(offset, (Math.floor(us / 1e6) + EPOCH_SECONDS) % 2 ** 32)
  view.setUint32(offset + 4, Math.floor(((us % 1e6) / 1e6) * 2 ** 32))
}

function rightAnswer(request: Uint8Array, offsetUs: number): Uint8Array {
  const bytes = new Uint8Array(48)
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x24
  bytes[1] = 2
  view.setUint32(8, 0x10)
  bytes.set(request.subarray(40, 48), 24)
  writeTime(view, 32, trueUs() + offsetUs)
  writeTime(view, 40, trueUs() + offsetUs)
  return bytes
}

function open(server: string) {
  const behavior = behaviors.get(server)
  if (behavior === undefined) return Promise.reject(new Error('name-not-found'))
  const arrived: Uint8Array[] = []
  let wake: { resolve(value: [Uint8Array]): void; reject(error: Error): void } | null = null
  const arrive = (bytes: Uint8Array, delayMs: number) =>
    timers.add(nowNs + delayMs * 1e6, () => {
      if (wake === null) arrived.push(bytes)
      else wake.resolve([bytes])
      wake = null
    })
  return Promise.resolve({
    async send(request: Uint8Array) {
      asked.push([server, nowNs / 1e9])
      const wayMs = behavior.wayMs ?? 5
      timers.add(nowNs + wayMs * 1e6, () => {
        const answer = rightAnswer(request, behavior.offsetUs ?? 0)
        for (const forged of behavior.before?.(answer.slice()) ?? []) arrive(forged, wayMs - 1)
        const spoiled = behavior.spoil === undefined ? answer : behavior.spoil(answer)
        if (spoiled !== null) arrive(spoiled, wayMs)
      })
    },
    receive: () =>
      new Promise<[Uint8Array]>((resolve, reject) => {
        const bytes = arrived.shift()
        if (bytes === undefined) wake = { resolve, reject }
        else resolve([bytes])
      }),
    close: () => wake?.reject(new Error('closed')),
  })
}

let draws = 0
function start(...servers: string[]): TimeClient {
  return startWith(() => servers)
}

/** `servers`: as a lease names them, now these and then those. */
function startWith(servers: () => string[]): TimeClient {
  const client = new TimeClient({
    ...{ codec: { createRequest: createNtpRequest, read: readNtpReply }, timers, open },
    ...{ nowNs: () => nowNs, realtimeUs, drawFraction: () => 0.5 },
    servers,
    correct(offsetUs, ppb) {
      errorUs += offsetUs
      frequency = ppb
    },
    machineSeconds: () =>
      machineAheadUs === null ? null : Math.floor((trueUs() + machineAheadUs) / 1e6),
    drawNonce: () => new Uint8Array(8).map(() => ++draws % 251),
    log: new Logger('clock', 'info', { write: (text) => lines.push(text), nowNs: () => 0 }),
  })
  client.start()
  return client
}

async function passTo(seconds: number): Promise<void> {
  for (;;) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    const next = timers.nextDeadlineNs()
    if (next > seconds * 1e9) break
    nowNs = Math.max(nowNs, next)
    timers.runDue(nowNs, 64)
  }
  nowNs = seconds * 1e9
}

const rejected = (client: TimeClient) =>
  Object.entries(client.statistics.rejected).filter(([, count]) => count > 0)

describe('a server that is right', () => {
  it('corrects the date at once, and by half the way more than it says', async () => {
    behaviors.set('a', { wayMs: 40 })
    errorUs = -3_000_000
    const client = start('a')
    await passTo(1)
    expect(Math.abs(errorUs)).toBeLessThan(10)
    expect(client.statistics).toMatchObject({ requests: 1, answers: 1, steps: 1, slews: 0 })
    expect(lines).toEqual([
      expect.stringMatching(/the date was 3\.000 s behind of NTP server a: set/),
    ])
  })

  it('is asked again after a minute, then less and less, never within 15 s (RFC 4330 §10)', async () => {
    behaviors.set('a', {})
    start('a')
    await passTo(6000)
    const times = asked.map(([, at]) => at)
    const gaps = times.slice(1).map((at, index) => Math.round(at - times[index]!))
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15)
    expect(gaps.slice(0, 6)).toEqual([67, 134, 269, 538, 1075, 1075])
  })

  it('teaches how slow the own timer is', async () => {
    behaviors.set('a', {})
    slowPpb = 300_000
    start('a')
    await passTo(400)
    expect(Math.abs(frequency - 300_000)).toBeLessThan(20_000)
  })

  it('teaches it by its own dates: what another server says is apart from that', async () => {
    behaviors.set('a', {})
    slowPpb = 300_000
    start('a', 'b')
    await passTo(400)
    behaviors.delete('a')
    behaviors.set('b', { offsetUs: 100_000 })
    await passTo(2000)
    expect(Math.abs(frequency - 300_000)).toBeLessThan(20_000)
  })

  it('teaches nothing by a jump of the date that it had to repeat', async () => {
    const behavior: Behavior = {}
    behaviors.set('a', behavior)
    start('a', 'b')
    // Then stopped for a quarter of an hour, which is a five-hundredth of the time that it ran.
    await passTo(500_000)
    behavior.offsetUs = 1_001e6
    await passTo(503_000)
    expect(Math.abs(errorUs - 1_001e6)).toBeLessThan(1000)
    expect(Math.abs(frequency)).toBeLessThan(20_000)
  })

  it.each([0.15, 0.5, 3, 300])(
    'teaches nothing by a jump of %d s, as a guest makes that was stopped for so long',
    async (seconds) => {
      const behavior: Behavior = {}
      for (const known of [true, false]) {
        behaviors.set('a', behavior)
        slowPpb = 40_000
        start('a')
        // Early, when nothing has been measured, or late, when it is asked every 1024 s.
        const fromS = nowNs / 1e9
        await passTo(fromS + (known ? 8_000 : 20))
        behavior.offsetUs = (behavior.offsetUs ?? 0) + seconds * 1e6
        let worst = 0
        for (let turn = 1; turn <= 60; turn++) {
          await passTo(fromS + 8_000 + turn * 100)
          worst = Math.max(worst, Math.abs(frequency - 40_000))
        }
        expect([known, worst < 20_000]).toEqual([known, true])
        expect(Math.abs(trueUs() + behavior.offsetUs - realtimeUs())).toBeLessThan(100_000)
      }
    },
  )

  it('teaches another frequency when two measurements say it, as after a migration', async () => {
    behaviors.set('a', {})
    slowPpb = 40_000
    start('a')
    await passTo(8_000)
    expect(Math.abs(frequency - 40_000)).toBeLessThan(5_000)
    // The date goes on from where it is.
    behaviors.get('a')!.offsetUs = (nowNs / 1000) * ((40_000 - 900_000) / 1e9)
    slowPpb = 900_000
    await passTo(12_000)
    expect(Math.abs(frequency - 900_000)).toBeLessThan(20_000)
  })

  it('is not believed with a date that is far from the one it gave before', async () => {
    const behavior: Behavior = {}
    behaviors.set('a', behavior)
    const client = start('a')
    await passTo(10)
    for (let round = 1; round < 40; round++) {
      behavior.offsetUs = round * 3600e6
      await passTo(10 + round * 68)
    }
    expect(errorUs).toBeLessThan(1000)
    expect(client.statistics.rejected.implausible).toBeGreaterThan(30)
  })

  it('is believed when it has said so eight times: then the guest was stopped meanwhile', async () => {
    const behavior: Behavior = {}
    behaviors.set('a', behavior)
    const client = start('a')
    // By then it is asked every 1024 s.
    await passTo(4000)
    behavior.offsetUs = 7 * 86_400e6
    await passTo(4233 + 6 * 68)
    expect(errorUs).toBeLessThan(1000)
    await passTo(4233 + 8 * 68)
    expect(Math.abs(errorUs - 7 * 86_400e6)).toBeLessThan(1000)
    expect(client.statistics.rejected.implausible).toBe(7)
  })
})

describe('what is no answer changes nothing and is counted', () => {
  const spoiled: [string, string, (bytes: Uint8Array) => Uint8Array][] = [
    ['a server that knows no time', 'unsynchronized', (b) => b.fill(0xe4, 0, 1)],
    ['a stratum beyond 15', 'stratum', (b) => b.fill(16, 1, 2)],
    ['another mode', 'notAServer', (b) => b.fill(0x23, 0, 1)],
    ['another version', 'version', (b) => b.fill(0x3c, 0, 1)],
    ['a root that is far', 'rootDistance', (b) => b.fill(0x7f, 4, 12)],
    ['no date', 'noTime', (b) => b.fill(0, 40, 48)],
    ['a part of one', 'tooShort', (b) => b.subarray(0, 40)],
    ['the nonce of another', 'notOurs', (b) => b.fill(9, 24, 32)],
  ]
  it.each(spoiled)('%s', async (_, reason, spoil) => {
    behaviors.set('a', { spoil, offsetUs: 7_000_000 })
    errorUs = -50_000
    const client = start('a')
    await passTo(10)
    expect(errorUs).toBe(-50_000)
    expect(rejected(client)).toEqual([[reason, 1]])
    expect(client.statistics.answers).toBe(0)
  })

  it('an answer that claims to have been on its way for less than no time', async () => {
    // Held for 10 s, it says, and yet it was here after 10 ms.
    const spoil = (bytes: Uint8Array) => {
      const view = new DataView(bytes.buffer)
      view.setUint32(40, view.getUint32(40) + 10)
      return bytes
    }
    behaviors.set('a', { spoil })
    const client = start('a')
    await passTo(10)
    expect(errorUs).toBe(0)
    expect(rejected(client)).toEqual([['noTime', 1]])
  })

  it('forged answers before the right one do not displace it', async () => {
    const forge = (bytes: Uint8Array) => bytes.fill(0x42, 24, 32).fill(0x11, 40, 48)
    behaviors.set('a', { before: (bytes) => Array.from({ length: 10 }, () => forge(bytes)) })
    errorUs = -5_000_000
    const client = start('a')
    await passTo(10)
    expect(Math.abs(errorUs)).toBeLessThan(10)
    expect(rejected(client)).toEqual([['notOurs', 10]])
  })

  it('a flood of them ends the question, not the guest', async () => {
    const forge = (bytes: Uint8Array) => bytes.fill(0x42, 24, 32)
    behaviors.set('a', { before: (bytes) => Array.from({ length: 500 }, () => forge(bytes)) })
    const client = start('a')
    await passTo(10)
    expect(rejected(client)).toEqual([['notOurs', 16]])
    expect(client.statistics.unanswered).toBe(1)
  })
})

describe('servers that do not answer', () => {
  it('are asked after 16 s and then half as often each time, and named once', async () => {
    behaviors.set('a', { spoil: () => null })
    const client = start('a', 'nobody')
    await passTo(4000)
    const times = asked.map(([, at]) => at)
    const gaps = times.slice(1).map((at, index) => Math.round(at - times[index]!))
    expect(gaps.slice(0, 4)).toEqual([36, 69, 136, 271])
    expect(lines.filter((line) => /no NTP server has answered: a, nobody/.test(line))).toHaveLength(
      1,
    )
    expect(client.statistics.unanswered).toBe(2 * asked.length)
  })

  it('are not said to be silent while they want to be left alone', async () => {
    const kiss = (bytes: Uint8Array) =>
      bytes.fill(0, 1, 2).map((byte, index) => 'DENY'.charCodeAt(index - 12) || byte)
    behaviors.set('a', { spoil: kiss })
    start('a')
    await passTo(10_000)
    expect(asked).toHaveLength(1)
    expect(lines).toEqual([expect.stringContaining('NTP server a says DENY')])
  })

  it("are not asked again after kiss-o'-death DENY or RSTR, and less after RATE (RFC 5905 §7.4)", async () => {
    const kiss = (code: string) => (bytes: Uint8Array) => {
      bytes[1] = 0
      bytes.set(new TextEncoder().encode(code), 12)
      return bytes
    }
    for (const code of ['DENY', 'RSTR', 'RATE', 'XXXX']) behaviors.set(code, { spoil: kiss(code) })
    errorUs = -9_000_000
    const client = start('DENY', 'RSTR', 'RATE', 'XXXX')
    await passTo(1000)
    const times = (name: string) => asked.filter(([server]) => server === name).map(([, at]) => at)
    expect(times('DENY')).toHaveLength(1)
    expect(times('RSTR')).toHaveLength(1)
    expect(times('XXXX').length).toBeGreaterThan(3)
    const rate = times('RATE')
    expect(rate[1]! - rate[0]!).toBeGreaterThanOrEqual(128)
    expect(rate[2]! - rate[1]!).toBeGreaterThanOrEqual(256)
    expect(errorUs).toBe(-9_000_000)
    expect(client.statistics.rejected.kiss).toBe(asked.length)
    expect(lines.some((line) => line.includes('NTP server DENY says DENY'))).toBe(true)
  })
})

it('complains of each server of many leases, and of the last few not again', async () => {
  const kiss = (bytes: Uint8Array) => bytes.fill(0, 1, 2).fill(0x58, 12, 16)
  for (let lease = 0; lease < 20; lease++) behaviors.set(`server${lease}`, { spoil: kiss })
  let lease = 0
  startWith(() => [`server${lease}`])
  await passTo(100)
  for (lease = 1; lease < 20; lease++) await passTo(100 + lease * 1200)
  expect(lines.map((line) => /server\d+/.exec(line)![0])).toEqual(
    Array.from({ length: 20 }, (_, index) => `server${index}`),
  )
})

describe('several servers', () => {
  it('outvote one that is wrong, however near it is', async () => {
    behaviors.set('a', { wayMs: 20 })
    behaviors.set('b', { wayMs: 30, offsetUs: 2_000 })
    behaviors.set('liar', { wayMs: 1, offsetUs: 86_400e6 })
    errorUs = -1_000_000
    start('liar', 'a', 'b')
    await passTo(10)
    expect(Math.abs(errorUs)).toBeLessThan(3_000)
  })

  it('are not believed when two disagree', async () => {
    behaviors.set('a', {})
    behaviors.set('b', { offsetUs: 5_000_000 })
    errorUs = -1_000_000
    const client = start('a', 'b')
    await passTo(10)
    expect(errorUs).toBe(-1_000_000)
    expect(client.statistics.rejected.disagreement).toBe(1)
    expect(lines.some((line) => line.includes('disagree'))).toBe(true)
  })

  it('are four at most, and a name given twice is one', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) behaviors.set(name, {})
    start('a', 'a', 'b', 'c', 'd', 'e')
    await passTo(1)
    expect(asked.map(([server]) => server)).toEqual(['a', 'b', 'c', 'd'])
  })
})

it('a majority is more than half of those that answered', () => {
  const sample = (dateAtZeroUs: number, errorUs: number) => ({ server: 'x', dateAtZeroUs, errorUs })
  expect(agreedTime([sample(100, 5)])).toMatchObject({ dateAtZeroUs: 100 })
  expect(agreedTime([sample(100, 5), sample(111, 5)])).toBeNull()
  expect(agreedTime([sample(100, 5), sample(110, 5)])).toMatchObject({ dateAtZeroUs: 100 })
  expect(agreedTime([sample(100, 50), sample(110, 5), sample(500, 1)])).toMatchObject({
    dateAtZeroUs: 110,
  })
})

describe('servers that have become silent', () => {
  const silent = { spoil: () => null }
  const wrongBySeconds = () => (realtimeUs() - trueUs()) / 1e6

  it.each([
    ['', 0],
    [' that is an hour ahead', 3600e6],
    [' that is years behind', -1e14],
  ])('leave jumps to a clock of the machine%s', async (_name, aheadUs) => {
    machineAheadUs = aheadUs
    behaviors.set('a', {})
    const client = start('a')
    await passTo(10)
    behaviors.set('a', silent)
    stoppedUs = 40_000.3e6
    await passTo(4000)
    expect(Math.abs(wrongBySeconds())).toBeLessThan(1.1)
    expect(lines.filter((line) => line.includes("behind of the machine's clock"))).toHaveLength(1)
    // Then they are believed at once, however far that is from what they have said.
    behaviors.set('a', {})
    await passTo(8000)
    expect(Math.abs(wrongBySeconds())).toBeLessThan(0.01)
    expect(client.statistics.rejected.implausible).toBe(0)
  })

  it('do not bring the date up to a second behind, as that clock is', async () => {
    machineAheadUs = -900_000
    behaviors.set('a', {})
    start('a')
    await passTo(10)
    behaviors.set('a', silent)
    await passTo(1_000_000)
    expect(Math.abs(wrongBySeconds())).toBeLessThan(0.01)
  })

  it('do so once all are silent: one that answers is doubted first', async () => {
    behaviors.set('a', {})
    behaviors.set('b', silent)
    start('a', 'b')
    await passTo(10)
    stoppedUs = 4000e6
    const before = errorUs
    await passTo(300)
    expect(errorUs).toBe(before)
  })

  it('change nothing where that clock says nothing, or something else for a moment', async () => {
    behaviors.set('a', {})
    start('a')
    await passTo(10)
    behaviors.set('a', silent)
    const before = errorUs
    await passTo(3000)
    machineAheadUs = 5e6
    await passTo(4500)
    machineAheadUs = 0
    await passTo(20_000)
    machineAheadUs = null
    stoppedUs = 20e6
    await passTo(40_000)
    expect(errorUs).toBe(before)
  })
})
