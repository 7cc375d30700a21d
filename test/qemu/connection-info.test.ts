/**
 * What the guest says of its connections' paths, beside what the path is: a relay knows the
 * distance, the peer its window.
 */

import { GUEST_ADDRESS4, type Peer } from 'qemu-runner'
import { describe, expect } from 'vitest'
import type { TcpInfo } from '../../net/socket/tcp/tcp-info.ts'
import { buildApp } from './support/build-app.ts'
import { test as base, GUEST } from './support/fixtures.ts'
import { awaitReady } from './support/site.ts'
import { readStats } from './support/stats.ts'

const ROUND_TRIP_MS = 40
const TIMEOUT_MS = 40_000

base.override('guest', { ...GUEST, network: 'relayed', ready: awaitReady })
const test = base.extend<{ info: undefined }>({ info: undefined })

/** What a service says before it closes. */
async function listenTo(peer: Peer, port: number, send = ''): Promise<string> {
  const { received } = await peer.request('exchange', {
    host: GUEST_ADDRESS4,
    port,
    send: Buffer.from(send).toString('base64'),
    halfClose: false,
    timeoutMs: 5_000,
  })
  return Buffer.from(received, 'base64').toString('latin1')
}

/** What is said of a path of 40 ms without loss. */
function expectPath(info: TcpInfo): void {
  expect(info.state).toBe('ESTABLISHED')
  expect(info.minimumRoundTripMs).toBeGreaterThanOrEqual(ROUND_TRIP_MS)
  expect(info.roundTripMs).toBeGreaterThanOrEqual(ROUND_TRIP_MS)
  // A busy machine, or a queue, makes it more.
  expect(info.roundTripMs).toBeLessThan(20 * ROUND_TRIP_MS)
  expect(info.retransmitTimeoutMs).toBeGreaterThan(info.roundTripMs)
  expect(info.congestionControl).toMatch(/^[a-z]+$/)
  // RFC 7323 timestamps take 12 octets of each segment of 1460.
  expect([info.segmentSizeBytes, info.pathMtuBytes]).toEqual([1448, 1500])
  expect([info.hasTimestamps, info.hasWindowScaling]).toEqual([true, true])
}

describe('/stats', () => {
  test('lists the busy connection first, with its path, and what it waits for', async ({
    vm,
    relay,
    peer,
  }) => {
    expect(vm.exit).toBeUndefined()
    await relay.set({ seed: 1, roundTripMs: ROUND_TRIP_MS, megabitsPerSecond: 20 })
    const bytes = 8 << 20
    const download = peer.request('download', {
      ...{ host: GUEST_ADDRESS4, port: 80, path: `/bytes/${bytes}` },
      ...{ digest: 'none', timeoutMs: TIMEOUT_MS },
    })
    const seen = new Set<string>()
    for (let isOver = false; !isOver; ) {
      const { connections } = await readStats(peer, GUEST_ADDRESS4)
      const busy = connections.list.find(({ bytesSent }) => bytesSent > 1 << 20)
      // Later it is FIN-WAIT-1: all that is left of the response lies in the send buffer.
      if (busy?.state === 'ESTABLISHED' && busy.unsentBytes > 0) {
        expect(connections.list[0]).toBe(busy)
        expectPath(busy)
        expect(busy.inFlightBytes).toBeLessThanOrEqual(busy.congestionWindowBytes + 65_536)
        expect(busy.sendBuffer.queuedBytes).toBeGreaterThanOrEqual(busy.inFlightBytes)
        seen.add(busy.sendLimit)
      }
      isOver = await Promise.race([
        download.then(() => true),
        new Promise<false>((resolve) => setTimeout(resolve, 100, false)),
      ])
    }
    expect(seen.size).toBeGreaterThan(0)
    // The path is what is slow here: never the lack of something to send.
    expect([...seen]).not.toContain('nothing')
  })
})

describe('connection.info()', () => {
  test('tells an app that its peer does not read', async ({
    launchGuest,
    relay,
    topology,
    peer,
  }) => {
    await launchGuest({ initrd: await buildApp('tells.ts') })
    await relay.set({ seed: 1, roundTripMs: ROUND_TRIP_MS })
    // It takes what its window holds, and reads nothing.
    const reader = topology.far.spawn(
      ['socat', '-u', `TCP:${GUEST_ADDRESS4}:7001`, 'EXEC:sleep 60'],
      { stdio: 'ignore' },
    )
    try {
      await expect
        .poll(
          async () => {
            const [info] = JSON.parse(await listenTo(peer, 7002)) as TcpInfo[]
            if (info === undefined) return 'not there'
            expectPath(info)
            return info.sendLimit
          },
          { timeout: TIMEOUT_MS, interval: 200 },
        )
        .toBe('peer window')
      const [info] = JSON.parse(await listenTo(peer, 7002)) as [TcpInfo]
      expect(info.peerWindowBytes - info.inFlightBytes).toBeLessThan(info.segmentSizeBytes)
      expect(info.sendBuffer.queuedBytes).toBeGreaterThan(0)
      expect(info.retransmissions).toBe(0)
    } finally {
      reader.kill('SIGKILL')
    }
    await expect.poll(async () => JSON.parse(await listenTo(peer, 7002))).toEqual([])
  })
})
