/**
 * The relayed topology with a Linux host in the guest's place: bytes exact, times and losses as
 * they were set.
 */
import { expect } from 'vitest'
import { Peer, patternSha256, TWIN_ADDRESS4, TWIN_ADDRESS6 } from '../src/index.ts'
import { test as base } from '../src/vitest/index.ts'

base.override('guest', { network: 'relayed' })

const PORT = 80

/** The far end, and the twin as the server of the pattern. */
const test = base.extend<{ far: Peer }>({
  far: async ({ topology, twin }, use) => {
    await twin.request('serve-pattern', { host: '::', port: PORT })
    const far = await Peer.start(topology.far)
    await use(far)
    await far.close()
  },
})

const get = (host: string, bytes: number) =>
  ({ host, port: PORT, path: `/bytes/${bytes}`, digest: 'sha256', timeoutMs: 50_000 }) as const

test('carries equal bytes both ways, counts every loss, and loses only packets of TCP', async ({
  far,
  relay,
}) => {
  await relay.set({
    seed: 5,
    loss: 0.01,
    duplication: 0.01,
    reordering: { probability: 0.01, holdMs: 1 },
    roundTripMs: 2,
  })
  const bytes = 4 << 20
  for (const host of [TWIN_ADDRESS4, TWIN_ADDRESS6]) {
    const answer = await far.request('download', get(host, bytes))
    expect([answer.bytes, answer.digest]).toEqual([bytes, patternSha256(bytes)])
    const target = { host, port: PORT, path: '/sink', bytes, timeoutMs: 50_000 }
    const sent = await far.request('upload', target)
    expect(JSON.parse(sent.body)).toEqual({ bytes, crc32: sent.crc32 })
  }
  const report = await relay.counters()
  for (const counters of Object.values(report)) {
    // 4 MiB in packets of at most 1,448 octets, over both families.
    expect(counters.eligible).toBeGreaterThan((2 * bytes) / 1448)
    expect(counters.lost / counters.eligible).toBeGreaterThan(0.005)
    expect(counters.lost / counters.eligible).toBeLessThan(0.015)
    expect(counters.duplicated).toBeGreaterThan(0)
    expect(counters.held).toBeGreaterThan(0)
    expect(counters.seen).toBeGreaterThan(counters.eligible)
    const { lost, duplicated, delivered, pending, seen } = counters
    expect(delivered + pending).toBe(seen - lost + duplicated)
    expect([counters.overflowed, counters.refused, counters.queueDropped]).toEqual([0, 0, 0])
  }
})

test('says by how many microseconds it was late', async ({ far, relay }) => {
  await relay.set({ seed: 1, roundTripMs: 2, megabitsPerSecond: 100 })
  await far.request('download', get(TWIN_ADDRESS4, 2 << 20))
  for (const { lateUs } of Object.values(await relay.counters())) {
    // A busy machine is not on time.
    expect(lateUs.median).toBeGreaterThanOrEqual(0)
    expect(lateUs.p99).toBeGreaterThanOrEqual(lateUs.median)
    expect(lateUs.p99).toBeLessThan(4096)
  }
})

test('both Linux hosts have CUBIC, whatever the machine has', async ({ far, topology }) => {
  const target = { host: TWIN_ADDRESS4, port: PORT, timeoutMs: 5_000 }
  await far.request('connect', target)
  for (const [namespace, address] of [
    [topology.far, TWIN_ADDRESS4],
    [topology.twin!, topology.peerAddress4],
  ] as const) {
    for (const family of ['-4', '-6']) {
      const { stdout } = await namespace.run(['ip', family, 'route', 'show'])
      expect(stdout).toContain('congctl cubic')
    }
    const { stdout } = await namespace.run(['ip', 'route', 'get', address])
    expect(stdout).toContain('congctl cubic')
  }
})

