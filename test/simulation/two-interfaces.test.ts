/** A host with two interfaces, each on its own link (RFC 1122 §3.3.4, RFC 4007, RFC 6724 §4). */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Stack } from '../../net/api/stack.ts'
import { isSameAddress } from '../../net/wire/ip-address.ts'
import { address } from '../support/interface-harness.ts'
import { FAR, Multihomed, OUR_LINK_LOCAL, OURS, PEER_LINK_LOCAL, PEERS } from './multihomed.ts'

let world: Multihomed

beforeEach(() => {
  world = new Multihomed()
})

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Answers each connection with a greeting and who it takes the peer for. */
function greet(stack: Stack, port: number, greeting: string): void {
  stack.listen({ port }, async (connection) => {
    await connection.write(encoder.encode(`${greeting} to ${connection.remoteAddress.hostname}`))
  })
}

/** What a server says to whoever connects. */
async function ask(stack: Stack, hostname: string, port: number): Promise<string> {
  const connection = await stack.connect({ hostname, port })
  const target = new Uint8Array(200)
  const length = await connection.read(target)
  connection.abort()
  return decoder.decode(target.subarray(0, length ?? 0))
}

function countersOf(index: number) {
  return world.host.host.interfaces[index]!.counters
}

/** RFC 1122 §3.3.4.2: no packet leaves by one interface from an address of the other. */
function expectWiresClean(): void {
  for (const index of [0, 1] as const) {
    const own = [OURS[index].ipv4, OURS[index].ipv6, OUR_LINK_LOCAL, '::']
    expect([...world.sources[index]].filter((source) => !own.includes(source))).toEqual([])
  }
}

describe('the same link-local peer on two links (RFC 4007)', () => {
  it('is two peers, named by the zone: connections of equal addresses and ports do not mix', async () => {
    for (const index of [0, 1] as const) greet(world.peers[index], 7, `peer ${index}`)
    const sockets = [0, 1].map((interfaceIndex) => {
      const hostname = `${PEER_LINK_LOCAL}%${interfaceIndex}`
      return world.host.connect({ hostname, port: 7 })
    })
    const connections = await world.settle(Promise.all(sockets))
    const texts = connections.map(async (connection) => {
      const target = new Uint8Array(200)
      const length = (await connection.read(target))!
      return decoder.decode(target.subarray(0, length))
    })
    expect(await world.settle(Promise.all(texts))).toEqual([
      `peer 0 to ${OUR_LINK_LOCAL}`,
      `peer 1 to ${OUR_LINK_LOCAL}`,
    ])
    expect(connections.map(({ remoteAddress }) => remoteAddress.hostname)).toEqual([
      `${PEER_LINK_LOCAL}%0`,
      `${PEER_LINK_LOCAL}%1`,
    ])
    expectWiresClean()
  })

  it('may connect from the same port to the same address: both are served, each on its link', async () => {
    greet(world.host, 7, 'host')
    const both = [0, 1].map((index) => {
      const peer = world.peers[index]!
      const [localAddress] = peer.interface.addresses.entries
      const target = world.host.interface.addresses.entries[0]!.address
      return peer.tcp.connect(
        { address: target, port: 7, localAddress: localAddress!.address, localPort: 6000 },
        world.clock.nowMs,
      )
    })
    world.runFor(1_000)
    const texts = both.map((socket) => {
      const target = new Uint8Array(200)
      return decoder.decode(target.subarray(0, socket.receive(target, 0, 200)))
    })
    expect(texts).toEqual([`host to ${PEER_LINK_LOCAL}%0`, `host to ${PEER_LINK_LOCAL}%1`])
    expect(world.host.tcp.connectionCount + world.host.tcp.timeWaitCount).toBe(2)
  })

  it('is not reached without a zone, nor by an interface that there is not', async () => {
    const attempt = (hostname: string) =>
      world.settle(world.host.connect({ hostname, port: 7 }).then(() => 'connected', String))
    expect(await attempt(PEER_LINK_LOCAL)).toContain('no route to the peer')
    expect(await attempt(`${PEER_LINK_LOCAL}%2`)).toContain('no interface 2: there is 0 to 1')
  })

  it('answers echo requests by the link that is named', async () => {
    for (const index of [0, 1]) {
      const hostname = `${PEER_LINK_LOCAL}%${index}`
      expect(await world.settle(world.host.ping(hostname))).toMatchObject({ hostname })
    }
  })
})

