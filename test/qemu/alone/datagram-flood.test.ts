/**
 * The booted guest under 50,000 small datagrams a second: TCP connects and echoes while the flood
 * lasts.
 */
import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { GUEST_ADDRESS4, type Peer } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { buildDatagramFlooder, DatagramFlood } from '../../../scripts/bench/flood/datagram-flood.ts'
import { GUEST_MAC } from '../../../scripts/bench/flood/syn-flood.ts'
import { GUEST, test } from '../support/fixtures.ts'
import { temporaryFolder } from '../support/paths.ts'
import { readStats } from '../support/stats.ts'

/** More than a guest under TCG can look at one by one; so long at most. */
const FLOOD = { perSecond: 50_000, seconds: 15, sources: 16 }
const WARM_UP_MS = 1500
const CONNECTIONS = 10
const ROUNDS = 5
/**
 * Without a share for TCP nothing comes back before the flood ends. A busy machine loses a segment
 * here and there, for which the sender waits 0.2 to 3 seconds.
 */
const ALL_MS = 12_000
const FIRST_MS = 6000
const MEDIAN_MS = 500

test.override('guest', { ...GUEST, network: 'direct' })

let folder = ''
let program = ''
beforeAll(async () => {
  folder = temporaryFolder()
  program = await buildDatagramFlooder(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function echoes(peer: Peer) {
  const times: number[] = []
  const start = performance.now()
  let firstMs = 0
  for (let count = 0; count < CONNECTIONS; count++) {
    const sizes = Array.from({ length: ROUNDS }, () => 64)
    const target = { host: GUEST_ADDRESS4, port: 7, timeoutMs: ALL_MS }
    const rounds = await peer.request('echo', { ...target, sizes })
    expect(rounds.every(({ equal }) => equal)).toBe(true)
    times.push(...rounds.map(({ elapsedMs }) => elapsedMs))
    if (count === 0) firstMs = performance.now() - start
  }
  times.sort((a, b) => a - b)
  return { firstMs, medianMs: times[times.length >> 1]!, allMs: performance.now() - start }
}

/** Who reads what is sent there: nobody, or somebody who answers it. */
describe.each([
  ['that nobody reads', 4321, {}],
  ['of echo', 7, {}],
  ['of echo, through a device that joins no segments', 7, { guestTso4: false, guestTso6: false }],
])('50,000 datagrams a second to a port %s', (_whose, port, device) => {
  test('leave TCP its share: connections open and echo as long as it lasts', {
    timeout: 100_000,
  }, async ({ site }) => {
    const { vm } = await site.boot({ device })
    const { peer, topology } = site
    const { namespace, interfaceName } = topology.tap
    const entry = `${GUEST_ADDRESS4} lladdr ${GUEST_MAC} dev ${interfaceName} nud permanent`
    await namespace.script(`ip neigh replace ${entry}`)
    const flood = new DatagramFlood(program, topology.near, { port, ...FLOOD })
    await delay(WARM_UP_MS)
    const { firstMs, medianMs, allMs } = await echoes(peer)
    expect(flood.isOver).toBe(false)
    expect(firstMs).toBeLessThan(FIRST_MS)
    expect(medianMs).toBeLessThan(MEDIAN_MS)
    expect(allMs).toBeLessThan(ALL_MS)
    const { sent, seconds } = await flood.end()
    expect(sent).toBeGreaterThan((FLOOD.perSecond * seconds) / 2)
    const stats = await readStats(peer, GUEST_ADDRESS4)
    // It was more than the guest could take in.
    expect(stats.interface!.datagramsShed).toBeGreaterThan(sent / 10)
    expect(vm.console.text).not.toMatch(/panic|failed/)
  })
})
