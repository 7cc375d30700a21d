/**
 * Thousands of sockets of two stacks with little memory: all are served in the end, every byte is
 * right, and nothing is left.
 */
import { describe, expect, it } from 'vitest'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const PORT = 80
const REQUEST_BYTES = 100

const byteAt = (position: number) => (position * 7 + (position >> 8)) & 0xff

/** Answers a request of a connection with so many bytes, then ends. */
class Server implements TcpSocketHandler {
  private readonly answer: Uint8Array
  private sent = -1

  constructor(answer: Uint8Array) {
    this.answer = answer
  }

  onReadable(socket: TcpSocket): void {
    socket.discard(socket.receivedLength)
    if (this.sent < 0 && socket.statistics.bytesReceived >= REQUEST_BYTES) {
      this.sent = 0
      this.onWritable(socket)
    }
  }

  onWritable(socket: TcpSocket): void {
    if (this.sent < 0 || !socket.canSend()) return
    const left = this.answer.length - this.sent
    this.sent += socket.send(this.answer, this.sent, left)
    if (this.sent === this.answer.length) socket.closeWrite()
  }

  onPeerFinished(socket: TcpSocket): void {
    socket.close()
  }

  onClose(): void {}
}

/** Asks once connected, checks what comes, and closes at its end. */
class Client implements TcpSocketHandler {
  received = 0
  private asked = 0
  isRight = true
  isClosed = false
  error: unknown = null

  onEstablished(socket: TcpSocket): void {
    this.onWritable(socket)
  }

  onWritable(socket: TcpSocket): void {
    if (this.asked === REQUEST_BYTES) return
    this.asked += socket.send(new Uint8Array(REQUEST_BYTES), 0, REQUEST_BYTES - this.asked)
  }

  onReadable(socket: TcpSocket): void {
    while (socket.peekRange() > 0) {
      const { readBuffer, readOffset, readLength } = socket
      for (let index = 0; index < readLength; index += 61) {
        this.isRight &&= readBuffer!.bytes[readOffset + index] === byteAt(this.received + index)
      }
      this.received += readLength
      socket.consume(readLength)
    }
  }

  onPeerFinished(socket: TcpSocket): void {
    this.onReadable(socket)
    socket.close()
  }

  onClose(_socket: TcpSocket, error: unknown): void {
    this.isClosed = true
    this.error = error
  }
}