describe('routes', () => {
  it('lead to the longest prefix of all interfaces, from an address of the one they leave by', async () => {
    for (const index of [0, 1] as const) {
      greet(world.peers[index], 7, `peer ${index}`)
      for (const family of ['ipv4', 'ipv6'] as const) {
        const said = ask(world.host, PEERS[index][family], 7)
        expect(await world.settle(said)).toBe(`peer ${index} to ${OURS[index][family]}`)
      }
    }
    expectWiresClean()
  })

  it('of two defaults, that of the first interface is used, and the other while its link is down', async () => {
    for (const index of [0, 1] as const) greet(world.peers[index], 7, `peer ${index}`)
    expect(await world.settle(ask(world.host, FAR, 7))).toBe(`peer 0 to ${OURS[0].ipv4}`)
    world.setLink(0, false)
    expect(await world.settle(ask(world.host, FAR, 7))).toBe(`peer 1 to ${OURS[1].ipv4}`)
    world.setLink(0, true)
    expect(await world.settle(ask(world.host, FAR, 7))).toBe(`peer 0 to ${OURS[0].ipv4}`)
    expectWiresClean()
  })

  it('the other default is used, too, where the first router is silent', async () => {
    for (const index of [0, 1] as const) greet(world.peers[index], 7, `peer ${index}`)
    world.links[0].right.link.isUp = false
    world.peers[0].interface.removeAddress(
      world.peers[0].interface.addresses.entries.find(({ address }) => address.version === 4)!,
      world.clock.nowMs,
    )
    const first = world.settle(ask(world.host, FAR, 7).catch(() => 'nobody'))
    expect(await first).toBe('nobody')
    expect(await world.settle(ask(world.host, FAR, 7))).toBe(`peer 1 to ${OURS[1].ipv4}`)
  })

  it('a prefix stays with its link that is down: nothing of it is seen on the other', async () => {
    world.setLink(0, false)
    const attempt = world.host.connect({ hostname: PEERS[0].ipv4, port: 7 })
    attempt.catch(() => {})
    world.runFor(10_000)
    expectWiresClean()
    expect([...world.sources[1]]).not.toContain(OURS[0].ipv4)
  })

  it('a connection stays with its address, and goes on once its link is back', async () => {
    const arrived: number[] = []
    world.peers[0].listen({ port: 9 }, async (connection) => {
      const target = new Uint8Array(4096)
      for (let length = await connection.read(target); length !== null; ) {
        arrived.push(length)
        length = await connection.read(target)
      }
    })
    const connecting = world.host.connect({ hostname: PEERS[0].ipv4, port: 9 })
    const connection = await world.settle(connecting)
    await world.settle(connection.write(new Uint8Array(1000)))
    world.setLink(0, false)
    await world.settle(connection.write(new Uint8Array(2000)))
    world.runFor(5_000)
    world.setLink(0, true)
    world.runFor(30_000)
    await world.settle(Promise.resolve())
    expect(arrived.reduce((sum, length) => sum + length, 0)).toBe(3000)
    expectWiresClean()
  })
})

