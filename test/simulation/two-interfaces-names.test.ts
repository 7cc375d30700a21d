/** The name servers that two interfaces have told of, and by which link each is asked. */
import { beforeEach, describe, expect, it } from 'vitest'
import { DnsType } from '../../net/wire/dns.ts'
import { aaaa, readQuery, response } from '../support/dns-messages.ts'
import { address } from '../support/interface-harness.ts'
import { Multihomed, PEER_LINK_LOCAL } from './multihomed.ts'

let world: Multihomed

beforeEach(() => {
  world = new Multihomed()
})

it('name servers and domains of all interfaces are asked in their order, none twice', () => {
  const [first, second] = world.host.host.interfaces
  const { nameServers } = world.host
  second!.nameServers.set(
    'dhcpv4',
    [address('10.9.0.2'), address('10.9.0.3')],
    ['b.example', 'lan'],
  )
  first!.nameServers.set('dhcpv4', [address('10.9.0.1'), address('10.9.0.2')], ['a.example', 'lan'])
  expect(nameServers.servers.map(({ address: { word3 } }) => word3 & 0xff)).toEqual([1, 2, 3])
  expect(nameServers.search).toEqual(['a.example', 'lan', 'b.example'])
  expect(nameServers.servers.map(({ interfaceIndex }) => interfaceIndex)).toEqual([-1, -1, -1])
})

it('name servers of the same link-local address on two links are two, asked each by its own', async () => {
  const asked: number[] = []
  for (const index of [0, 1] as const) {
    const iface = world.host.host.interfaces[index]!
    iface.nameServers.set('router-advertisement', [address(PEER_LINK_LOCAL)], [])
    world.peers[index].listenDatagram({ port: 53 }, () => {
      asked.push(index)
    })
  }
  const { nameServers } = world.host
  expect(nameServers.servers.map(({ interfaceIndex }) => interfaceIndex)).toEqual([0, 1])
  await world.settle(world.host.resolve('silent.example').catch(() => []))
  expect(new Set(asked)).toEqual(new Set([0, 1]))
})

describe('a name of the second link that has a link-local address only (RFC 6762, RFC 4007 §6)', () => {
  const NAME = 'device.local'
  const ZONED = `${PEER_LINK_LOCAL}%1`

  beforeEach(() => {
    const responder = world.peers[1].listenDatagram({ port: 5353 }, async (bytes, from) => {
      const { id, name, type } = readQuery(bytes)
      const answers = type === DnsType.Aaaa ? [aaaa(name, PEER_LINK_LOCAL, 10)] : []
      await responder.send(
        response({ id, flags: 0x8400, questions: [{ name, type }], answers }),
        from,
      )
    })
    responder.joinGroup('ff02::fb')
  })

  it('is resolved with the zone that its answer came by, and again out of the cache', async () => {
    for (let time = 0; time < 2; time++) {
      expect(await world.settle(world.host.resolve(NAME, { family: 6 }))).toEqual([ZONED])
    }
    expect(world.host.reportNames()).toMatchObject({ cacheHits: 1 })
    expect(await world.host.resolve(ZONED)).toEqual([ZONED])
  })

  it('is connected to, sent to and pinged there, and errors say where that is', async () => {
    world.peers[1].listen({ port: 7 }, async () => {})
    const connection = await world.settle(world.host.connect({ hostname: NAME, port: 7 }))
    expect(connection.remoteAddress.hostname).toBe(ZONED)
    const refused = world.host.connect({ hostname: NAME, port: 8 })
    await expect(world.settle(refused)).rejects.toThrow(
      `Cannot connect to ${NAME} port 8: ${ZONED} refused`,
    )
    const sink = world.peers[1].listenDatagram({ port: 9 })
    const endpoint = await world.settle(world.host.connectDatagram({ hostname: NAME, port: 9 }))
    await endpoint.send(Uint8Array.of(1))
    expect((await world.settle(sink.receive()))[0]).toEqual(Uint8Array.of(1))
    expect(await world.settle(world.host.ping(NAME))).toMatchObject({ hostname: ZONED })
    const unheard = await world.settle(world.host.connectDatagram({ hostname: NAME, port: 10 }))
    await unheard.send(Uint8Array.of(1))
    await expect(world.settle(unheard.receive())).rejects.toMatchObject({
      message: `A packet to ${ZONED} port 10 was refused: nobody there takes it (reported by ${ZONED})`,
      hostname: ZONED,
      reporter: ZONED,
    })
  })
})
