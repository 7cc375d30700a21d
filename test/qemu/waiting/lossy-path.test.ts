/**
 * A few cells of the loss table in short: exact bytes over distance and loss, judged by a Linux
 * peer; speeds only as floors.
 */
import { GUEST_ADDRESS4, GUEST_ADDRESS6 } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { test as base, GUEST } from '../support/fixtures.ts'
import { awaitReady } from '../support/site.ts'
import { expectDownload, expectUpload } from '../support/transfer.ts'

base.override('guest', { ...GUEST, network: 'relayed', ready: awaitReady })
const test = base.extend<{ cell: undefined }>({ cell: undefined })

const HOSTS = { IPv4: GUEST_ADDRESS4, IPv6: GUEST_ADDRESS6 } as const

/**
 * With this one, one of the first hundred packets of each direction is lost even where only one in
 * a thousand is.
 */
const SEED = 79

/**
 * `floor`: Mbit/s that a stalled transfer misses, and a busy machine does not. How fast it is: make
 * bench CASE=loss.
 */
const CELLS = [
  { roundTripMs: 1, loss: 0.01, bytes: 2 << 20, floor: 2 },
  { roundTripMs: 1, loss: 0.05, bytes: 256 << 10, floor: 0.08 },
  { roundTripMs: 20, loss: 0.01, bytes: 1 << 20, floor: 0.4 },
  { roundTripMs: 100, loss: 0, bytes: 4 << 20, floor: 5 },
  { roundTripMs: 100, loss: 0.001, bytes: 1 << 20, floor: 0.5 },
] as const

describe.each(CELLS)('a round trip of $roundTripMs ms and loss of $loss', (cell) => {
  const { roundTripMs, loss, bytes, floor } = cell

  test.for(['IPv4', 'IPv6'] as const)(
    'carries exact bytes both ways over %s',
    async (family, { vm, relay, peer }) => {
      expect(vm.exit).toBeUndefined()
      const host = HOSTS[family]
      await relay.set({ seed: SEED, roundTripMs, loss })
      const down = await expectDownload(peer, { host }, bytes)
      const up = await expectUpload(peer, { host }, bytes)
      for (const { elapsedMs } of [down, up]) {
        expect((bytes * 8) / elapsedMs / 1000).toBeGreaterThan(floor)
      }
      // The peer compares, octet by octet: what it sends crosses the path twice, both directions at
      // once.
      const [round] = await peer.request('echo', {
        ...{ host, port: 7, sizes: [bytes >> 2], timeoutMs: 40_000 },
      })
      expect(round?.equal).toBe(true)
      const report = await relay.counters()
      for (const counters of Object.values(report)) {
        if (loss > 0) expect(counters.lost).toBeGreaterThan(0)
        else expect(counters.lost).toBe(0)
        expect([counters.overflowed, counters.refused]).toEqual([0, 0])
      }
    },
  )
})

test('carries exact bytes while packets come late, twice, or not at all', async ({
  vm,
  relay,
  peer,
}) => {
  await relay.set({
    seed: 3,
    roundTripMs: 10,
    loss: 0.01,
    duplication: 0.02,
    reordering: { probability: 0.05, holdMs: 3 },
  })
  await expectDownload(peer, { host: GUEST_ADDRESS4 }, 2 << 20)
  await expectUpload(peer, { host: GUEST_ADDRESS6 }, 2 << 20)
  for (const counters of Object.values(await relay.counters())) {
    expect(Math.min(counters.lost, counters.duplicated, counters.held)).toBeGreaterThan(0)
  }
  expect(vm.exit).toBeUndefined()
})

test('shares a slow link with a full queue: four transfers at once, each exact', async ({
  vm,
  relay,
  peer,
}) => {
  await relay.set({ seed: 4, roundTripMs: 20, megabitsPerSecond: 40, queueBytes: 60_000 })
  // What a transfer has for itself on this machine, as busy as it is.
  const target = { host: GUEST_ADDRESS4 }
  const ways = [expectDownload, expectUpload] as const
  const alone: number[] = []
  for (const way of ways) alone.push((await way(peer, target, 3 << 20)).elapsedMs)
  const transfers = await Promise.all(
    [0, 1, 2, 3].map((index) => ways[index % 2]!(peer, target, 3 << 20)),
  )
  const report = await relay.counters()
  expect(report['from-guest'].queueDropped).toBeGreaterThan(0)
  expect(report['to-guest'].queueDropped).toBeGreaterThan(0)
  for (const [index, { elapsedMs }] of transfers.entries()) {
    // Two share the link in each direction, and four the guest: half of a quarter is what each has
    // at least.
    expect(elapsedMs).toBeLessThan(8 * alone[index % 2]!)
  }
  expect(vm.exit).toBeUndefined()
})