describe('a packet for an address of the other interface (RFC 1122 §3.3.4.2)', () => {
  it.each(['ipv4', 'ipv6'] as const)('is dropped and counted: %s', async (family) => {
    greet(world.host, 7, 'host')
    const attempt = world.peers[0].connect({ hostname: OURS[1][family], port: 7 })
    attempt.catch(() => {})
    world.runFor(5_000)
    const reason = family === 'ipv4' ? 'ipv4OtherInterface' : 'ipv6OtherInterface'
    expect(countersOf(0)[reason]).toBeGreaterThan(0)
    expect(countersOf(1)[reason]).toBe(0)
    expect(world.host.tcp.connectionCount).toBe(0)
  })

  it.each(['ipv4', 'ipv6'] as const)(
    'is taken by a weak host, and answered: %s',
    async (family) => {
      world = new Multihomed({ isWeakHost: true })
      greet(world.host, 7, 'host')
      const said = ask(world.peers[0], OURS[1][family], 7)
      expect(await world.settle(said)).toBe(`host to ${PEERS[0][family]}`)
      expect(countersOf(0).ipv4OtherInterface + countersOf(0).ipv6OtherInterface).toBe(0)
    },
  )

  it('its link-local address stays on its link even then', async () => {
    world = new Multihomed({ isWeakHost: true })
    greet(world.host, 7, 'host')
    const said = [0, 1].map((index) => ask(world.peers[index]!, OUR_LINK_LOCAL, 7))
    expect(await world.settle(Promise.all(said))).toEqual([
      `host to ${PEER_LINK_LOCAL}%0`,
      `host to ${PEER_LINK_LOCAL}%1`,
    ])
  })
})

