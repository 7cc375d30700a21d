/** Listeners under load: backlog, half-open limit, buffer budget, demultiplexing (RFC 9293 §3.10.1, MUST-41, 42, 57). */
import { describe, expect, it, vi } from 'vitest'
import { BufferPool } from '../../../../../net/socket/tcp/buffer-pool.ts'
import { DEFAULT_TCP_CONFIGURATION } from '../../../../../net/socket/tcp/configuration.ts'
import { Secrets } from '../../../../../net/socket/tcp/open/secrets.ts'
import type { PacketBuffer } from '../../../../../net/storage/buffer.ts'
import { createPacketBuffer, testBulk } from '../../../../support/memory.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { ack, data, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

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
    expect(script.tcp.bufferPool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
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
  it('waits without buffers and without a window, and comes in when there is room, the oldest first', () => {
    const { script, listener, as, knock, open } = crowd()
    open(1)
    open(2)
    expect(knock(3)).toMatchObject({ flags: 'SA', window: 0 })
    script.send(ack(1))
    script.expectSilence()
    open(4)
    // RFC 9293 §3.8.6.1: a peer probes a window of zero, and is answered.
    as(3)
    script.send(ack(1, { sequence: 0 }))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1, window: 0 })
    const first = listener.accept()!
    listener.accept()
    expect([first.remotePort, listener.accept()]).toEqual([1, null])
    first.abort()
    as(1)
    script.expectSegments({ flags: 'RA' })
    as(3)
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1, window: 16_384 })
    const third = listener.accept()!
    script.send(data(1, 'request'))
    script.drain()
    expect([third.remotePort, third.receivedLength]).toEqual([3, 7])
    third.send(Buffer.from('answer'), 0, 6)
    script.expectSegments({ flags: 'PA', sequence: 1, acknowledgment: 8, length: 6 })
    expect(listener.accept()).toBeNull()
    third.abort()
    script.drain()
    script.drain()
    expect(listener.accept()!.remotePort).toBe(4)
  })

  it('is offered no window when those before it, though only half open, leave no buffers', () => {
    const { knock } = crowd()
    expect([knock(1), knock(2), knock(3)].map((answer) => answer!.window)).toEqual([
      16_384, 16_384, 0,
    ])
  })

  it('is not overtaken by who comes just when room is made', () => {
    const { script, listener, open } = crowd()
    open(1)
    open(2)
    open(3)
    listener.accept()!.abort()
    open(4)
    script.drain()
    listener.accept()
    expect(listener.accept()!.remotePort).toBe(3)
    expect(listener.accept()).toBeNull()
  })

  it('waits as long as its peer answers, and is forgotten when that has gone', () => {
    const { script, open } = crowd()
    open(1)
    open(2)
    open(3)
    for (let minute = 0; minute < 60; ) {
      minute += script.advanceUntilSent() / 60_000
      script.expectSegments({ flags: 'SA', sequence: 0, window: 0 })
      script.send(ack(1))
      script.expectSilence()
    }
    expect(script.tcp.connectionCount).toBe(2)
    expect(script.tcp.halfOpenCount).toBe(1)
    script.advance(400_000)
    expect(script.tcp.connectionCount).toBe(2)
    expect(script.tcp.halfOpenCount).toBe(0)
  })

  it('counts for the backlog, beyond which SYNs are dropped without a word', () => {
    const { script, open, knock } = crowd(4)
    for (let port = 1; port <= 4; port++) open(port)
    expect(knock(5)).toBeUndefined()
    expect(script.tcp.statistics.drops.backlogFull).toBe(1)
  })

  it('is reset when the listener closes, and leaves when its peer resets it', () => {
    const { script, listener, as, open } = crowd()
    for (let port = 1; port <= 4; port++) open(port)
    as(4)
    script.send(rst(1))
    script.expectSilence()
    expect(script.tcp.halfOpenCount).toBe(1)
    listener.close()
    expect(script.drain().map(({ flags, destinationPort }) => [flags, destinationPort])).toEqual([
      ['RA', 3],
      ['RA', 1],
      ['RA', 2],
    ])
    expect(script.tcp.connectionCount).toBe(0)
    expect(script.tcp.bufferPool.availableBytes).toBe(65_536)
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

describe('the buffer budget', () => {
  it('gives smaller buffers as it runs low, then drops SYNs and counts them', () => {
    const script = new TcpScript({
      configuration: {
        bufferBudgetBytes: 1024 * 1024,
        sendBufferBytes: 131_072,
        receiveBufferBytes: 131_072,
        minimumBufferBytes: 16_384,
      },
    })
    const listener = script.listen(1000)
    const sizes: number[] = []
    for (let index = 0; index < 100; index++) {
      script.peerPort = 2000 + index
      script.send(syn())
      script.drain()
      script.send(ack(1))
      script.drain()
      const socket = listener.accept()
      if (socket !== null) sizes.push(socket.receiveBuffer!.capacity)
    }
    expect(sizes[0]).toBe(131_072)
    expect(sizes.at(-1)).toBe(16_384)
    expect(sizes.length).toBeGreaterThan(10)
    expect(script.tcp.statistics.drops.noBuffer).toBe(100 - sizes.length)
    // Those that wait come in meanwhile, and go as well.
    while (script.tcp.connectionCount > 0) {
      for (const socket of [...script.tcp.sockets()]) socket.abort()
      script.drain()
      while (listener.accept() !== null);
    }
    expect(script.tcp.halfOpenCount).toBe(0)
    expect(script.tcp.bufferPool.availableBytes).toBe(1024 * 1024)
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

describe('BufferPool', () => {
  it('merges what it splits', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 18, 1 << 14)
    const small = Array.from({ length: 64 }, () => pool.acquire(1 << 14)!)
    expect(pool.acquire(1 << 14)).toBeNull()
    const addresses = new Set(small.map(({ physicalAddress }) => physicalAddress))
    expect(addresses.size).toBe(64)
    for (const buffer of small) pool.release(buffer, [])
    expect(pool.availableBytes).toBe(1 << 20)
    expect(pool.acquire(1 << 17)!.lengthBytes).toBe(1 << 17)
  })

  it('gives out no byte twice and finds what is free, in any order of taking and returning', () => {
    const smallest = 1 << 10
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 18, 1 << 15, smallest)
    const random = new SeededRandom(7)
    const taken: PacketBuffer[] = []
    for (let step = 0; step < 5000; step++) {
      if (random.nextFraction() < 0.55) {
        const wanted = smallest << Math.floor(random.nextFraction() * 6)
        const buffer = pool.acquire(wanted)
        // The smallest size is always there as long as anything is.
        if (buffer === null) expect(pool.availableBytes).toBe(0)
        else taken.push(buffer)
      } else if (taken.length > 0) {
        const [buffer] = taken.splice(Math.floor(random.nextFraction() * taken.length), 1)
        pool.release(buffer!, [])
      }
      const held = taken.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)
      expect(pool.availableBytes).toBe((1 << 18) - held)
    }
    const ranges = taken.map(({ physicalAddress: at, lengthBytes }) => [at, at + lengthBytes])
    ranges.sort((a, b) => a[0]! - b[0]!)
    for (let index = 1; index < ranges.length; index++) {
      expect(ranges[index]![0]).toBeGreaterThanOrEqual(ranges[index - 1]![1]!)
    }
    for (const buffer of taken) pool.release(buffer, [])
    for (let count = 0; count < 8; count++) expect(pool.acquire(1 << 15)).not.toBeNull()
  })

  it('does not search longer the more connections there are', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 20, 1 << 10)
    // Recursive, so that each block looked at is a call.
    const steps = vi.spyOn(pool as unknown as { takeFrom(): unknown }, 'takeFrom')
    for (let count = 0; count < 1024; count++) {
      steps.mockClear()
      expect(pool.acquire(1 << 10)).not.toBeNull()
      expect(steps.mock.calls.length).toBeLessThanOrEqual(2 * 11)
    }
    steps.mockClear()
    expect(pool.acquire(1 << 10)).toBeNull()
    expect(steps.mock.calls.length).toBeLessThanOrEqual(1)
  })

  it('lives with less memory than its budget', () => {
    let left = 2
    const allocate = (length: number) => {
      if (left-- === 0) throw new RangeError('Cannot allocate: memory is exhausted')
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 1 << 20, 1 << 18, 1 << 18)
    const first = pool.acquire(1 << 18)!
    pool.acquire(1 << 18)
    expect(pool.acquire(1 << 18)).toBeNull()
    expect(pool.availableBytes).toBe(0)
    expect(pool.canServe()).toBe(false)
    pool.release(first, [])
    expect(pool.acquire(1 << 18)).toBe(first)
  })

  it('grows to its budget once there is memory again', () => {
    let isExhausted = true
    const allocate = (length: number) => {
      if (isExhausted) throw new RangeError('Cannot allocate: memory is exhausted')
      return createPacketBuffer(length)
    }
    const pool = new BufferPool({ allocate }, 1 << 20, 1 << 18, 1 << 16)
    expect(pool.acquire(1 << 18)).toBeNull()
    expect([pool.availableBytes, pool.canServe()]).toEqual([0, false])
    isExhausted = false
    let heldBytes = 0
    for (let buffer = pool.acquire(1 << 16); buffer !== null; buffer = pool.acquire(1 << 16)) {
      heldBytes += buffer.lengthBytes
    }
    expect([heldBytes, pool.availableBytes]).toEqual([1 << 20, 0])
  })

  it('counts what the device has finished with as free', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 17, 1 << 16, 1 << 16)
    const owner = { framesInFlight: 1 }
    const buffer = pool.acquire(1 << 16)!
    pool.release(buffer, [owner])
    expect(pool.canServe()).toBe(false)
    owner.framesInFlight = 0
    expect(pool.canServe()).toBe(true)
    expect(pool.availableBytes).toBe(1 << 17)
  })

  it('with the defaults gives the first connections all they want, and 128 of them something', () => {
    const { bufferBudgetBytes, sendBufferBytes, minimumBufferBytes } = DEFAULT_TCP_CONFIGURATION
    const pool = new BufferPool(
      { allocate: createPacketBuffer },
      bufferBudgetBytes,
      sendBufferBytes,
      minimumBufferBytes,
    )
    const lengths = Array.from(
      { length: 2 * 128 },
      () => pool.acquire(sendBufferBytes)?.lengthBytes,
    )
    expect(lengths.slice(0, 8)).toEqual(Array.from({ length: 8 }, () => sendBufferBytes))
    expect(lengths.at(-1)).toBeGreaterThanOrEqual(minimumBufferBytes)
  })

  it('refuses a buffer that is not its own', () => {
    const pool = new BufferPool({ allocate: createPacketBuffer }, 1 << 20, 1 << 18, 1 << 14)
    expect(() => pool.release(createPacketBuffer(16_384), [])).toThrow(/not taken/)
    expect(testBulk).toBeDefined()
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
  })

  it('let the ISN of one conversation grow by 250 a millisecond (RFC 6528 §3)', () => {
    const secrets = new Secrets(new SeededRandom(1))
    const first = secrets.initialSequence(ends(1000), 5000)
    expect((secrets.initialSequence(ends(1000), 5004) - first) | 0).toBe(1000)
  })

  it('give unrelated ISNs to different conversations and different boots', () => {
    const secrets = new Secrets(new SeededRandom(1))
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
    const other = new Secrets(new SeededRandom(2))
    expect(other.initialSequence(ends(1), 0)).not.toBe(secrets.initialSequence(ends(1), 0))
  })

  it('draw ephemeral ports without runs (RFC 6056)', () => {
    const secrets = new Secrets(new SeededRandom(3))
    const ports = Array.from({ length: 1000 }, () => secrets.ephemeralPort())
    expect(new Set(ports).size).toBeGreaterThan(950)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024)
    expect(Math.max(...ports)).toBeLessThanOrEqual(65_535)
    expect(ports.filter((port, index) => port === ports[index - 1]! + 1).length).toBeLessThan(3)
  })
})
