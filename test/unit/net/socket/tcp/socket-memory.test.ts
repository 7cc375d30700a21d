/**
 * Memory of sockets: none without data, as much as the path needs, one budget with levels, a fair
 * share when it is scarce.
 */
import { describe, expect, it, vi } from 'vitest'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { createPacketBuffer } from '../../../../support/memory.ts'
import { ack, data, EventLog, fin, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

const KIB = 1024
const SMALLEST = 4 * KIB
const FIRST = 64 * KIB

/** A script with the limits that connections begin with in the guest. */
function begin(configuration: Partial<TcpConfiguration> = {}, holdFrames = false): TcpScript {
  return new TcpScript({
    superSegmentLimit: 64_240,
    holdFrames,
    configuration: {
      sendBufferBytes: 6 << 20,
      receiveBufferBytes: 6 << 20,
      initialBufferBytes: FIRST,
      ...configuration,
    },
  })
}

/** Peers of one script that come one after another, each with a port of its own. */
class Peers {
  readonly script: TcpScript
  private readonly listener
  private readonly sequences = new Map<number, number>()

  constructor(configuration: Partial<TcpConfiguration>) {
    this.script = begin(configuration)
    this.listener = this.script.listen(10_000)
  }

  open(port: number): TcpSocket {
    const { script } = this
    script.peerPort = port
    script.send(syn())
    script.drain()
    this.sequences.set(port, script.localIsn)
    script.send(ack(1))
    script.drain()
    const socket = this.listener.accept()!
    socket.handler = new EventLog()
    return socket
  }

  /** Goes on as the peer with that port. */
  as(port: number): void {
    this.script.peerPort = port
    this.script.localIsn = this.sequences.get(port)!
  }
}

function heldBytes({ tcp }: TcpScript): number {
  return tcp.memory.pool.limitBytes - tcp.memory.pool.availableBytes
}

const pattern = (length: number, seed = 0) =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + seed) & 0xff)