describe('a link-local peer that asks for an address of the other interface (RFC 4007 §6)', () => {
  const OTHER_PEER = 'fe80::99'

  beforeEach(() => {
    world = new Multihomed({ isWeakHost: true })
    // Where the answers must not go, somebody would take them.
    world.peers[0].addAddress(`${OTHER_PEER}/64`, world.clock.nowMs)
    world.peers[1].addAddress(`${OTHER_PEER}/64`, world.clock.nowMs)
    world.runFor(3_000)
  })

  function connectFrom(index: 0 | 1, localAddress: string, port = 7) {
    const ends = { address: address(OURS[0].ipv6), port, localPort: 6000 }
    const from = { localAddress: address(localAddress) }
    return world.peers[index].tcp.connect({ ...ends, ...from }, world.clock.nowMs)
  }

  function heard(socket: ReturnType<typeof connectFrom>): string {
    const target = new Uint8Array(200)
    return decoder.decode(target.subarray(0, socket.receive(target, 0, 200)))
  }

  it('is answered on its link, from SYN-ACK to TIME-WAIT', () => {
    const listener = world.host.tcp.listen({ port: 7 })
    const socket = connectFrom(1, OTHER_PEER)
    world.runFor(1_000)
    const accepted = listener.accept()!
    accepted.send(encoder.encode('hello'), 0, 5)
    // Our side ends first: FIN-WAIT-2, then TIME-WAIT.
    accepted.close()
    world.runFor(1_000)
    expect([heard(socket), world.host.tcp.finWait2Count]).toEqual(['hello', 1])
    socket.close()
    world.runFor(1_000)
    expect([socket.error, world.host.tcp.timeWaitCount]).toEqual([null, 1])
    // To the peer of the other link the record is nothing (its SYN begins a connection of its own).
    connectFrom(0, OTHER_PEER)
    world.runFor(1_000)
    expect([world.host.tcp.connectionCount, world.host.tcp.timeWaitCount]).toEqual([1, 1])
    expect([...world.sources[1]]).toContain(OURS[0].ipv6)
  })

  it('is found there after it was idle, and when it is reset', () => {
    const listener = world.host.tcp.listen({ port: 7 })
    const socket = connectFrom(1, OTHER_PEER)
    world.runFor(8_000)
    const accepted = listener.accept()!
    expect(accepted.flow).toBeNull()
    accepted.send(encoder.encode('late'), 0, 4)
    world.runFor(1_000)
    expect(heard(socket)).toBe('late')
    world.runFor(8_000)
    accepted.abort()
    world.runFor(1_000)
    expect(socket.error?.code).toBe('reset')
  })

  it('is another on each link, with equal addresses and ports', () => {
    greet(world.host, 7, 'host')
    const both = ([0, 1] as const).map((index) => connectFrom(index, OTHER_PEER))
    world.runFor(1_000)
    const texts = [`host to ${OTHER_PEER}%0`, `host to ${OTHER_PEER}%1`]
    expect(both.map(heard)).toEqual(texts)
    for (const socket of both) socket.close()
    world.runFor(5_000)
    expect(both.map(({ error }) => error)).toEqual([null, null])
    const again = ([1, 0] as const).map((index) => connectFrom(index, PEER_LINK_LOCAL))
    world.runFor(1_000)
    expect(again.map(heard)).toEqual([
      `host to ${PEER_LINK_LOCAL}%1`,
      `host to ${PEER_LINK_LOCAL}%0`,
    ])
  })

  it.each([0, 1] as const)('has an error of its own link %i', (index) => {
    const listener = world.host.tcp.listen({ port: 7 })
    for (const each of [0, 1] as const) connectFrom(each, OTHER_PEER)
    world.runFor(1_000)
    const sockets = [listener.accept()!, listener.accept()!]
    sockets.sort((a, b) => a.flow!.zone - b.flow!.zone)
    for (const loss of [0, 1]) {
      for (const each of [0, 1] as const) {
        world.links[each].options.loss = loss
        sockets[each]!.send(encoder.encode('text'), 0, 4)
      }
      world.runFor(100)
    }
    const { localAddress, localPort, remoteAddress, remotePort } = sockets[index]!
    const quoted = { source: localAddress, sourcePort: localPort, destination: remoteAddress }
    world.host.tcp.processError(
      {
        ...{ ...quoted, destinationPort: remotePort, ipVersion: 6, kind: 'soft', mtu: 0 },
        ...{ isBelowFloor: false, isProven: false, interfaceIndex: 0, arrivalIndex: index },
        sequenceNumber: sockets[index]!.sendUnacknowledged,
      },
      world.clock.nowMs,
    )
    expect(sockets[index]!.softError).toBe('unreachable')
    expect(sockets[1 - index]!.softError).not.toBe('unreachable')
  })

  it('is told apart in a row of connections, which are copies of each other', () => {
    const listener = world.host.tcp.listen({ port: 7 })
    for (const index of [1, 1, 1, 0, 0, 0, 1, 0] as const) {
      const { tcp } = world.peers[index]
      const ends = { address: address(OURS[0].ipv6), port: 7, localAddress: address(OTHER_PEER) }
      const socket = tcp.connect(ends, world.clock.nowMs)
      world.runFor(100)
      const accepted = listener.accept()!
      accepted.send(encoder.encode(`${index}`), 0, 1)
      world.runFor(100)
      expect(heard(socket)).toBe(`${index}`)
      expect(accepted.flow!.zone).toBe(index)
    }
  })

  it('gets in with a SYN cookie', () => {
    world = new Multihomed({ isWeakHost: true, tcp: { maxHalfOpenPerListener: 0 } })
    greet(world.host, 7, 'host')
    const socket = connectFrom(1, PEER_LINK_LOCAL)
    world.runFor(1_000)
    expect(heard(socket)).toBe(`host to ${PEER_LINK_LOCAL}%1`)
    expect(world.host.tcp.readStatistics().synCookiesAccepted).toBe(1)
  })
})

it('from its link-local address a weak host sends by no other link (RFC 4007 §6)', () => {
  world = new Multihomed({ isWeakHost: true })
  const own = 'fe80::70'
  const { nowMs } = world.clock
  world.host.addAddress(`${own}/64`, nowMs, 0)
  world.host.interface.addDefaultRoute(address(PEERS[0].ipv6))
  world.runFor(3_000)
  const socket = world.host.udp.open({
    ...{ address: address(own), port: 4000 },
    handler: { onReadable() {}, onWritable() {}, onError() {} },
  })
  socket.send(address(PEERS[1].ipv6), 9, Uint8Array.of(1), 0, 1)
  world.runFor(1_000)
  expect([...world.sources[1]]).not.toContain(own)
  expect([...world.sources[0]]).toContain(own)
})

