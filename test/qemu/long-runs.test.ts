/**
 * What only shows after a while: ring indices that wrap, a link that goes and comes back,
 * connections by the hundred.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { GUEST_HOST } from './support/guest-addresses.ts'
import { readStats } from './support/stats.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const TIMEOUT_MS = 110_000
const RECEIVE_QUEUE = 0
const TRANSMIT_QUEUE = 1

test.override('guest', { ...GUEST, network: 'direct' })

test('goes on when the 16-bit ring indices wrap, with event suppression (virtio §2.7.10)', {
  timeout: TIMEOUT_MS,
}, async ({ site }) => {
  const { vm, ready } = await site.boot({ append: { offload: 'event_idx,indirect_desc' } })
  expect(ready.features.negotiated).toContain('EVENT_IDX')
  const { near, tap } = site.topology
  const before = await near.interfaceStatistics(tap.interfaceName)
  // Single packets, so that each takes a ring entry: more than 65536 in each queue.
  for (const move of [expectDownload, expectUpload]) {
    for (let count = 0; count < 2; count++) {
      await move(site.peer, { host: GUEST_HOST[4] }, 48 << 20)
    }
  }
  const after = await near.interfaceStatistics(tap.interfaceName)
  expect(after.receivedPackets - before.receivedPackets).toBeGreaterThan(65_536)
  expect(after.sentPackets - before.sentPackets).toBeGreaterThan(65_536)
  for (const queue of [RECEIVE_QUEUE, TRANSMIT_QUEUE]) {
    expect((await vm.virtioNetQueue(queue)).usedIndex).toBeLessThan(65_536)
  }
  expect((await vm.virtioNet()).broken).toBe(false)
})

test('loses no byte when the link goes down and comes back in the middle of a transfer', {
  timeout: TIMEOUT_MS,
}, async ({ site }) => {
  const { vm } = await site.boot()
  for (const move of [expectDownload, expectUpload]) {
    const moving = move(site.peer, { host: GUEST_HOST[4] }, 64 << 20)
    for (let count = 0; count < 2; count++) {
      await delay(150)
      await vm.qmp.execute('set_link', { name: 'nic0', up: false })
      await delay(100)
      await vm.qmp.execute('set_link', { name: 'nic0', up: true })
    }
    await moving
  }
})

test('serves three hundred connections one after the other, and keeps none', {
  timeout: TIMEOUT_MS,
}, async ({ site }) => {
  await site.boot()
  for (let count = 0; count < 300; count++) {
    const rounds = await site.peer.request('echo', {
      host: GUEST_HOST[count % 2 === 0 ? 4 : 6],
      port: 7,
      sizes: [100],
      timeoutMs: 5000,
    })
    expect(rounds[0]?.equal).toBe(true)
  }
  await delay(200)
  const statistics = await readStats(site.peer, GUEST_HOST[4])
  // The one that asks.
  expect(statistics.connections.open).toBeLessThanOrEqual(1)
})