describe('many at once', () => {
  it.each([
    [300, 40_000, 3 << 20, 0, true],
    [1000, 2_000, 4 << 20, 0, true],
    [50, 300_000, 1 << 18, 0, true],
    [100, 40_000, 1 << 20, 0.02, true],
    [100, 40_000, 1 << 20, 0.02, false],
  ])(
    '%i clients that are answered %i bytes each out of %i of memory are all served (loss %d, SACK %s)',
    (count, length, budget, loss, selectiveAcks) => {
      const stacks = new TwoStacks(
        // Where frames get lost the device also lets go of them late.
        { delayMs: 2, bytesPerMs: 125_000, loss, reorder: loss, readDelayMs: loss > 0 ? 1 : 0 },
        {
          ...{ bufferBudgetBytes: budget, selectiveAcks },
          ...{ maxConnections: 10_000, maxHalfOpen: 10_000 },
        },
      )
      const answer = Uint8Array.from({ length }, (_, index) => byteAt(index))
      stacks.right.listenSocket({
        port: PORT,
        backlog: 10_000,
        handler: {
          onConnection(listener) {
            for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
              socket.handler = new Server(answer)
            }
          },
        },
      })
      const clients = Array.from({ length: count }, (_, index) => {
        const handler = new Client()
        const address = parseIpAddress(index % 2 === 0 ? RIGHT_V4 : RIGHT_V6)!
        stacks.left.connectSocket({ address, port: PORT, handler })
        return handler
      })
      stacks.runUntil(() => clients.every(({ isClosed }) => isClosed), 120_000)
      expect(
        stacks.right.tcp.statistics.memoryPressures + stacks.left.tcp.statistics.memoryPressures,
      ).toBeGreaterThan(0)
      for (const { received, isRight, error } of clients) {
        expect([received, isRight, error]).toEqual([length, true, null])
      }
      stacks.runFor(130_000)
      for (const { tcp } of [stacks.left, stacks.right]) {
        expect(tcp.memory.pool.availableBytes).toBe(budget)
        expect([tcp.connectionCount, tcp.orphanCount, tcp.memory.holders.size]).toEqual([0, 0, 0])
        expect(tcp.nextDeadlineMs(stacks.clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
      }
    },
  )
})

const COUNT = 1_000
const ABSENT = '10.0.0.3'

/** How often a packet of the left stack was refused for want of its way. */
function countRefusals({ left }: TwoStacks): { refusals: number } {
  const { egress } = left.tcp
  const { prepare } = egress
  const counts = { refusals: 0 }
  egress.prepare = (...packet) => {
    const isPrepared = prepare.apply(egress, packet)
    if (!isPrepared) counts.refusals++
    return isPrepared
  }
  return counts
}

describe('connections whose neighbor is not known', () => {
  /** So many that ask for a neighbor, and how often one of them was refused for want of it. */
  function waiting() {
    const stacks = new TwoStacks({ delayMs: 2 }, { maxConnections: 10_000 })
    const { left, right } = stacks
    const counts = countRefusals(stacks)
    right.listenSocket({
      port: PORT,
      backlog: 2 * COUNT,
      handler: {
        onConnection(listener) {
          for (let socket = listener.accept(); socket !== null; socket = listener.accept()) {
            socket.handler = new Server(Uint8Array.from({ length: 5_000 }, (_, at) => byteAt(at)))
          }
        },
      },
    })
    const connect = (address: string) => {
      const handler = new Client()
      left.connectSocket({ address: parseIpAddress(address)!, port: PORT, handler })
      return handler
    }
    const clients = Array.from({ length: COUNT }, () => connect(ABSENT))
    return { stacks, counts, clients, connect }
  }

  it('are not all tried in each turn of others, and all hear when it does not answer', () => {
    const { stacks, counts, clients, connect } = waiting()
    for (let transfer = 0; transfer < 20; transfer++) {
      const other = connect(RIGHT_V4)
      stacks.runUntil(() => other.isClosed, 1_000)
      expect([other.error, other.received]).toEqual([null, 5_000])
    }
    // Once each, and then one when a neighbor is heard of, or half a second has passed.
    expect(counts.refusals).toBeLessThan(COUNT + 30)
    stacks.runUntil(() => clients.every(({ isClosed }) => isClosed), 6_000)
    for (const { error } of clients) expect(error).toMatchObject({ code: 'unreachable' })
    expect(counts.refusals).toBeLessThan(3 * COUNT)
  })

  it('go on at once, all of them, when it does', () => {
    const { stacks, clients } = waiting()
    stacks.runFor(2_500)
    stacks.right.addAddress(`${ABSENT}/24`, stacks.clock.nowMs)
    stacks.runUntil(() => stacks.right.tcp.connectionCount > 0, 1_500)
    const sinceMs = stacks.clock.nowMs
    stacks.runUntil(() => clients.every(({ received }) => received > 0), 1_000)
    expect(stacks.clock.nowMs - sinceMs).toBeLessThan(50)
    stacks.runUntil(() => clients.every(({ isClosed }) => isClosed), 30_000)
    for (const { error, received } of clients) expect([error, received]).toEqual([null, 5_000])
  })
})

/** Turns of the left stack in which something else goes on. */
function turnsOfOthers(stacks: TwoStacks, count: number): void {
  for (let turn = 0; turn < count; turn++) stacks.left.host.poll(stacks.clock.nowMs)
}

describe('connections whose route is gone', () => {
  it('are not tried in each turn, and go on at once, all of them, when it is back', () => {
    const stacks = new TwoStacks({ delayMs: 2 }, { maxConnections: 10_000 })
    const { left, right } = stacks
    const counts = countRefusals(stacks)
    const listener = right.listenSocket({ port: PORT, backlog: 2 * COUNT })
    const address = parseIpAddress(RIGHT_V4)!
    const sockets = Array.from({ length: COUNT }, () => left.connectSocket({ address, port: PORT }))
    stacks.runFor(1_000)
    const peers = sockets.map(() => listener.accept()!)
    counts.refusals = 0
    const prefix = { address: parseIpAddress('10.0.0.0')!, prefixLength: 24 }
    left.interface.removeRoute(prefix, null)
    for (const socket of sockets) socket.send(new Uint8Array(100), 0, 100)
    stacks.runFor(10)
    expect(counts.refusals).toBe(COUNT)
    turnsOfOthers(stacks, 200)
    stacks.runFor(2_000)
    turnsOfOthers(stacks, 200)
    expect(counts.refusals).toBeLessThan(COUNT + 10)
    // Another route is none for them, and the neighbor of somebody else nobody's news.
    left.interface.addRoute({ address: parseIpAddress('10.9.0.0')!, prefixLength: 16 }, address)
    stacks.runFor(10)
    turnsOfOthers(stacks, 200)
    expect(counts.refusals).toBeLessThan(2 * COUNT + 20)
    left.interface.addRoute(prefix, null)
    stacks.runFor(200)
    expect(peers.filter(({ receivedLength }) => receivedLength === 100)).toHaveLength(COUNT)
  })
})

describe('datagrams whose neighbor is not known', () => {
  const SMALL = { queueBytes: 2048, queueDatagrams: 4 }

  function send() {
    const stacks = new TwoStacks({ delayMs: 2 })
    stacks.runFor(2_000)
    const counts = countRefusals(stacks)
    const { left } = stacks
    const sockets = Array.from({ length: COUNT }, () => left.udp.open(SMALL))
    for (const socket of sockets) {
      socket.send(parseIpAddress(ABSENT)!, 9, new Uint8Array(100), 0, 100)
    }
    stacks.runFor(0)
    expect(counts.refusals).toBe(COUNT)
    return { stacks, counts, sockets }
  }

  it('are not tried in each turn of others, and are dropped when it does not answer', () => {
    const { stacks, counts, sockets } = send()
    const { drops } = stacks.left.udp.statistics
    turnsOfOthers(stacks, 200)
    expect(counts.refusals).toBe(COUNT)
    // A socket that sends to others does not ask for it each time either.
    for (let turn = 0; turn < 100; turn++) {
      sockets[0]!.send(parseIpAddress(RIGHT_V4)!, 9, new Uint8Array(100), 0, 100)
      turnsOfOthers(stacks, 1)
    }
    expect(counts.refusals).toBeLessThan(COUNT + 150)
    stacks.runFor(3_000)
    // Once more as the other neighbor was heard of, and some in each half second.
    expect(counts.refusals).toBeLessThan(3 * COUNT)
    stacks.runFor(4_000)
    expect(drops.unreachable + drops.unresolved).toBe(COUNT)
    expect(stacks.left.udp.nextDeadlineMs(stacks.clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('leave at once, all of them, when it does', () => {
    const { stacks } = send()
    const receiver = stacks.right.udp.open({ port: 9, queueDatagrams: 1024 })
    stacks.runFor(1_500)
    stacks.right.addAddress(`${ABSENT}/24`, stacks.clock.nowMs)
    stacks.runUntil(() => receiver.receivedCount() > 0, 3_000)
    stacks.runFor(100)
    expect(receiver.receivedCount()).toBe(COUNT)
  })

  it('are given up by their sockets in the end when too many neighbors are asked for', () => {
    const stacks = new TwoStacks({ delayMs: 2 })
    stacks.left.addAddress('10.3.0.1/16', stacks.clock.nowMs)
    const sockets = Array.from({ length: COUNT }, () => stacks.left.udp.open(SMALL))
    for (const [index, socket] of sockets.entries()) {
      const to = parseIpAddress(`10.3.${(index >> 8) + 1}.${index & 0xff}`)!
      socket.send(to, 9, new Uint8Array(100), 0, 100)
    }
    let polls = 0
    const { poll } = stacks.left.host
    stacks.left.host.poll = (nowMs) => {
      polls++
      return poll.call(stacks.left.host, nowMs)
    }
    stacks.runFor(60_000)
    // No turn follows at once on another for ever.
    expect(polls).toBeLessThan(20_000)
    const { unreachable, unresolved } = stacks.left.udp.statistics.drops
    expect(unreachable + unresolved).toBe(COUNT)
  })
})

describe('echo requests whose neighbor is not known', () => {
  it('are not tried in each turn of others', async () => {
    const stacks = new TwoStacks({ delayMs: 2 })
    const counts = countRefusals(stacks)
    const attempts = Array.from({ length: 200 }, () =>
      stacks.left.ping(ABSENT, { timeoutMs: 20_000 }).catch(({ code }) => code),
    )
    await stacks.settle(() => counts.refusals > 0, 1_000)
    const { refusals } = counts
    turnsOfOthers(stacks, 200)
    expect(counts.refusals).toBeLessThan(refusals + 200)
    let codes: unknown[] = []
    Promise.all(attempts).then((all) => {
      codes = all
    })
    await stacks.settle(() => codes.length > 0, 30_000)
    expect(new Set(codes)).toEqual(new Set(['unreachable']))
    expect(counts.refusals).toBeLessThan(20 * 200)
  })
})