describe('what the host sends to itself', () => {
  it('reaches its addresses of every interface, and no wire', async () => {
    greet(world.host, 7, 'host')
    for (const { ipv4, ipv6 } of OURS) {
      for (const hostname of [ipv4, ipv6]) {
        expect(await world.settle(ask(world.host, hostname, 7))).toBe(`host to ${hostname}`)
      }
    }
    expectWiresClean()
  })

  it('arrives by the interface that has the address, and its answers keep the zone', async () => {
    const ownLinkLocal = 'fe80::77'
    world.host.addAddress(`${ownLinkLocal}/64`, world.clock.nowMs, 1)
    world.runFor(3_000)
    for (const index of [0, 1] as const) {
      world.host.listen({ port: 7, interface: index }, async (connection) => {
        await connection.write(encoder.encode(`${index} to ${connection.remoteAddress.hostname}`))
      })
      const endpoint = world.host.listenDatagram({ port: 7, interface: index }, (bytes, from) =>
        endpoint.send(bytes, from),
      )
    }
    const ours = [OURS[1].ipv4, OURS[1].ipv6, `${ownLinkLocal}%1`]
    const client = world.host.listenDatagram({ port: 0 })
    // The last is of the first interface: nothing stays of those before.
    for (const [turn, hostname] of [...ours, OURS[0].ipv4].entries()) {
      const index = turn < ours.length ? 1 : 0
      expect(await world.settle(ask(world.host, hostname, 7))).toBe(`${index} to ${hostname}`)
      await world.settle(client.send(encoder.encode('x'), { hostname, port: 7 }))
      const [, from, details] = await world.settle(client.receive())
      expect([from.hostname, details.interface]).toEqual([hostname, index])
    }
  })
})

