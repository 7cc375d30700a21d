/** What may come or fail on one of two links, and must not reach what the other is for. */
import { beforeEach, describe, expect, it } from 'vitest'
import { address } from '../support/interface-harness.ts'
import { Multihomed, OURS } from './multihomed.ts'

let world: Multihomed

beforeEach(() => {
  world = new Multihomed()
})

describe('a packet from an address of ours on the other link (RFC 1122 §3.2.1.3, LAND)', () => {
  /** The peer of the second link takes the host's address of the first for its own. */
  function forge(family: 'ipv4' | 'ipv6'): void {
    const forger = world.peers[1]
    forger.addAddress(`${OURS[0][family]}/${family === 'ipv4' ? 32 : 128}`, world.clock.nowMs)
    world.runFor(3_000)
  }

  function badSources(): number {
    const { ipv4BadSource, ipv6BadSource } = world.host.host.interfaces[1]!.counters
    return ipv4BadSource + ipv6BadSource
  }

  it.each(['ipv4', 'ipv6'] as const)(
    'is dropped, and no application answers: %s',
    async (family) => {
      forge(family)
      let heard = 0
      const endpoint = world.host.listenDatagram({ port: 7 }, async (bytes, from) => {
        heard++
        await endpoint.send(bytes, from)
      })
      const forger = world.peers[1].listenDatagram({ port: 7, hostname: OURS[0][family] })
      await world.settle(forger.send(new Uint8Array(8), { hostname: OURS[1][family], port: 7 }))
      world.runFor(1_000)
      await world.settle(Promise.resolve())
      expect(heard).toBe(0)
      expect(badSources()).toBe(1)
    },
  )

  it.each(['ipv4', 'ipv6'] as const)('opens no connection: %s', (family) => {
    forge(family)
    let accepted = 0
    world.host.listen({ port: 7 }, async () => {
      accepted++
    })
    world.peers[1].tcp.connect(
      { address: address(OURS[1][family]), port: 7, localAddress: address(OURS[0][family]) },
      world.clock.nowMs,
    )
    world.runFor(1_500)
    expect(badSources()).toBeGreaterThan(0)
    expect(world.host.tcp.connectionCount).toBe(0)
    expect(world.host.tcp.statistics.passiveOpens).toBe(0)
    expect(accepted).toBe(0)
  })
})
