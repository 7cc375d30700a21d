/**
 * Listeners under load: backlog, half-open limit, buffer budget, demultiplexing (RFC 9293 §3.10.1,
 * MUST-41, 42, 57).
 */

import { describe, expect, it } from 'vitest'
import { Secrets } from '../../../../../net/socket/tcp/open/secrets.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { fakeBulk } from '../../../../fakes/fake-bulk.ts'
import { address } from '../../../../support/interface-harness.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { ack, data, EventLog, syn, TcpScript } from '../../../../support/tcp-script.ts'

describe('a SYN flood', () => {
  it('keeps at most the configured number half open, and makes neither sockets nor buffers', () => {
    const script = new TcpScript({ configuration: { maxHalfOpen: 16 } })
    script.listen()
    for (let index = 0; index < 1000; index++) {
      script.send(syn({ sourcePort: 1000 + index }))
      expect(script.drain()).toHaveLength(1)
    }
    expect(script.tcp.halfOpenCount).toBe(16)
    expect(script.tcp.connectionCount).toBe(0)
    expect(script.tcp.statistics.synCookiesSent).toBe(984)
    expect(script.tcp.memory.pool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
    // An honest peer still gets through.
    script.send(syn())
    script.drain()
    script.send(ack(1))
    script.drain()
    const socket = [...script.tcp.sockets()].find((one) => one.remotePort === 40_000)!
    expect(socket.sendBuffer).not.toBeNull()
  })

  it('leaves nothing behind when not even the SYN-ACKs can leave', () => {
    const script = new TcpScript()
    script.listen()
    script.isDeviceFull = true
    for (let index = 0; index < 20; index++) script.send(syn({ sourcePort: 1000 + index }))
    script.drain()
    expect(script.tcp.halfOpenCount).toBe(20)
    script.advance(10_000)
    expect(script.tcp.halfOpenCount).toBe(0)
    expect(script.tcp.connectionCount).toBe(0)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is not even remembered from where no route leads back', () => {
    const script = new TcpScript()
    script.listen()
    script.hasRoute = false
    for (let index = 0; index < 20; index++) script.send(syn({ sourcePort: 1000 + index }))
    script.expectSilence()
    expect(script.tcp.halfOpenCount).toBe(0)
    expect(script.tcp.statistics.drops.noRoute).toBe(20)
    // A deadline that nobody keeps any more is looked at once.
    script.advance(60_000)
    script.expectSilence()
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('is answered once there is room for answers, the oldest first', () => {
    const script = new TcpScript()
    script.listen()
    script.isDeviceFull = true
    for (let index = 0; index < 3; index++) script.send(syn({ sourcePort: 1000 + index }))
    script.drain()
    script.advance(100)
    script.isDeviceFull = false
    script.expectSegments(
      { flags: 'SA', destinationPort: 1000 },
      { flags: 'SA', destinationPort: 1001 },
      { flags: 'SA', destinationPort: 1002 },
    )
    // The timer counts from then on.
    expect(script.advanceUntilSent()).toBe(1000)
  })

  it('leaves nothing behind when nobody completes', () => {
    const script = new TcpScript()
    script.listen()
    for (let index = 0; index < 200; index++) script.send(syn({ sourcePort: 1000 + index }))
    script.advance(120_000)
    script.drain()
    expect(script.tcp.connectionCount).toBe(0)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('the backlog', () => {
  it('holds complete connections until accept; the next one waits in SYN-RECEIVED', () => {
    const script = new TcpScript()
    const listener = script.listen(2)
    const open = (port: number) => {
      script.peerPort = port
      script.send(syn())
      script.drain()
      script.send(ack(1))
      script.drain()
    }
    script.peerPort = 3003
    script.send(syn())
    script.drain()
    const isn = script.localIsn
    open(3001)
    open(3002)
    script.peerPort = 3003
    script.localIsn = isn
    script.send(ack(1))
    script.drain()
    expect(script.tcp.statistics.drops.backlogFull).toBe(1)
    expect(listener.accept()!.remotePort).toBe(3001)
    script.send(data(1, 'abc'))
    script.drain()
    expect(listener.accept()!.remotePort).toBe(3002)
    const third = listener.accept()!
    expect(third.remotePort).toBe(3003)
    expect(third.receivedLength).toBe(3)
    expect(listener.accept()).toBeNull()
  })

  it('forgets what is half open when the listener closes; the last step of the handshake is then reset', () => {
    const script = new TcpScript()
    const listener = script.listen()
    script.tcp.listen({ port: 81 })
    script.send(syn(), syn({ sourcePort: 2000, destinationPort: 81 }))
    script.drain()
    listener.close()
    expect(script.tcp.halfOpenCount).toBe(1)
    script.send(ack(1))
    script.expectSegments({ flags: 'R' })
    expect(script.tcp.halfOpenCount).toBe(1)
  })

  it('resets what nobody accepted when the listener closes', () => {
    const script = new TcpScript()
    const listener = script.listen()
    script.send(syn())
    script.drain()
    script.send(ack(1))
    script.drain()
    listener.close()
    script.expectSegments({ flags: 'RA' })
    script.send(syn({ sourcePort: 9 }))
    script.expectSegments({ flags: 'RA', sequence: (0 - script.localIsn) | 0 })
  })
})

/** Room for two connections of the smallest buffers, and peers that come one after another. */
function crowd(backlog = 100) {
  const configuration = {
    bufferBudgetBytes: 65_536,
    sendBufferBytes: 16_384,
    receiveBufferBytes: 16_384,
    minimumBufferBytes: 16_384,
  }
  const script = new TcpScript({ configuration })
  const listener = script.listen(backlog)
  const sequences = new Map<number, number>()
  /** Goes on as the peer with that port. */
  const as = (port: number) => {
    script.peerPort = port
    script.localIsn = sequences.get(port) ?? 0
  }
  const knock = (port: number) => {
    script.peerPort = port
    script.send(syn())
    const [answer] = script.drain()
    sequences.set(port, script.localIsn)
    return answer
  }
  const open = (port: number) => {
    knock(port)
    script.send(ack(1))
    return script.drain()
  }
  return { script, listener, as, knock, open }
}

describe('what does not fit', () => {
  it('counts for the backlog, beyond which SYNs are dropped without a word', () => {
    const { script, open, knock } = crowd(4)
    for (let port = 1; port <= 4; port++) open(port)
    expect(knock(5)).toBeUndefined()
    expect(script.tcp.statistics.drops.backlogFull).toBe(1)
  })

  it('is every one of 500 clients that begin at once, before the first of their ACKs, served in the end', () => {
    const script = new TcpScript()
    const listener = script.listen(512)
    const ports = Array.from({ length: 500 }, (_, index) => 10_000 + index)
    const sequences = new Map<number, number>()
    const sent = []
    for (const sourcePort of ports) {
      script.send(syn({ sourcePort }))
      sequences.set(sourcePort, script.localIsn)
    }
    sent.push(...script.drain())
    for (const port of ports) {
      script.peerPort = port
      script.localIsn = sequences.get(port)!
      script.send(ack(1))
    }
    const served: number[] = []
    for (let turn = 0; turn < 2000 && served.length < 500; turn++) {
      sent.push(...script.drain())
      const socket = listener.accept()
      if (socket === null) continue
      served.push(socket.remotePort)
      socket.abort()
    }
    expect(served).toEqual(ports)
    expect(sent.filter(({ flags }) => flags === 'R')).toEqual([])
    expect(script.tcp.connectionCount).toBe(0)
  })
})

describe('listeners', () => {
  it('refuse a port that is taken, and free it on close', () => {
    const script = new TcpScript()
    const listener = script.listen()
    expect(() => script.listen()).toThrow(/port 80 is in use/)
    listener.close()
    script.listen().close()
  })

  it('for one address go before those for all', () => {
    const script = new TcpScript()
    const all = script.listen()
    const one = script.tcp.listen({ port: 80, address: script.local })
    script.send(syn())
    script.drain()
    script.send(ack(1))
    script.drain()
    expect(all.accept()).toBeNull()
    expect(one.accept()).not.toBeNull()
  })

  it('tell of connections once the handshake is complete, before the socket tells of data', () => {
    const script = new TcpScript()
    const events: string[] = []
    script.tcp.listen({
      port: 80,
      handler: {
        onConnection(listener) {
          events.push('connection')
          listener.accept()!.handler = {
            onReadable: () => events.push('readable'),
            onClose: () => events.push('close'),
          }
        },
      },
    })
    script.send(syn())
    script.drain()
    expect(events).toEqual([])
    script.send(data(1, 'request'))
    script.drain()
    expect(events).toEqual(['connection', 'readable'])
  })
})

describe('Secrets', () => {
  const script = new TcpScript()
  const { local, peer } = script
  const ends = (remotePort: number) => ({
    localAddress: local,
    localPort: 80,
    remoteAddress: peer,
    remotePort,
    interfaceIndex: 0,
    arrivalIndex: 0,
  })

  it('let the ISN of one conversation grow by 250 a millisecond (RFC 6528 §3)', () => {
    const secrets = new Secrets(new SeededRandom(1), fakeBulk)
    const first = secrets.initialSequence(ends(1000), 5000)
    expect((secrets.initialSequence(ends(1000), 5004) - first) | 0).toBe(1000)
  })

  it('give unrelated ISNs to different conversations and different boots', () => {
    const secrets = new Secrets(new SeededRandom(1), fakeBulk)
    const seen = new Set<number>()
    for (let port = 1; port <= 2000; port++) {
      seen.add(secrets.initialSequence(ends(port), 0))
    }
    expect(seen.size).toBe(2000)
    const values = [...seen]
    const differences = new Set(values.slice(1).map((value, index) => (value - values[index]!) | 0))
    expect(differences.size).toBe(1999)
    let high = 0
    for (const value of values) if (value < 0) high++
    expect(Math.abs(high - 1000)).toBeLessThan(150)
    const other = new Secrets(new SeededRandom(2), fakeBulk)
    expect(other.initialSequence(ends(1), 0)).not.toBe(secrets.initialSequence(ends(1), 0))
  })

  it('give a link-local peer of each link its own (RFC 4007 §6), others the same by any', () => {
    const secrets = new Secrets(new SeededRandom(1), fakeBulk)
    const numbersOf = (remote: string, arrivalIndex: number) => {
      const between = { ...ends(1000), remoteAddress: address(remote), arrivalIndex }
      return [secrets.initialSequence(between, 0), secrets.timestampOffset(between)]
    }
    const [sequence, offset] = numbersOf('fe80::1', 0)
    const other = numbersOf('fe80::1', 1)
    expect(other[0]).not.toBe(sequence)
    expect(other[1]).not.toBe(offset)
    expect(numbersOf('fe80::1', 0)).toEqual([sequence, offset])
    expect(numbersOf('2001:db8::1', 1)).toEqual(numbersOf('2001:db8::1', 0))
  })

  it('draw ephemeral ports without runs (RFC 6056)', () => {
    const secrets = new Secrets(new SeededRandom(3), fakeBulk)
    const ports = Array.from({ length: 1000 }, () => secrets.ephemeralPort())
    expect(new Set(ports).size).toBeGreaterThan(950)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024)
    expect(Math.max(...ports)).toBeLessThanOrEqual(65_535)
    expect(ports.filter((port, index) => port === ports[index - 1]! + 1).length).toBeLessThan(3)
  })
})

describe('a handler that takes each connection at once', () => {
  /** Peers have sent SYNs; `complete` has one after the other send its ACK. */
  function site(onSocket: (socket: TcpSocket) => void, configuration = {}) {
    const script = new TcpScript({ configuration })
    const listener = script.tcp.listen({ port: 80, backlog: 3, handler: { onSocket } })
    const open = (peerPort: number) => {
      script.peerPort = peerPort
      script.send(syn())
      script.drain()
      const { localIsn } = script
      return () => {
        Object.assign(script, { peerPort, localIsn })
        script.send(ack(1))
      }
    }
    return { script, listener, open }
  }

  it('is handed them as they come, in the same batch, and none is left to accept', () => {
    const ports: number[] = []
    const { listener, open } = site(({ remotePort }) => ports.push(remotePort))
    const [first, second] = [open(1000), open(1001)]
    second()
    expect(ports).toEqual([1001])
    first()
    expect(ports).toEqual([1001, 1000])
    expect([listener.accept(), listener.canQueue()]).toEqual([null, true])
  })

  it('is handed those that had to wait for room once there is some, in their order', () => {
    const sockets: TcpSocket[] = []
    const { script, open } = site((socket) => sockets.push(socket), { maxConnections: 1 })
    for (const complete of [open(1000), open(1001)]) complete()
    script.drain()
    expect(sockets.map(({ remotePort }) => remotePort)).toEqual([1000])
    sockets[0]!.abort()
    script.drain()
    script.drain()
    expect(sockets.map(({ remotePort }) => remotePort)).toEqual([1000, 1001])
  })

  it('is handed nothing by a listener that is closed: its connections are reset', () => {
    const sockets: TcpSocket[] = []
    const { script, listener, open } = site((socket) => {
      sockets.push(socket)
      listener.close()
    })
    for (const complete of [open(1000), open(1001)]) complete()
    script.drain()
    expect(sockets.map(({ remotePort }) => remotePort)).toEqual([1000])
    expect(script.tcp.connectionCount).toBe(1)
  })
})

it('tells of a connection by onConnection alone, whether or not it had to wait for room', () => {
  const script = new TcpScript({ configuration: { maxConnections: 1 } })
  const logs: EventLog[] = []
  script.tcp.listen({
    port: 80,
    handler: {
      onConnection(listener) {
        const log = new EventLog()
        logs.push(log)
        listener.accept()!.handler = log
      },
    },
  })
  const peers = [1, 2].map((peerPort) => {
    script.peerPort = peerPort
    script.send(syn())
    script.drain()
    return { peerPort, localIsn: script.localIsn }
  })
  for (const peer of peers) {
    Object.assign(script, peer)
    script.send(ack(1))
    script.drain()
  }
  expect(logs.length).toBe(1)
  for (const socket of script.tcp.sockets()) socket.abort()
  script.drain()
  script.advance(1_000)
  expect(logs.map(({ events }) => events)).toEqual([['closed aborted'], []])
})