describe('what the host sends to a link-local address of its own (RFC 4007 §5, §6)', () => {
  /** Greets, echoes datagrams and tells by which interface, on either. */
  function serve() {
    for (const index of [0, 1] as const) {
      world.host.listen({ port: 7, interface: index }, async (connection) => {
        await connection.write(encoder.encode(`${index} to ${connection.remoteAddress.hostname}`))
      })
      const endpoint = world.host.listenDatagram({ port: 7, interface: index }, (_, from) =>
        endpoint.send(encoder.encode(`${index} to ${from.hostname}`), from),
      )
    }
  }

  it('arrives in the zone that is named, though it has the same address in both', async () => {
    serve()
    const client = world.host.listenDatagram({ port: 0 })
    for (const index of [1, 0] as const) {
      const hostname = `${OUR_LINK_LOCAL}%${index}`
      expect(await world.settle(ask(world.host, hostname, 7))).toBe(`${index} to ${hostname}`)
      await world.settle(client.send(encoder.encode('x'), { hostname, port: 7 }))
      const [bytes, from, details] = await world.settle(client.receive())
      expect(decoder.decode(bytes)).toBe(`${index} to ${hostname}`)
      expect([from.hostname, details.interface]).toEqual([hostname, index])
      expect(await world.settle(world.host.ping(hostname))).toMatchObject({ hostname })
    }
    expectWiresClean()
  })

  const FIRST = 'fe80::70'
  const SECOND = 'fe80::71'

  function addTwo() {
    serve()
    world.host.addAddress(`${FIRST}/64`, world.clock.nowMs, 0)
    world.host.addAddress(`${SECOND}/64`, world.clock.nowMs, 1)
    world.runFor(3_000)
  }

  /** How a connection from an address of the host goes on. */
  function connect(from: string, to: string, zone?: number) {
    const ends = { address: address(to), port: 7, localAddress: address(from) }
    const options = zone === undefined ? ends : { ...ends, interfaceIndex: zone }
    const socket = world.host.tcp.connect(options, world.clock.nowMs)
    world.runFor(2_000)
    const target = new Uint8Array(200)
    return decoder.decode(target.subarray(0, socket.receive(target, 0, 200)))
  }

  it('comes from no link-local address of another zone', () => {
    addTwo()
    expect(() => connect(FIRST, SECOND, 1)).toThrow('no route')
    // Without a zone that of its source is meant, where a neighbor has the other's address.
    greet(world.peers[0], 7, 'neighbor')
    world.peers[0].addAddress(`${SECOND}/64`, world.clock.nowMs)
    world.runFor(3_000)
    expect(connect(FIRST, SECOND)).toBe(`neighbor to ${FIRST}`)
    expect(connect(SECOND, SECOND)).toBe(`1 to ${SECOND}%1`)
  })

  it.each([0, 1] as const)('may come from a global address of interface %i', (index) => {
    addTwo()
    expect(connect(OURS[index].ipv6, SECOND)).toBe(`1 to ${OURS[index].ipv6}`)
    expect(connect(OURS[index].ipv6, SECOND, 1)).toBe(`1 to ${OURS[index].ipv6}`)
  })

  it('may answer to a link-local address of ours what came for a global one of the other', () => {
    addTwo()
    expect(connect(SECOND, OURS[0].ipv6)).toBe(`1 to ${SECOND}%1`)
    expect(connect(FIRST, OURS[1].ipv6)).toBe(`0 to ${FIRST}%0`)
  })

  it('goes on after it was idle where no zone was named', () => {
    addTwo()
    world.host.tcp.listen({ port: 8, interfaceIndex: 1 })
    const ends = { address: address(SECOND), port: 8, localAddress: address(OURS[0].ipv6) }
    const socket = world.host.tcp.connect(ends, world.clock.nowMs)
    world.runFor(8_000)
    expect(socket.flow).toBeNull()
    socket.send(new Uint8Array(5), 0, 5)
    world.runFor(1_000)
    expect([socket.error, socket.sendUnacknowledged - socket.initialSendSequence]).toEqual([
      null,
      6,
    ])
  })

  it.each([
    [0, 1],
    [1, 0],
    [0, 0],
  ] as const)(
    'comes from a global address of interface %i into zone %i, which is named',
    (index, zone) => {
      serve()
      const ends = { address: address(OUR_LINK_LOCAL), port: 7, interfaceIndex: zone }
      const localAddress = address(OURS[index].ipv6)
      const socket = world.host.tcp.connect({ ...ends, localAddress }, world.clock.nowMs)
      world.runFor(8_000)
      const target = new Uint8Array(200)
      const greeting = decoder.decode(target.subarray(0, socket.receive(target, 0, 200)))
      expect(greeting).toBe(`${zone} to ${OURS[index].ipv6}`)
    },
  )

  it.each([
    [0, 1],
    [1, 0],
  ] as const)(
    'is a datagram from a global address of interface %i into zone %i',
    async (index, zone) => {
      serve()
      const client = world.host.listenDatagram({ port: 0, hostname: OURS[index].ipv6 })
      const to = { hostname: `${OUR_LINK_LOCAL}%${zone}`, port: 7 }
      await world.settle(client.send(encoder.encode('x'), to))
      const [bytes] = await world.settle(client.receive())
      expect(decoder.decode(bytes)).toBe(`${zone} to ${OURS[index].ipv6}`)
    },
  )

  it.each([
    [0, 1],
    [1, 0],
  ] as const)('goes on there after it was idle: from interface %i into zone %i', (index, zone) => {
    for (const interfaceIndex of [0, 1]) world.host.tcp.listen({ port: 8, interfaceIndex })
    const ends = { address: address(OUR_LINK_LOCAL), port: 8, interfaceIndex: zone }
    const localAddress = address(OURS[index].ipv6)
    const socket = world.host.tcp.connect({ ...ends, localAddress }, world.clock.nowMs)
    world.runFor(8_000)
    expect(socket.flow).toBeNull()
    socket.send(new Uint8Array(5), 0, 5)
    world.runFor(1_000)
    expect([socket.error, socket.sendMax - socket.sendUnacknowledged]).toEqual([null, 0])
    expectWiresClean()
  })

  it.each([
    ['the source', 0, OURS[0].ipv6],
    ['the destination', 1, OUR_LINK_LOCAL],
  ] as const)('finds no way there once %s is gone', (_, index, gone) => {
    const { egress, interfaces } = world.host.host
    const flow = egress.openFlow(address(OUR_LINK_LOCAL), address(OURS[0].ipv6), 17, undefined, 1)!
    expect(egress.prepare(flow, 8, 0, 0, world.clock.nowMs)).toBe(true)
    const { addresses } = interfaces[index]!
    const entry = addresses.entries.find((each) => isSameAddress(each.address, address(gone)))!
    interfaces[index]!.removeAddress(entry, world.clock.nowMs)
    world.runFor(2_000)
    expect(egress.prepare(flow, 8, 0, 0, world.clock.nowMs)).toBe(false)
    expect(egress.isUnreachable(flow, world.clock.nowMs)).toBe(true)
  })
})

