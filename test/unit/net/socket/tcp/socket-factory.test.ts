/**
 * Connections are copies of a blank one: each is as a constructor makes it, and shares with others
 * only what nobody writes.
 */
import { describe, expect, it } from 'vitest'
import type { SocketFactory } from '../../../../../net/socket/tcp/open/socket-factory.ts'
import { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ipv4Address, ipv6Address } from '../../../../../net/wire/ip-address.ts'
import { testBulk } from '../../../../support/memory.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { ack, data, fin, syn, TcpScript } from '../../../../support/tcp-script.ts'

type Fields = Record<string, unknown>

/** What all connections of a stack have in common. */
const SHARED = [
  ...['configuration', 'host', 'congestion', 'owner', 'olderOwner', 'localAddress'],
  ...['remoteAddress', 'ipFields'],
]

const ENDS = {
  localAddress: ipv4Address(0x0a000001),
  localPort: 80,
  remoteAddress: ipv4Address(0x0a000002),
  remotePort: 40_000,
  interfaceIndex: 0,
}

/** The stack's own factory and host, which connections are made with. */
function parts(script: TcpScript) {
  const { factory, host } = script.tcp as unknown as { factory: SocketFactory; host: never }
  return { factory, host, memory: script.tcp.memory }
}

/** As its class makes it, with nothing of the copying. */
function constructed(script: TcpScript): Fields {
  const { factory, host, memory } = parts(script)
  const socket = new TcpSocket(host, script.tcp.configuration, memory.congestionAtRest)
  socket.receiveScale = factory.offeredScale
  socket.receiveLimit = memory.allowance(socket.receiveLimit, 0)
  return Object.assign(socket, ENDS, {
    ...{ ipVersion: 4, receivedPorts: (40_000 << 16) | 80, sentPorts: (80 << 16) | 40_000 },
    ...{ remote3: 0x0a000002, local3: 0x0a000001, isPassive: true },
  }) as unknown as Fields
}

function fresh(script: TcpScript): TcpSocket {
  const { factory, host } = parts(script)
  return factory.create(host, ENDS, true)
}

/** Connections that come, speak, lose, are read or not, and end in several ways. */
function churn(script: TcpScript, count: number): void {
  const listener = script.listen(16)
  const random = new SeededRandom(7)
  for (let index = 0; index < count; index++) {
    script.peerPort = 1024 + index
    const isStamped = (random.nextInt32() & 1) === 0
    const stamp = isStamped ? { timestamp: [1000, 0] as const } : {}
    script.send(syn({ ...stamp, windowScale: 7, sackPermitted: true }))
    script.drain()
    script.send(ack(1, stamp))
    const socket = listener.accept()!
    socket.setKeepAlive(1000)
    socket.setNoDelay(true)
    socket.send(new Uint8Array(3000), 0, 3000)
    script.drain()
    script.send(data(3, 'gap', { ...stamp, acknowledgment: 1 }))
    script.send(data(1, 'ab', { ...stamp, acknowledgment: 1461, sack: [[2921, 3001]] }))
    script.advance(50)
    script.drain()
    if (index % 3 === 0) socket.abort()
    else if (index % 3 === 1) {
      socket.discard(10)
      script.send(ack(3001, { ...stamp, sequence: 6 }))
      socket.close()
      script.drain()
      script.send(fin(6, { ...stamp, acknowledgment: 3002 }))
    } else socket.linger()
    script.drain()
  }
}

describe('a new connection', () => {
  it.each([0, 300])('is as its class makes it, after %i others', (count) => {
    const script = new TcpScript()
    fresh(script)
    churn(script, count)
    const socket = fresh(script) as unknown as Fields
    const wanted = constructed(script)
    expect(Object.keys(socket)).toEqual(Object.keys(wanted))
    expect(Object.keys(socket).length).toBeGreaterThan(100)
    for (const [name, value] of Object.entries(wanted)) {
      if (name !== 'host') expect(socket[name], name).toEqual(value)
    }
    expect(socket.host).toBe(wanted.host)
    expect(Object.getPrototypeOf(socket)).toBe(TcpSocket.prototype)
  })

  it('shares nothing with another that either writes', () => {
    const script = new TcpScript()
    const one = fresh(script) as unknown as Fields
    const other = fresh(script) as unknown as Fields
    const shared = Object.keys(one).filter((name) => {
      const value = one[name]
      return typeof value === 'object' && value !== null && value === other[name]
    })
    expect(shared.sort()).toEqual(SHARED.sort())
    for (const name of ['statistics', 'rtt', 'sendBuffer', 'receiveBuffer']) {
      const record = one[name] as Fields
      // A record in a record would be shared after all: only these, which nobody writes.
      const inner = Object.keys(record).filter((key) => typeof record[key] === 'object')
      expect(inner.filter((key) => key !== 'configuration' && key !== 'buffer')).toEqual([])
    }
  })

  it('has its own addresses, though the record of a half-open one is used again', () => {
    const script = new TcpScript()
    const { factory, host } = parts(script)
    const remoteAddress = { ...ipv6Address(1, 2, 3, 4) }
    const localAddress = { ...ipv6Address(5, 6, 7, 8) }
    const socket = factory.create(host, { ...ENDS, localAddress, remoteAddress }, true)
    remoteAddress.word3 = 9
    localAddress.word3 = 9
    expect([socket.remoteAddress.word3, socket.localAddress.word3]).toEqual([4, 8])
    expect([socket.ipVersion, socket.remote3, socket.local3]).toEqual([6, 4, 8])
  })
})

describe('copyRecord', () => {
  it('makes an object of the same kind, whose fields are its own', () => {
    class Kind {
      count = 1
      readonly list = [1]
      double(): number {
        return 2 * this.count
      }
    }
    const record = new Kind()
    const copy = testBulk.copyRecord(record)
    copy.count = 5
    expect([record.count, copy.double()]).toEqual([1, 10])
    expect(copy.list).toBe(record.list)
  })

  it('makes congestion controls too, each with a state of its own', () => {
    const script = new TcpScript()
    const listener = script.listen(16)
    const [one, other] = [1, 2].map((index) => {
      script.peerPort = 50_000 + index
      script.send(syn())
      script.drain()
      script.send(ack(1))
      return listener.accept()!.congestion
    })
    expect(one).not.toBe(other)
    one!.windowBytes = 777
    expect(other!.windowBytes).not.toBe(777)
  })
})
