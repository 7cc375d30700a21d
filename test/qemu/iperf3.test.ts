/**
 * The real iperf3 client against the guest: its own report, the other side's, and the host's
 * counters must agree.
 */
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'
import { beforeAll, describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { type Family, GUEST_HOST } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'

/** Nothing here takes longer than a few seconds on an idle machine. */
const CLIENT_TIMEOUT_MS = 45_000
const TIMEOUT_MS = 100_000
const SETTLE_TIMEOUT_MS = 20_000
const SETTLE_INTERVAL_MS = 100
/** What the client sends at once, unless told otherwise. */
const BLOCK_BYTES = 128 * 1024
/** From this version on the client has a thread for each stream. */
const FIRST_WITH_THREADS = [3, 16] as const

interface Sum {
  readonly bytes: number
  readonly seconds: number
  readonly bits_per_second: number
  readonly retransmits?: number
}

interface Report {
  readonly error?: string
  readonly end: {
    readonly streams: readonly { readonly sender: Sum; readonly receiver: Sum }[]
    readonly sum_sent: Sum
    readonly sum_received: Sum
    readonly sum_sent_bidir_reverse?: Sum
    readonly sum_received_bidir_reverse?: Sum
    readonly cpu_utilization_percent: { readonly remote_total: number }
    readonly sender_tcp_congestion?: string
    readonly receiver_tcp_congestion?: string
  }
}

test.override('guest', { ...GUEST, network: 'direct' })
/**
 * What a stream may have sent without counting it, when time ends it: a client with threads ends
 * them in the middle of a block, and counts blocks. What the guest counts came over the wire, and
 * the host's counters judge that.
 */
let uncountedBytes = 0
beforeAll(() => {
  const version = execFileSync(requireExecutable('iperf3'), ['--version'], { encoding: 'utf8' })
  const [major, minor] = /^iperf (\d+)\.(\d+)/.exec(version)!.slice(1).map(Number)
  const [firstMajor, firstMinor] = FIRST_WITH_THREADS
  const hasThreads = major! > firstMajor || (major === firstMajor && minor! >= firstMinor)
  uncountedBytes = hasThreads ? BLOCK_BYTES : 0
})

/**
 * Runs the client to its end; a test that it could not make is in `error`, and 1 its status from
 * version 3.17 on.
 */
async function iperf3(site: Site, words: string, family: Family = 4): Promise<Report> {
  const client = ['env', 'IPERF3_PASSWORD=none', 'iperf3', '-J', '-c', GUEST_HOST[family]]
  const command = ['sh', '-c', '"$@" || [ $? -eq 1 ]', 'sh', ...client, ...words.split(' ')]
  const { stdout } = await site.topology.far.run(command, { timeoutMs: CLIENT_TIMEOUT_MS })
  return JSON.parse(stdout) as Report
}

/** What the client encrypts credentials with. */
function writePublicKey(site: Site): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const path = join(site.folder, 'public.pem')
  writeFileSync(path, publicKey.export({ type: 'spki', format: 'pem' }))
  return path
}

async function expectResults(
  site: Site,
  words: string,
  family: Family = 4,
): Promise<Report['end']> {
  const report = await iperf3(site, words, family)
  expect(report.error).toBeUndefined()
  return report.end
}

/** Bytes that crossed the TAP meanwhile, as the host counts them. */
async function countOnTap<T>(site: Site, work: () => Promise<T>) {
  const { namespace, interfaceName } = site.topology.tap
  const before = await namespace.interfaceStatistics(interfaceName)
  const result = await work()
  const after = await namespace.interfaceStatistics(interfaceName)
  return {
    result,
    toGuest: after.sentBytes - before.sentBytes,
    fromGuest: after.receivedBytes - before.receivedBytes,
  }
}

/**
 * Payload and what carries it: headers once a frame, acknowledgments, and what was still queued at
 * the end.
 */
function expectAbout(counted: number, payload: number): void {
  expect(counted).toBeGreaterThan(payload)
  expect(counted).toBeLessThan(payload * 1.1 + (4 << 20))
}

/** The guest has counted all that the client has, and not more than was under way at the end. */
function expectAllReceived(receivedBytes: number, sentBytes: number, streams = 1): void {
  expect(receivedBytes).toBeGreaterThanOrEqual(sentBytes)
  expect(receivedBytes - sentBytes).toBeLessThanOrEqual(streams * uncountedBytes)
}

/**
 * What tells the host's TCP that the guest sent something twice, or made that necessary (`nstat`,
 * RFC 2883).
 */
