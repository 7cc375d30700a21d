/** The name servers that two interfaces have told of, and by which link each is asked. */
import { beforeEach, expect, it } from 'vitest'
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
