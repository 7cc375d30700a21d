/** What may come or fail on one of two links, and must not reach what the other is for. */
import { beforeEach, describe, expect, it } from 'vitest'
import { DatagramSend } from '../../net/socket/datagram/datagram-send.ts'
import { QUEUE_DATAGRAMS } from '../../net/socket/datagram/datagram-socket.ts'
import { SEND_HOLD_MS } from '../../net/socket/datagram/send-queue.ts'
import { address } from '../support/interface-harness.ts'
import { Multihomed, OURS, PEERS } from './multihomed.ts'

const IDLE = { onReadable() {}, onWritable() {}, onError() {} }

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

describe('an interface whose transmit queue takes nothing any more', () => {
  /** Both peers are known, and each has a socket at port 9. */
  async function meet() {
    const sinks = world.peers.map((peer) => peer.listenDatagram({ port: 9 }))
    const socket = world.host.udp.open({ port: 4000, handler: IDLE })
    const send = (index: 0 | 1, text: number) =>
      socket.send(address(PEERS[index].ipv4), 9, Uint8Array.of(text), 0, 1)
    const heard = async (index: 0 | 1) => (await world.settle(sinks[index]!.receive()))[0][0]
    for (const index of [0, 1] as const) {
      send(index, 0)
      expect(await heard(index)).toBe(0)
    }
    world.setStuck(0, true)
    return { send, heard }
  }

  it('does not hold up what a socket sends by the other, and keeps its own', async () => {
    const { send, heard } = await meet()
    for (const text of [1, 2]) expect(send(0, text)).toBe(DatagramSend.Queued)
    world.runFor(10)
    expect(send(1, 3)).toBe(DatagramSend.Queued)
    expect(await heard(1)).toBe(3)
    world.setStuck(0, false)
    expect([await heard(0), await heard(0)]).toEqual([1, 2])
  })

  it('leaves room in a full queue to what goes by the other', async () => {
    const { send, heard } = await meet()
    while (send(0, 1) === DatagramSend.Queued);
    world.runFor(10)
    expect(send(0, 1)).toBe(DatagramSend.Full)
    expect(send(1, 2)).toBe(DatagramSend.Queued)
    expect(await heard(1)).toBe(2)
    expect(world.host.udp.statistics.drops.interfaceFull).toBe(1)
  })

  it('has what it does not take for five seconds dropped: no sender waits for ever', async () => {
    const { heard } = await meet()
    const endpoint = world.host.listenDatagram({ port: 4001 })
    const to = { hostname: PEERS[0].ipv4, port: 9 }
    const startMs = world.clock.nowMs
    // Half as many again as the queue holds.
    const count = QUEUE_DATAGRAMS + QUEUE_DATAGRAMS / 2
    for (let sent = 0; sent < count; sent++) await world.settle(endpoint.send(Uint8Array.of(1), to))
    expect(world.clock.nowMs - startMs).toBe(SEND_HOLD_MS)
    world.runFor(2 * SEND_HOLD_MS)
    expect(world.host.udp.statistics.drops.interfaceFull).toBe(count)
    world.setStuck(0, false)
    await world.settle(endpoint.send(Uint8Array.of(7), to))
    expect(await heard(0)).toBe(7)
  })

  it('does not keep those who connect by the other waiting', async () => {
    world.host.listen({ port: 7 }, async () => {})
    const connectBy = (index: 0 | 1) =>
      world.peers[index].connect({ hostname: OURS[index].ipv4, port: 7 }).then(() => index)
    // Neighbors know each other.
    expect(await world.settle(Promise.all([connectBy(0), connectBy(1)]))).toEqual([0, 1])
    world.setStuck(0, true)
    const held = Promise.all(Array.from({ length: 20 }, () => connectBy(0)))
    world.runFor(100)
    // Their SYN-ACKs wait as the others' do: for a moment nothing leaves by either.
    world.links[1].left.isStuck = true
    const free = connectBy(1)
    world.runFor(100)
    // Each is a turn, as whatever else comes to the host is.
    for (let turn = 0; turn < 3; turn++) world.setStuck(1, false)
    expect(await world.settle(free, 500)).toBe(1)
    world.setStuck(0, false)
    expect(await world.settle(held)).toHaveLength(20)
  })
})