describe('a connection without data', () => {
  it('holds no memory, accepted or opened, and offers 64 KiB all the same', () => {
    const script = begin()
    script.listen()
    script.send(syn({ windowScale: 7 }))
    script.expectSegments({ flags: 'SA', window: 65_535 })
    script.send(ack(1))
    script.drain()
    const other = begin()
    const { socket } = other.connect()
    other.expectSegments({ flags: 'S', window: 65_535, windowScale: 7 })
    other.send(syn({ flags: 'SA', acknowledgment: 1, windowScale: 7 }))
    other.expectSegments({ flags: 'A', window: FIRST >> 7 })
    expect(socket.state).toBe(TcpState.Established)
    expect([heldBytes(script), heldBytes(other)]).toEqual([0, 0])
    other.advance(60_000)
    expect(other.tcp.nextDeadlineMs(other.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('gives up its path after a second or two, and finds it again when it has something to say', () => {
    const script = begin()
    const { socket, log } = script.establish()
    expect(socket.flow).not.toBeNull()
    script.advance(2_100)
    expect(socket.flow).toBeNull()
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
    script.send(data(1, 'request'))
    script.advance(100)
    expect(script.drain()).toMatchObject([{ flags: 'A', acknowledgment: 8, length: 0 }])
    expect(script.flows.length).toBe(2)
    script.advance(4_000)
    socket.discard(7)
    script.advance(3_000)
    expect(socket.flow).toBeNull()
    socket.send(Buffer.from('answer'), 0, 6)
    script.expectSegments({ flags: 'PA', sequence: 1, acknowledgment: 8, length: 6 })
    script.send(ack(7, { sequence: 8 }))
    script.advance(3_000)
    // Out of order: answered before the socket's turn.
    script.send(data(100, 'late', { acknowledgment: 7 }))
    script.expectSegments({ flags: 'A', acknowledgment: 8 })
    script.advance(3_000)
    socket.abort()
    script.expectSegments({ flags: 'RA' })
    expect(log.error?.code).toBe('aborted')
  })

  it('waits with what it has to say while there is no path, and gives up in the end', () => {
    const script = begin()
    const { socket, log } = script.establish()
    script.advance(3_000)
    script.hasRoute = false
    socket.send(Buffer.from('answer'), 0, 6)
    script.expectSilence()
    script.hasRoute = true
    script.advance(1_500)
    expect(script.drain()[0]).toMatchObject({ flags: 'PA', sequence: 1, length: 6 })
    script.send(ack(7))
    script.advance(3_000)
    script.hasRoute = false
    socket.send(Buffer.from('answer'), 0, 6)
    script.advance(400_000)
    expect(log.error?.code).toBe('timeout')
  })

  it('is little: QuickJS has room for 141 fields, and for one more takes a kilobyte', () => {
    const { socket } = begin().establish()
    // The room for properties, 16 bytes each, grows by half each time (resize_properties): 63, 94,
    // 141, 211. What only some connections need belongs into an object of its own that they make,
    // as LossRecovery is.
    const ROOM = 141
    expect(Object.keys(socket).length).toBeLessThanOrEqual(ROOM)
  })

  it('shares its congestion control with all that are idle, as long as it has learned nothing', () => {
    const script = begin()
    const { memory } = script.tcp
    const { socket } = script.establish()
    const say = () => {
      socket.send(new Uint8Array(1000), 0, 1000)
      script.drain()
    }
    script.advance(5_000)
    expect(socket.congestion).toBe(memory.congestionAtRest)
    say()
    const own = socket.congestion
    expect(own).not.toBe(memory.congestionAtRest)
    // RFC 6928 §2.
    expect(own.windowBytes).toBe(10 * socket.segmentSize)
    script.send(ack(1001))
    script.advance(5_000)
    expect([socket.flow, socket.congestion]).toEqual([null, memory.congestionAtRest])
    // RFC 5681 §3.1: a timeout halves what may be in flight, which a pause does not undo.
    say()
    script.advance(1_500)
    script.send(ack(2001))
    const { thresholdBytes } = socket.congestion
    script.advance(5_000)
    expect([socket.flow, socket.congestion.thresholdBytes]).toEqual([null, thresholdBytes])
    expect(memory.congestionAtRest.windowBytes).toBe(0)
  })

  it('keeps nothing of what it repaired losses with, unless it has learned of reordering', () => {
    const script = begin()
    const { socket } = script.establish({ sackPermitted: true })
    const exchange = (start: number) => {
      for (let at = 0; at < 3; at++) {
        script.nowMs += 20
        socket.send(new Uint8Array(1000), 0, 1000)
        script.drain()
      }
      expect(socket.recovery).not.toBeNull()
      script.send(ack(start + 3000, { sequence: 4 }))
      script.advance(5_000)
    }
    socket.setNoDelay(true)
    script.send(data(3, 'c'))
    script.drain()
    expect(socket.assembler).not.toBeNull()
    script.send(data(1, 'ab'))
    script.drain()
    socket.discard(3)
    exchange(1)
    expect([socket.flow, socket.assembler, socket.recovery]).toEqual([null, null, null])
    exchange(3001)
    expect([socket.flow, socket.recovery]).toEqual([null, null])
  })

  it('opens though all memory is taken', () => {
    const script = begin()
    const { pool } = script.tcp.memory
    for (let length = 1 << 22; length >= SMALLEST; length >>= 1) {
      while (pool.acquire(length) !== null);
    }
    const { log } = script.establish()
    expect(pool.availableBytes).toBe(0)
    expect(log.events).toEqual([])
  })
})

describe('memory for what arrives', () => {
  it('is the least at first, grows with what nobody reads, and keeps every byte', () => {
    const script = begin()
    const { socket } = script.establish()
    const bytes = pattern(40_000)
    const capacities: number[] = []
    for (let at = 0; at < bytes.length; at += 1000) {
      script.send(data(1 + at, bytes.subarray(at, at + 1000)))
      script.drain()
      capacities.push(socket.receiveBuffer.capacity)
    }
    expect([...new Set(capacities)]).toEqual([4, 8, 16, 32, 64].map((size) => size * KIB))
    const out = new Uint8Array(bytes.length)
    expect(socket.receive(out, 0, out.length)).toBe(bytes.length)
    expect(Buffer.compare(out, bytes)).toBe(0)
  })

  it('keeps what came out of order when it grows', () => {
    const script = begin()
    const { socket } = script.establish()
    const bytes = pattern(60_000)
    for (const at of [3000, 2000, 9000, 30_000, 59_000]) {
      script.send(data(1 + at, bytes.subarray(at, at + 1000)))
      script.drain()
    }
    for (let at = 0; at < bytes.length; at += 1000) {
      script.send(data(1 + at, bytes.subarray(at, at + 1000)))
      script.drain()
    }
    const out = new Uint8Array(bytes.length)
    expect(socket.receive(out, 0, out.length)).toBe(bytes.length)
    expect(Buffer.compare(out, bytes)).toBe(0)
  })

  it('is none while the user takes text where it lies', () => {
    const script = begin()
    const { socket } = script.establish()
    socket.handler = { offerData: (_socket, _bytes, _offset, length) => length, onClose() {} }
    for (let at = 0; at < 50; at++) {
      script.send(data(1 + at * 1000, new Uint8Array(1000)))
      script.drain()
    }
    expect([socket.statistics.bytesReceived, heldBytes(script)]).toEqual([50_000, 0])
  })

  it('goes back once it was empty for a second, and not while requests follow each other', () => {
    const script = begin()
    const { socket } = script.establish()
    for (let request = 0; request < 40; request++) {
      script.send(data(1 + 10 * request, '0123456789'))
      script.drain()
      socket.discard(10)
      script.advance(100)
      expect(heldBytes(script)).toBe(SMALLEST)
    }
    script.advance(2_100)
    expect(heldBytes(script)).toBe(0)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
    script.send(data(401, 'abc'))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('stays while a byte is unread', () => {
    const script = begin()
    script.establish()
    script.send(data(1, 'a'))
    script.advance(10_000)
    expect(heldBytes(script)).toBe(SMALLEST)
  })
})

describe('the window', () => {
  /**
   * Receives `windows` full windows, each read `readMs` after it came; returns what was offered
   * last.
   */
  function fill(readMs: number, windows: number, rttMs = 20) {
    const script = begin()
    script.listen()
    script.send(syn({ windowScale: 7 }))
    script.drain()
    script.nowMs += rttMs
    script.send(ack(1))
    script.drain()
    const socket = [...script.tcp.sockets()][0]!
    let at = 1
    for (let count = 0; count < windows; count++) {
      const end = at + socket.receiveLimit
      for (; at < end; at += 1460) {
        script.send(data(at, new Uint8Array(Math.min(1460, end - at))))
        if (at + 1460 > end) at = end - 1460
      }
      script.drain()
      script.nowMs += readMs
      socket.discard(socket.receivedLength)
      script.drain()
    }
    return socket.receiveLimit
  }

  it('grows fourfold when the user reads half of it within a round trip, up to 4 MiB of a budget of 16', () => {
    expect(fill(20, 1)).toBe(4 * FIRST)
    expect(fill(20, 2)).toBe(16 * FIRST)
    expect(fill(20, 9)).toBe(4 << 20)
  })

  it('doubles when that takes up to two', () => {
    expect(fill(40, 1)).toBe(2 * FIRST)
    expect(fill(40, 3)).toBe(8 * FIRST)
  })

  it('stays when the user reads more slowly than the path could bring', () => {
    expect(fill(200, 5)).toBe(FIRST)
  })
})

describe('memory for what is sent', () => {
  const queue = (socket: TcpSocket, bytes: Uint8Array) => socket.send(bytes, 0, bytes.length)

  it('grows with what is queued, up to twice the congestion window', () => {
    const script = begin()
    const { socket, log } = script.establish({ windowScale: 8 })
    script.peerWindow = 0xffff
    expect(queue(socket, new Uint8Array(100_000))).toBe(FIRST)
    expect(socket.sendBuffer.capacity).toBe(FIRST)
    let acked = 1
    for (let round = 0; round < 6; round++) {
      const sent = script.drain().reduce((sum, { length }) => sum + length, 0)
      acked += sent
      script.nowMs += 10
      script.send(ack(acked))
      queue(socket, new Uint8Array(1 << 20))
    }
    expect(log.events).toContain('writable')
    expect(socket.sendLimit).toBe(2 * socket.congestion.windowBytes)
    expect(socket.sendLimit).toBeGreaterThan(4 * FIRST)
    // What is queued has a place, and not more than twice that.
    expect(socket.sendBuffer.capacity).toBeLessThan(2 * socket.sendBuffer.heldLength())
  })

  it('moves while frames of it are in flight, which the device goes on reading, and no byte changes', () => {
    const script = begin({}, true)
    const { socket } = script.establish({ windowScale: 8 })
    script.peerWindow = 0xffff
    const bytes = pattern(60_000)
    const arrived: number[] = []
    let queued = 0
    for (let round = 0; round < 200 && arrived.length < bytes.length; round++) {
      queued += socket.send(bytes, queued, Math.min(1500, bytes.length - queued))
      for (const { payload } of script.drain()) arrived.push(...payload)
      if (round % 7 === 6) script.send(ack(1 + arrived.length))
      if (round % 50 === 49) script.completeFrames()
    }
    expect(Buffer.compare(Uint8Array.from(arrived), bytes)).toBe(0)
    script.send(ack(1 + arrived.length))
    script.drain()
    expect(script.tcp.memory.pool.drainingCount()).toBeGreaterThan(0)
    script.completeFrames()
    script.advance(3_000)
    expect([heldBytes(script), script.tcp.memory.pool.drainingCount()]).toEqual([0, 0])
  })

  it('is little beside what is lent: what comes before and behind a loan shares a small ring', () => {
    const script = begin()
    const { socket } = script.establish({ windowScale: 8 })
    script.peerWindow = 0xffff
    const lent = createPacketBuffer(1 << 18)
    lent.bytes.set(pattern(1 << 18, 7))
    const head = pattern(200, 1)
    const tail = pattern(3000, 2)
    queue(socket, head)
    expect(socket.sendLent(lent, 5, 200_000)).toBe(200_000)
    expect(queue(socket, tail)).toBe(3000)
    expect(socket.sendBuffer.capacity).toBeLessThanOrEqual(16 * KIB)
    const arrived: number[] = []
    while (arrived.length < 203_200) {
      for (const { payload } of script.drain()) arrived.push(...payload)
      script.nowMs += 10
      script.send(ack(1 + arrived.length))
    }
    const expected = Buffer.concat([head, lent.bytes.subarray(5, 200_005), tail])
    expect(Buffer.compare(Uint8Array.from(arrived), expected)).toBe(0)
  })
})

describe('what the device still reads when its connection has ended', () => {
  const fields = { windowScale: 8, sackPermitted: true }

  it.each(['abort', 'reset of the peer', 'sent again'])(
    'comes back by itself, after which the guest sleeps: %s',
    (end) => {
      const script = begin({}, true)
      const { socket } = script.establish(fields)
      script.peerWindow = 0xffff
      const queue = () => socket.send(new Uint8Array(10_000), 0, 10_000)
      queue()
      script.drain()
      // Into a larger ring: the one before drains with owners of its own.
      queue()
      script.drain()
      if (end === 'sent again') {
        script.advance(2_000)
        expect(socket.statistics.retransmissions).toBeGreaterThan(0)
      }
      if (end === 'reset of the peer') script.send(rst(1))
      else socket.abort()
      script.advance(3_000)
      expect(script.tcp.connectionCount).toBe(0)
      expect(heldBytes(script)).toBeGreaterThan(0)
      script.completeFrames()
      script.advance(1_000)
      expect(heldBytes(script)).toBe(0)
      expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
    },
  )

  it('ends the pressure soon, though nobody asks for memory', () => {
    const script = begin({ bufferBudgetBytes: 128 * KIB }, true)
    const { socket } = script.establish(fields)
    script.peerWindow = 0xffff
    const { memory } = script.tcp
    const taken = []
    while (memory.pool.availableBytes > 64 * KIB) taken.push(memory.pool.acquire(SMALLEST)!)
    socket.send(new Uint8Array(SMALLEST), 0, SMALLEST)
    script.drain()
    expect(memory.isPressed).toBe(true)
    for (const one of taken) memory.pool.release(one, [])
    socket.abort()
    script.drain()
    expect(heldBytes(script)).toBe(SMALLEST)
    script.completeFrames()
    script.advance(101)
    expect([heldBytes(script), memory.isPressed]).toEqual([0, false])
  })

  it('is not kept with a socket that its user keeps, nor is what it was sent and repaired with', () => {
    const script = begin()
    const { socket } = script.establish(fields)
    script.peerWindow = 0xffff
    socket.sendLent(createPacketBuffer(1 << 18), 0, 200_000)
    script.drain()
    script.send(ack(1, { sack: [[1461, 2921]] }))
    script.send(data(100, 'late'))
    script.drain()
    expect([socket.loan, socket.recovery, socket.assembler]).not.toContain(null)
    socket.abort()
    expect([socket.loan, socket.recovery, socket.assembler]).toEqual([null, null, null])
    script.expectSegments({ flags: 'RA' })
  })
})

describe('connections that come one after another', () => {
  it('are looked at for empty memory once a second, not each, and not once none is left', () => {
    const peers = new Peers({})
    const { script } = peers
    const { memory } = script.tcp
    const { sweep } = script.tcp as unknown as { sweep: { run(nowMs: number): void } }
    const run = vi.spyOn(sweep, 'run')
    for (let port = 1; port <= 20; port++) {
      const socket = peers.open(port)
      socket.send(new Uint8Array(10), 0, 10)
      script.drain()
      socket.abort()
      script.drain()
      expect(memory.holders.size).toBe(0)
    }
    expect(run.mock.calls.length).toBeLessThanOrEqual(1)
    script.advance(1_000)
    expect(memory.sweepDueMs).toBe(Infinity)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Infinity)
  })
})

describe('when memory is scarce', () => {
  const BUDGET = 256 * KIB
  const scarce = { bufferBudgetBytes: BUDGET }

  /**
   * Memory is under pressure: somebody else has more than half. One peer holds 16 KiB, which nobody
   * reads.
   */
  function press(): Peers {
    const peers = new Peers(scarce)
    const { script } = peers
    peers.open(1)
    for (let at = 0; at < 16; at++) {
      script.send(data(1 + at * KIB, new Uint8Array(KIB)))
      script.drain()
    }
    const { memory } = script.tcp
    while (heldBytes(script) <= BUDGET / 2) memory.pool.acquire(SMALLEST)
    memory.refresh()
    return peers
  }

  it('windows stop growing, and close as data comes, but their right edge never goes back', () => {
    const peers = press()
    const { script } = peers
    peers.as(1)
    const held = 16 * KIB
    const edge = 65_535
    script.send(data(1 + held, new Uint8Array(1000)))
    const sent = script.drain()
    // RFC 9293 §3.8.6: "A TCP receiver SHOULD NOT shrink the window".
    for (const { acknowledgment, window } of sent) {
      expect(acknowledgment + window).toBeGreaterThanOrEqual(edge)
    }
    expect(script.tcp.statistics.memoryPressures).toBe(1)
    // Who comes now is offered less.
    const latecomer = peers.open(999)
    expect(latecomer.receiveLimit).toBe(16 * KIB)
  })

  it('what comes out of order is not kept, and counted; what comes in order is', () => {
    const peers = press()
    const { script } = peers
    const socket = peers.open(999)
    script.send(data(5001, new Uint8Array(1000)))
    script.drain()
    expect(socket.assembler?.rangeCount ?? 0).toBe(0)
    expect(script.tcp.statistics.drops.outOfOrderPruned).toBe(1)
  })

  it('what has no place is dropped and counted, the ACK says so, and it is taken when it comes again', () => {
    const script = begin(scarce)
    const { socket } = script.establish()
    const { pool } = script.tcp.memory
    const taken = []
    for (let length = BUDGET >> 2; length >= SMALLEST; length >>= 1) {
      for (let one = pool.acquire(length); one !== null; one = pool.acquire(length)) taken.push(one)
    }
    script.send(data(1, 'request'))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect([script.tcp.statistics.drops.noBuffer, socket.receivedLength]).toEqual([1, 0])
    for (const one of taken) pool.release(one, [])
    script.send(data(1, 'request'))
    script.drain()
    expect(socket.receivedLength).toBe(7)
  })

  it('no peer and no listener with more than half gets any of the last eighth, and the others find that', () => {
    const peers = new Peers(scarce)
    const { script } = peers
    for (let port = 1; port <= 100; port++) {
      peers.open(port)
      script.send(data(1, new Uint8Array(1400)))
      script.drain()
    }
    expect(heldBytes(script)).toBe((BUDGET * 7) / 8)
    expect(script.tcp.statistics.drops.noBuffer).toBe(100 - (BUDGET * 7) / 8 / SMALLEST)
    // To the same listener from elsewhere: no more of it either. To another peer, and not through
    // the listener: as before.
    const { shares } = script.tcp.memory as unknown as {
      shares: { mayHave(user: unknown, bytes: number, limit: number): boolean }
    }
    const elsewhere = { ...script.peer, word3: 77 }
    const passive = { remoteAddress: elsewhere, localPort: 80, isPassive: true }
    expect(shares.mayHave(passive, SMALLEST, BUDGET)).toBe(false)
    expect(shares.mayHave({ ...passive, isPassive: false }, SMALLEST, BUDGET)).toBe(true)
    expect(shares.mayHave({ ...passive, localPort: 81 }, SMALLEST, BUDGET)).toBe(true)
  })

  it('the last eighth is for the least buffers: a small exchange goes on beside those that want all', () => {
    const script = begin(scarce)
    const { memory } = script.tcp
    const { socket } = script.establish()
    while (memory.pool.availableBytes > BUDGET / 8) memory.pool.acquire(SMALLEST)
    memory.refresh()
    expect([memory.isPressed, memory.isAtLimit]).toEqual([true, true])
    expect(socket.send(new Uint8Array(60_000), 0, 60_000)).toBe(SMALLEST)
  })

  it('whoever has to wait to write is told once there is memory, the oldest first', () => {
    const peers = new Peers(scarce)
    const { script } = peers
    const { pool } = script.tcp.memory
    const sockets = [1, 2, 3].map((port) => peers.open(port))
    const taken = []
    for (let length = BUDGET >> 2; length >= SMALLEST; length >>= 1) {
      for (let one = pool.acquire(length); one !== null; one = pool.acquire(length)) taken.push(one)
    }
    const told: number[] = []
    for (const socket of sockets) {
      socket.handler = {
        onWritable(one) {
          if (one.send(new Uint8Array(10), 0, 10) === 10) told.push(one.remotePort)
        },
        onClose() {},
      }
      expect(socket.send(new Uint8Array(10), 0, 10)).toBe(0)
    }
    script.advance(5_000)
    // A try a second each, as other memory may have come back.
    expect(told).toEqual([])
    expect(script.tcp.statistics.memoryWaits).toBeLessThanOrEqual(3 * 7)
    for (const one of taken) pool.release(one, [])
    script.advance(1_000)
    expect(told).toEqual([1, 2, 3])
    // Nobody waits, nothing is held: the guest sleeps.
    for (const port of [1, 2, 3]) {
      peers.as(port)
      script.drain()
      script.send(ack(11))
    }
    script.advance(5_000)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('nobody is told of memory that the device still reads', () => {
    const script = begin(scarce, true)
    const { memory } = script.tcp
    const { socket } = script.establish()
    socket.send(new Uint8Array(SMALLEST), 0, SMALLEST)
    script.drain()
    while (memory.pool.acquire(SMALLEST) !== null);
    const waiting = script.connect().socket
    memory.wait(waiting)
    socket.abort()
    expect([memory.pool.drainingCount(), memory.waiting.wakeCount]).toEqual([1, 0])
    script.completeFrames()
    memory.collectDrained()
    expect(memory.waiting.wakeCount).toBe(1)
  })

  it('what nobody reads of a connection that is over goes after a minute, not while somebody does', () => {
    const script = begin(scarce)
    const { memory, statistics } = script.tcp
    const { socket } = script.establish()
    script.send(data(1, 'abcd'))
    script.send(fin(5))
    socket.closeWrite()
    script.drain()
    script.send(ack(2, { sequence: 6 }))
    expect(socket.state).toBe(TcpState.Closed)
    // As long as there is enough it stays.
    script.advance(200_000)
    expect(socket.receivedLength).toBe(4)
    while (memory.pool.acquire(SMALLEST) !== null);
    memory.refresh()
    memory.sweepDueMs = 0
    script.advance(50_000)
    socket.discard(1)
    script.advance(50_000)
    expect([socket.receivedLength, socket.error, statistics.unreadDropped]).toEqual([3, null, 0])
    script.advance(20_000)
    expect([socket.receivedLength, socket.receiveBuffer.capacity]).toEqual([0, 0])
    expect([socket.error?.code, statistics.unreadDropped, memory.unread.size]).toEqual([
      'aborted',
      1,
      0,
    ])
  })

  it('shares that a bulk transfer had added up are forgotten after it, and small exchanges cost little', () => {
    const peers = new Peers(scarce)
    const { script } = peers
    const { memory, statistics } = script.tcp
    const small = peers.open(3)
    const bulk = [1, 2].map((port) => peers.open(port))
    for (const length of [60_000, 30_000]) bulk[0]!.send(new Uint8Array(length), 0, length)
    for (let part = 0; part < 4; part++) bulk[1]!.send(new Uint8Array(15_000), 0, 15_000)
    const acquireSpare = vi.spyOn(memory.pool, 'acquireSpare')
    small.send(new Uint8Array(10), 0, 10)
    // Shares are kept: no buffer is taken without a word.
    expect(acquireSpare).not.toHaveBeenCalled()
    for (const socket of bulk) socket.abort()
    script.advance(2_000)
    peers.open(4).send(new Uint8Array(10), 0, 10)
    expect(acquireSpare).toHaveBeenCalled()
    expect(statistics.memoryPressures).toBe(0)
  })

  it('empty memory goes back at once', () => {
    const peers = press()
    const { script } = peers
    const socket = peers.open(999)
    script.send(data(1, 'x'))
    script.drain()
    socket.discard(1)
    script.advance(101)
    expect(socket.receiveBuffer.capacity).toBe(0)
  })
})

describe('a connection whose user is gone', () => {
  it('keeps no memory for what may come', () => {
    const script = begin()
    const { socket } = script.establish()
    script.send(data(1, 'a'), data(3, 'c'))
    script.drain()
    socket.discard(1)
    socket.close()
    script.drain()
    expect([socket.receiveBuffer.capacity, script.tcp.orphanCount]).toEqual([0, 1])
    script.send(ack(2, { sequence: 2 }))
    script.send(fin(2, { acknowledgment: 2 }))
    script.drain()
    expect(script.tcp.orphanCount).toBe(0)
  })

  it('is one of a limited number, unless its peer has all: one more ends the oldest', () => {
    const peers = new Peers({ maxOrphans: 2 })
    const { script } = peers
    const sockets = [1, 2, 3, 4].map((port) => peers.open(port))
    sockets[0]!.close()
    script.drain()
    peers.as(1)
    script.send(ack(2))
    script.drain()
    expect([script.tcp.orphanCount, script.tcp.finWait2Count]).toEqual([0, 1])
    for (const socket of sockets.slice(1)) socket.close()
    const sent = script.drain().map(({ flags, destinationPort }) => `${destinationPort} ${flags}`)
    expect(sent.sort()).toEqual(['2 RA', '3 FA', '4 FA'])
    expect([script.tcp.orphanCount, script.tcp.statistics.orphansEvicted]).toEqual([2, 1])
    expect(script.tcp.finWait2Count).toBe(1)
  })

  it('goes at the limit of memory when its peer takes nothing for 5 s, though that answers (RFC 6429)', () => {
    const script = begin({ bufferBudgetBytes: 256 * KIB })
    const { socket } = script.establish()
    script.peerWindow = 0
    socket.send(new Uint8Array(1000), 0, 1000)
    socket.close()
    script.drain()
    script.send(ack(1))
    script.advance(4_000)
    const { memory } = script.tcp
    while (memory.pool.acquire(SMALLEST) !== null);
    memory.refresh()
    script.advance(500)
    expect(script.tcp.connectionCount).toBe(1)
    script.advance(1_500)
    expect([script.tcp.connectionCount, script.tcp.statistics.orphansEvicted]).toEqual([0, 1])
  })
})