describe('datagrams', () => {
  it('of an endpoint with one interface leave by that alone, whatever zone an address names', async () => {
    const endpoint = world.host.listenDatagram({ port: 7, interface: 0 })
    const other = { hostname: `${PEER_LINK_LOCAL}%1`, port: 9 }
    const attempt = world.settle(endpoint.send(encoder.encode('x'), other))
    await expect(attempt).rejects.toMatchObject({ code: 'unreachable' })
    const own = { hostname: `${PEER_LINK_LOCAL}%0`, port: 9 }
    expect(await world.settle(endpoint.send(encoder.encode('x'), own))).toBe(1)
  })

  /** Whatever is sent to the endpoint comes back. */
  function echo(stack: Stack, options: Parameters<Stack['listenDatagram']>[0]) {
    const endpoint = stack.listenDatagram(options, async (bytes, from) => {
      await endpoint.send(bytes, from)
    })
    return endpoint
  }

  it('say by which interface they came, and answers leave by it', async () => {
    echo(world.host, { port: 7 })
    for (const index of [0, 1] as const) {
      for (const hostname of [OUR_LINK_LOCAL, OURS[index].ipv4, OURS[index].ipv6]) {
        const peer = world.peers[index].listenDatagram({ port: 0 })
        await world.settle(peer.send(encoder.encode('hello'), { hostname, port: 7 }))
        const [bytes] = await world.settle(peer.receive())
        expect(decoder.decode(bytes)).toBe('hello')
        peer.close()
      }
    }
    const endpoint = world.host.listenDatagram({ port: 8 })
    for (const index of [1, 0] as const) {
      const peer = world.peers[index].listenDatagram({ port: 0 })
      await world.settle(peer.send(encoder.encode('x'), { hostname: OUR_LINK_LOCAL, port: 8 }))
      const [, from, details] = await world.settle(endpoint.receive())
      expect(from.hostname).toBe(`${PEER_LINK_LOCAL}%${index}`)
      expect(details).toMatchObject({
        interface: index,
        localAddress: `${OUR_LINK_LOCAL}%${index}`,
      })
    }
    expectWiresClean()
  })

  it('reach only sockets of their interface, of which two may have the same port', async () => {
    const both = [0, 1].map((index) => world.host.listenDatagram({ port: 9, interface: index }))
    expect(() => world.host.listenDatagram({ port: 9 })).toThrow('in use')
    for (const index of [1, 0] as const) {
      const peer = world.peers[index].listenDatagram({ port: 0 })
      const to = { hostname: OURS[index].ipv4, port: 9 }
      await world.settle(peer.send(encoder.encode(`to ${index}`), to))
      const [bytes] = await world.settle(both[index]!.receive())
      expect(decoder.decode(bytes)).toBe(`to ${index}`)
    }
  })

  it('to a group are heard by the interface that has joined it', async () => {
    const endpoint = world.host.listenDatagram({ port: 10 })
    endpoint.joinGroup('ff15::77', { interface: 1 })
    world.runFor(1_000)
    for (const peer of world.peers) {
      const sender = peer.listenDatagram({ port: 0 })
      await world.settle(sender.send(encoder.encode('x'), { hostname: 'ff15::77', port: 10 }))
    }
    const [, from] = await world.settle(endpoint.receive())
    expect(from.hostname).toBe(PEERS[1].ipv6)
    endpoint.joinGroup('ff15::77')
    world.runFor(1_000)
    const sender = world.peers[0].listenDatagram({ port: 0 })
    await world.settle(sender.send(encoder.encode('y'), { hostname: 'ff15::77', port: 10 }))
    expect((await world.settle(endpoint.receive()))[1].hostname).toBe(PEERS[0].ipv6)
  })

  it('of a group are heard as before when one interface refuses other sources of it', async () => {
    const second = world.host.host.interfaces[1]!
    const { nowMs } = world.clock
    const group = address('239.1.2.3')
    const allow = (start: number, count: number) => ({
      isExclude: false,
      sources: Array.from({ length: count }, (_, index) => address(`10.9.${start}.${index + 1}`)),
    })
    const socket = world.host.udp.open({ port: 10 })
    socket.joinGroup(group, { isExclude: false, sources: [address(PEERS[0].ipv4)] })
    for (const start of [1, 2]) second.listenToGroup({}, group, allow(start, 60), nowMs)
    expect(() => socket.joinGroup(group, allow(3, 60))).toThrow(RangeError)
    const sender = world.peers[0].listenDatagram({ port: 0 })
    await world.settle(sender.send(encoder.encode('x'), { hostname: '239.1.2.3', port: 10 }))
    world.runFor(100)
    expect(socket.receivedCount()).toBe(1)
  })

  it('for a link that is down are in nobody’s way', async () => {
    const endpoint = world.host.listenDatagram({ port: 11 })
    const sink = world.peers[1].listenDatagram({ port: 12 })
    for (const index of [0, 1] as const) {
      const to = { hostname: PEERS[index].ipv4, port: 12 }
      await world.settle(endpoint.send(encoder.encode('first'), to))
    }
    await world.settle(sink.receive())
    world.setLink(0, false)
    for (let count = 0; count < 300; count++) {
      const to = { hostname: PEERS[0].ipv4, port: 12 }
      await world.settle(endpoint.send(encoder.encode('lost'), to))
    }
    const to = { hostname: PEERS[1].ipv4, port: 12 }
    await world.settle(endpoint.send(encoder.encode('second'), to))
    expect(decoder.decode((await world.settle(sink.receive()))[0])).toBe('second')
  })

  it('to a far host leave by the other interface as soon as the link is down', async () => {
    const sinks = world.peers.map((peer) => peer.listenDatagram({ port: 12 }))
    const endpoint = world.host.listenDatagram({ port: 0 })
    const to = { hostname: FAR, port: 12 }
    await world.settle(endpoint.send(encoder.encode('x'), to))
    expect((await world.settle(sinks[0]!.receive()))[1].hostname).toBe(OURS[0].ipv4)
    world.setLink(0, false)
    await world.settle(endpoint.send(encoder.encode('x'), to))
    expect((await world.settle(sinks[1]!.receive()))[1].hostname).toBe(OURS[1].ipv4)
  })
})

describe('a flood on one interface', () => {
  it('leaves the other its turns', async () => {
    greet(world.host, 7, 'host')
    const flooder = world.peers[0].listenDatagram({ port: 0 })
    let isOver = false
    const flood = async () => {
      while (!isOver) {
        await flooder.send(new Uint8Array(8), { hostname: OURS[0].ipv4, port: 99 })
      }
    }
    const flooding = flood()
    const beganMs = world.clock.nowMs
    expect(await world.settle(ask(world.peers[1], OURS[1].ipv4, 7))).toContain('host')
    expect(world.clock.nowMs - beganMs).toBeLessThan(100)
    isOver = true
    await world.settle(flooding)
  })
})
