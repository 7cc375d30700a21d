/**
 * A path that swallows large packets without a word (RFC 4821, RFC 8899): the guest, which sends
 * super-segments, comes below it, and is back at full size when the path is whole again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { decodeFrame, GUEST_ADDRESS4, type PcapFrame, patternSha256, type Relay } from 'qemu-runner'
import { expect } from 'vitest'
import { test as base, GUEST } from '../support/fixtures.ts'
import { awaitReady } from '../support/site.ts'
import { readStats } from '../support/stats.ts'

base.override('guest', { ...GUEST, network: 'relayed', ready: awaitReady })
const test = base.extend<{ plain: undefined }>({ plain: undefined })

const CARRIED_BYTES = 1300
const WHOLE_BYTES = 1500
const ETHERNET_HEADER_BYTES = 14
/** RFC 4821 §7.7 and flow-path.ts: a black hole is believed in for half a minute. */
const BELIEVED_MS = 30_000
/** Goes on for longer than that, and leaves the processor to others. */
const SLOW = { megabitsPerSecond: 2, queueBytes: 30_000 } as const
/** More than the slow link carries until then. */
const LONG_BYTES = 24 << 20

/** The largest packet with the web server's text in each second of the capture; 0 = none. */
function largestBySecond(frames: readonly PcapFrame[]): number[] {
  const largest: number[] = []
  for (const frame of frames) {
    const { ip, tcp, timeMs } = decodeFrame(frame)
    if (tcp === undefined || tcp.sourcePort !== 80 || tcp.payloadLength === 0) continue
    const second = Math.floor((timeMs - frames[0]!.timeMs) / 1000)
    while (largest.length <= second) largest.push(0)
    largest[second] = Math.max(largest[second]!, ip!.packetLength)
  }
  return largest
}

/** Waits until so much of the guest's has crossed the relay since it was last set. */
async function delivered(relay: Relay, bytes: number): Promise<void> {
  while ((await relay.counters())['from-guest'].deliveredBytes < bytes) await delay(100)
}

/** Waits until packets of the guest are whole for a second, but for one or two. */
async function grown(relay: Relay): Promise<void> {
  for (;;) {
    await relay.set({ seed: 1, roundTripMs: 10, ...SLOW })
    await delay(1_000)
    const { delivered, deliveredBytes } = (await relay.counters())['from-guest']
    if (delivered === 0) throw new Error('All was sent before packets were whole again')
    if (deliveredBytes > delivered * (WHOLE_BYTES + ETHERNET_HEADER_BYTES - 20)) return
  }
}

test('carries exact bytes through a hole for packets above 1,300 octets, and full ones again after it', {
  timeout: 110_000,
}, async ({ vm, site, relay, peer }) => {
  const hole = { bytes: CARRIED_BYTES, direction: 'from-guest' } as const
  const get = (bytes: number) => {
    const path = `/bytes/${bytes}`
    return { host: GUEST_ADDRESS4, port: 80, path, digest: 'sha256', timeoutMs: 90_000 } as const
  }

  // From the first segment on: all of the first flight is lost.
  await relay.set({ seed: 1, roundTripMs: 10, maximumPacketBytes: hole })
  const { result, frames } = await site.capture([site.topology.wire], () =>
    peer.request('download', get(2 << 20)),
  )
  expect([result.bytes, result.digest]).toEqual([2 << 20, patternSha256(2 << 20)])
  expect(result.elapsedMs).toBeLessThan(20_000)
  const swallowed = (await relay.counters())['from-guest'].tooLarge
  expect(swallowed).toBeGreaterThan(0)
  expect(Math.max(...largestBySecond(frames[0]!))).toBeLessThanOrEqual(CARRIED_BYTES)

  // In the midst of a transfer, until the guest has come below it.
  await relay.set({ seed: 1, roundTripMs: 10, ...SLOW })
  const before = (await readStats(peer, GUEST_ADDRESS4)).tcp!
  let liftedMs = 0
  const long = await site.capture([site.topology.wire], async () => {
    const startMs = performance.now()
    const download = peer.request('download', get(LONG_BYTES))
    await delivered(relay, 500_000)
    await relay.set({ seed: 1, roundTripMs: 10, ...SLOW, maximumPacketBytes: hole })
    await delivered(relay, 500_000)
    await relay.set({ seed: 1, roundTripMs: 10, ...SLOW })
    liftedMs = performance.now() - startMs
    await grown(relay)
    await relay.set({ seed: 1, roundTripMs: 10 })
    return download
  })
  expect([long.result.bytes, long.result.digest]).toEqual([LONG_BYTES, patternSha256(LONG_BYTES)])
  const sizes = largestBySecond(long.frames[0]!)
  expect(sizes[0]).toBe(WHOLE_BYTES)
  const lifted = Math.ceil(liftedMs / 1000)
  // What is left of the half minute after the hole is gone.
  const low = sizes.slice(lifted, lifted + BELIEVED_MS / 2000)
  expect(Math.max(...low)).toBeLessThanOrEqual(CARRIED_BYTES)
  expect(Math.max(...sizes.slice(-3))).toBe(WHOLE_BYTES)
  // One may have met a full queue.
  const after = (await readStats(peer, GUEST_ADDRESS4)).tcp!
  const probes = after.mtuProbes - before.mtuProbes
  expect(probes).toBeGreaterThan(after.mtuProbesLost - before.mtuProbesLost)
  expect(vm.exit).toBeUndefined()
})
