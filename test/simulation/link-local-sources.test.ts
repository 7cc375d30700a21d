/**
 * Whoever talks to a link-local peer without an address of its own does so from a link-local one
 * (RFC 6724 §5 rule 2), and answers from the address that was asked where the protocol says so.
 */
import { beforeEach, expect, it } from 'vitest'
import type { Stack } from '../../net/api/stack.ts'
import { formatIpAddress } from '../../net/wire/ip-address-text.ts'
import { address } from '../support/interface-harness.ts'
import { Multihomed, OUR_LINK_LOCAL, OURS, PEER_LINK_LOCAL, PEERS } from './multihomed.ts'

const GROUP = 'ff02::77'
const HELLO = Uint8Array.of(1)

let world: Multihomed
/** Sources of datagrams and ICMPv6 echoes that the host has sent to the peer, by link. */
let sources: [string[], string[]]

function watch(): void {
  sources = [[], []]
  for (const index of [0, 1] as const) {
    const { left } = world.links[index]
    world.links[index].observer = (from, frame) => {
      const isEcho = frame[20] === 58 && frame[54]! >= 128 && frame[54]! <= 129
      if (from !== left || frame[12] !== 0x86 || !(frame[20] === 17 || isEcho)) return
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
      const [word0, word1, word2, word3] = [22, 26, 30, 34].map((at) => view.getInt32(at))
      const source = { version: 6, word0: word0!, word1: word1!, word2: word2!, word3: word3! }
      sources[index].push(formatIpAddress(source as Parameters<typeof formatIpAddress>[0]))
    }
  }
}

beforeEach(() => {
  world = new Multihomed({ isWeakHost: true })
  watch()
})

/** An endpoint of the host that answers with `send`, as to anybody. */
function echo(stack: Stack, port: number): void {
  const endpoint = stack.listenDatagram({ port }, async (bytes, from) => {
    await endpoint.send(bytes, from)
  })
  endpoint.joinGroup(GROUP)
}

it.each([
  ['its link-local address', OUR_LINK_LOCAL],
  ['its address of that link', OURS[1].ipv6],
  ['its address of the other link', OURS[0].ipv6],
  ['a group', GROUP],
])('an endpoint that sends to who has sent to %s', async (_, to) => {
  echo(world.host, 7)
  const peer = world.peers[1].udp.open({ address: address(PEER_LINK_LOCAL), port: 9 })
  peer.send(address(to), 7, HELLO, 0, 1)
  world.runFor(100)
  // The handler runs.
  for (let turn = 0; turn < 9; turn++) await Promise.resolve()
  world.runFor(100)
  expect(sources).toEqual([[], [OUR_LINK_LOCAL]])
  expect(peer.receivedCount()).toBe(1)
})

it.each([
  ['its link-local address', OUR_LINK_LOCAL],
  ['its address of the other link', OURS[0].ipv6],
])('an answer to what came for %s is from there', (_, to) => {
  const socket = world.host.udp.open({
    port: 7,
    handler: {
      onReadable() {
        socket.peek()
        socket.reply(HELLO, 0, 1)
        socket.consume()
      },
    },
  })
  const peer = world.peers[1].udp.open({ address: address(PEER_LINK_LOCAL), port: 9 })
  peer.send(address(to), 7, HELLO, 0, 1)
  world.runFor(500)
  expect(sources).toEqual([[], [to]])
  expect(peer.receivedCount()).toBe(1)
})

it.each([0, 1] as const)('an endpoint with one peer, on link %i', async (index) => {
  const hostname = `${PEER_LINK_LOCAL}%${index}`
  const endpoint = await world.settle(world.host.connectDatagram({ hostname, port: 9 }))
  await world.settle(endpoint.send(HELLO))
  world.runFor(500)
  expect(sources[index]).toEqual([OUR_LINK_LOCAL])
  expect(sources[1 - index]).toEqual([])
})

it.each([
  ['of the link', GROUP, OUR_LINK_LOCAL],
  ['that reaches further', 'ff05::77', OURS[1].ipv6],
])('a datagram to a group %s', async (_, group, source) => {
  const endpoint = world.host.listenDatagram({ port: 7, interface: 1 })
  await world.settle(endpoint.send(HELLO, { hostname: group, port: 9 }))
  world.runFor(500)
  expect(sources).toEqual([[], [source]])
})

it.each([
  ['its link-local address', OUR_LINK_LOCAL, OUR_LINK_LOCAL],
  ['all nodes', 'ff02::1', OUR_LINK_LOCAL],
])('an echo reply to who has asked %s', async (_, asked, source) => {
  const peer = world.peers[1]
  // From its link-local address, as it has no other.
  const global = peer.interface.addresses.entries.find(
    (entry) => formatIpAddress(entry.address) === PEERS[1].ipv6,
  )!
  peer.interface.removeAddress(global, world.clock.nowMs)
  await world.settle(peer.ping(asked).catch(() => null))
  expect(new Set(sources[1])).toEqual(new Set([source]))
})