test.for([1, 20, 100])('takes %i ms for a round trip', async (roundTripMs, { far, relay }) => {
  await relay.set({ seed: 1, roundTripMs })
  const target = { host: TWIN_ADDRESS4, port: PORT, timeoutMs: 5_000 }
  // The first one asks for the neighbor, which is a round trip of its own.
  await far.request('connect', target)
  const times: number[] = []
  for (let count = 0; count < 9; count++) {
    times.push((await far.request('connect', target)).connectMs)
  }
  // A busy machine adds to it now and then, and never takes away.
  const least = Math.min(...times)
  expect(least).toBeGreaterThanOrEqual(roundTripMs)
  expect(least).toBeLessThan(roundTripMs + 10)
})

test('swallows packets above a size in one direction, without a word, and none once that is lifted', async ({
  far,
  relay,
  topology,
}) => {
  const limit = { seed: 1, maximumPacketBytes: { bytes: 1300, direction: 'from-guest' } } as const
  await relay.set(limit)
  const ping = (bytes: number) =>
    topology.far
      .run(['ping', '-c', '1', '-W', '1', '-M', 'do', '-s', String(bytes - 28), TWIN_ADDRESS4])
      .then(({ stdout }) => stdout)
      .catch((error: unknown) => String(error))
  expect(await ping(1300)).toContain('1 received')
  expect(await ping(1301)).not.toContain('1 received')
  const { 'from-guest': from, 'to-guest': to } = await relay.counters()
  expect([from.tooLarge, to.tooLarge]).toEqual([1, 0])
  await relay.set({ seed: 1 })
  const bytes = 1 << 20
  const answer = await far.request('download', get(TWIN_ADDRESS4, bytes))
  expect(answer.digest).toBe(patternSha256(bytes))
  expect((await relay.counters())['from-guest'].tooLarge).toBe(0)
})

test('limits the rate, and its queue drops at the tail', async ({ far, relay }) => {
  await relay.set({ seed: 1, roundTripMs: 10, megabitsPerSecond: 20, queueBytes: 30_000 })
  const bytes = 4 << 20
  const { digest, elapsedMs } = await far.request('download', get(TWIN_ADDRESS4, bytes))
  expect(digest).toBe(patternSha256(bytes))
  const megabits = (bytes * 8) / elapsedMs / 1000
  expect(megabits).toBeLessThan(20)
  const { 'from-guest': counters } = await relay.counters()
  expect(counters.queueDropped).toBeGreaterThan(0)
  expect(counters.lost).toBe(0)
})

test('gets single packets, each with its checksum, from a sender of super-segments', async ({
  far,
  relay,
  topology,
}) => {
  await relay.set({ seed: 1 })
  const bytes = 8 << 20
  const answer = await far.request('download', get(TWIN_ADDRESS4, bytes))
  expect(answer.digest).toBe(patternSha256(bytes))
  const { 'from-guest': counters } = await relay.counters()
  expect(counters.deliveredBytes / counters.delivered).toBeLessThanOrEqual(1514)
  expect(counters.delivered).toBeGreaterThan(bytes / 1448)
  const bad = (await topology.far.counters()).get('TcpInCsumErrors') ?? 0
  expect(bad).toBe(0)
  // The twin hands super-segments to its device: far fewer than packets.
  const { sentPackets } = await topology.twin!.interfaceStatistics('vt')
  expect(sentPackets).toBeLessThan(counters.seen / 2)
})

test('says that it has ended, to whoever asks it afterwards', async ({ relay }) => {
  await relay.set({ seed: 1 })
  await relay.close()
  await expect(relay.counters()).rejects.toThrow(
    'Cannot ask the relay for "counters": it has ended',
  )
})

test('is fast enough to be nobody’s limit', async ({ far, relay }) => {
  await relay.set({ seed: 1 })
  const bytes = 64 << 20
  const answer = await far.request('download', { ...get(TWIN_ADDRESS4, bytes), digest: 'none' })
  const megabits = (bytes * 8) / answer.elapsedMs / 1000
  expect(megabits).toBeGreaterThan(200)
})