const REPEAT_COUNTERS = [
  'TcpExtTCPDSACKOldSent',
  'TcpExtTCPDSACKOfoSent',
  'TcpExtTCPBacklogDrop',
  'TcpExtRcvPruned',
  'TcpExtOfoPruned',
  'TcpExtTCPRcvQDrop',
  'TcpExtTCPZeroWindowDrop',
]

async function countRepeats(site: Site): Promise<number> {
  const counters = await site.topology.far.counters()
  return REPEAT_COUNTERS.reduce((sum, name) => sum + (counters.get(name) ?? 0), 0)
}

interface GuestNumbers {
  readonly connections: { readonly open: number }
}

async function readStatistics(site: Site): Promise<GuestNumbers> {
  const url = `http://${GUEST_HOST[4]}/stats`
  const { stdout } = await site.topology.far.run(['curl', '-sS', '--max-time', '20', url])
  return JSON.parse(stdout) as GuestNumbers
}

/** Only the connection that asks is open. */
async function expectNothingLeft(site: Site): Promise<void> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS
  let open = (await readStatistics(site)).connections.open
  while (open > 1 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_INTERVAL_MS))
    open = (await readStatistics(site)).connections.open
  }
  expect(open, 'open connections').toBe(1)
}

/** A client that runs until it is ended; resolves once bytes have moved. */
async function startEndlessTest(site: Site, ...words: string[]) {
  const command = ['iperf3', '-c', GUEST_HOST[4], '-t', '3600', '-i', '0.2', '--forceflush']
  const client = site.topology.far.spawn([...command, ...words], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const exited = once(client, 'exit')
  await new Promise<void>((resolve, reject) => {
    let output = ''
    client.stdout!.on('data', (text: Buffer) => {
      output += text.toString()
      if (/ sec .*bits\/sec/.test(output)) resolve()
    })
    exited.then(() => reject(new Error(`iperf3 ended: ${output}`)), reject)
  })
  return {
    async end(signal: NodeJS.Signals): Promise<void> {
      process.kill(-client.pid!, signal)
      await exited
    },
  }
}

describe('the real iperf3 client', () => {
  test.for([4, 6] as Family[])(
    'sends to the guest over IPv%i, and both sides count the same bytes',
    { timeout: TIMEOUT_MS },
    async (family, { site }) => {
      await site.boot()
      const { result, toGuest } = await countOnTap(site, () => expectResults(site, '-t 1', family))
      expect(result.sum_sent.bytes).toBeGreaterThan(1 << 20)
      expectAllReceived(result.sum_received.bytes, result.sum_sent.bytes)
      expectAbout(toGuest, result.sum_received.bytes)
      expect(result.cpu_utilization_percent.remote_total).toBeGreaterThan(0)
      expect(result.cpu_utilization_percent.remote_total).toBeLessThanOrEqual(100)
      await expectNothingLeft(site)
    },
  )

  test.for([4, 6] as Family[])(
    'receives from the guest over IPv%i (-R), with its retransmissions',
    { timeout: TIMEOUT_MS },
    async (family, { site }) => {
      await site.boot()
      const repeatsBefore = await countRepeats(site)
      const { result, fromGuest } = await countOnTap(site, () =>
        expectResults(site, '-R -t 1', family),
      )
      const repeats = (await countRepeats(site)) - repeatsBefore
      expect(result.sum_received.bytes).toBeGreaterThan(1 << 20)
      expect(result.sum_sent.bytes).toBeGreaterThanOrEqual(result.sum_received.bytes)
      expectAbout(fromGuest, result.sum_received.bytes)
      // A host that stands still for longer than a round trip makes the guest probe the tail (RFC
      // 8985 §7). That is seldom, and the host has seen it too.
      const retransmits = result.sum_sent.retransmits!
      if (retransmits > 0) expect(repeats).toBeGreaterThan(0)
      expect(retransmits).toBeLessThan(result.sum_received.bytes / 1460 / 1000)
      expect(result.sender_tcp_congestion).toBe('cubic')
      await expectNothingLeft(site)
    },
  )

  test('does both directions at once (--bidir)', { timeout: TIMEOUT_MS }, async ({ site }) => {
    await site.boot()
    const { result, toGuest, fromGuest } = await countOnTap(site, () =>
      expectResults(site, '--bidir -P 2 -t 1'),
    )
    const { sum_sent_bidir_reverse: sent, sum_received_bidir_reverse: received } = result
    expect(result.streams).toHaveLength(4)
    expect(result.sum_sent.bytes).toBeGreaterThan(1 << 20)
    expectAllReceived(result.sum_received.bytes, result.sum_sent.bytes, 2)
    expectAbout(toGuest, result.sum_received.bytes)
    expect(received!.bytes).toBeGreaterThan(1 << 16)
    expect(sent!.bytes).toBeGreaterThanOrEqual(received!.bytes)
    expectAbout(fromGuest, received!.bytes)
    await expectNothingLeft(site)
  })

  test('runs 4 and 64 streams, all of which move bytes', { timeout: TIMEOUT_MS }, async ({
    site,
  }) => {
    await site.boot()
    for (const words of ['-P 4 -t 1', '-P 4 -R -t 1', '-P 64 -t 1', '-P 64 -R -t 1']) {
      const { streams } = await expectResults(site, words)
      expect(streams).toHaveLength(words.includes('64') ? 64 : 4)
      for (const { sender, receiver } of streams) {
        expect(receiver.bytes, words).toBeGreaterThan(0)
        if (words.includes('-R')) expect(sender.bytes).toBeGreaterThanOrEqual(receiver.bytes)
        else expectAllReceived(receiver.bytes, sender.bytes)
      }
    }
    await expectNothingLeft(site)
  })

  test('ends by bytes and blocks, omits, keeps a rate, and sets what a socket lets it set', {
    timeout: TIMEOUT_MS,
  }, async ({ site }) => {
    await site.boot()
    const byBytes = await expectResults(site, '-n 8M')
    // The client looks at the sum after a block: now and then it sends one more.
    expect(byBytes.sum_received.bytes).toBe(byBytes.sum_sent.bytes)
    expect(byBytes.sum_received.bytes).toBeGreaterThanOrEqual(8 << 20)
    const byBlocks = await expectResults(site, '-k 64 -l 32K -w 128K -M 1000 -N -Z -C reno -S 8')
    expect(byBlocks.sum_received.bytes).toBe(byBlocks.sum_sent.bytes)
    expect(byBlocks.sum_received.bytes).toBeGreaterThanOrEqual(64 << 15)
    const reverse = await expectResults(site, '-R -n 8M -w 128K -M 1000')
    expect(reverse.sum_received.bytes).toBeGreaterThanOrEqual(8 << 20)
    const paced = await expectResults(site, '-R -b 20M -t 2')
    expect(paced.sum_received.bytes).toBeLessThan(1.1 * 5e6)
    // After -O the two sides begin to count at slightly different times.
    const { result: omitted, toGuest } = await countOnTap(site, () =>
      expectResults(site, '-O 1 -t 1'),
    )
    expect(omitted.sum_received.bytes).toBeGreaterThan(0)
    expect(toGuest).toBeGreaterThan(omitted.sum_received.bytes)
    await expectNothingLeft(site)
  })

  test('is told in its own words what this server does not do', { timeout: TIMEOUT_MS }, async ({
    site,
  }) => {
    await site.boot()
    expect((await iperf3(site, '-u -t 1')).error).toMatch(/protocol does not exist/)
    expect((await iperf3(site, '-w 4M -t 1')).error).toMatch(/socket buffer size not set/)
    expect((await iperf3(site, '-P 65 --bidir -t 1')).error).toMatch(/parallel streams too large/)
    const credentials = `--username guest --rsa-public-key-path ${writePublicKey(site)}`
    expect((await iperf3(site, `-t 1 ${credentials}`)).error).toMatch(/authorization failed/)
    await expectResults(site, '-n 1M')
    await expectNothingLeft(site)
  })

  test('waits its turn: one test at a time', { timeout: TIMEOUT_MS }, async ({ site }) => {
    await site.boot()
    const first = await startEndlessTest(site)
    try {
      expect((await iperf3(site, '-t 1')).error).toMatch(/the server is busy/)
    } finally {
      await first.end('SIGINT')
    }
    await expectNothingLeft(site)
    await expectResults(site, '-n 1M')
  })

  test.for([
    ['sends', []],
    ['receives', ['-R', '-P', '4']],
  ] as [string, string[]][])(
    'may be killed while it %s: nothing stays and the next test works',
    { timeout: TIMEOUT_MS },
    async ([_, words], { site }) => {
      await site.boot()
      const client = await startEndlessTest(site, ...words)
      await client.end('SIGKILL')
      await expectNothingLeft(site)
      const { sum_received: received } = await expectResults(site, '-R -n 4M')
      expect(received.bytes).toBeGreaterThanOrEqual(4 << 20)
    },
  )
})
