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

describe('connections whose neighbor is not known', () => {
  const COUNT = 1_000
  const ABSENT = '10.0.0.3'

  /** So many that ask for a neighbor, and how often one of them was refused for want of it. */
  function waiting() {
    const stacks = new TwoStacks({ delayMs: 2 }, { maxConnections: 10_000 })
    const { left, right } = stacks
    const { egress } = left.tcp
    const { prepare } = egress
    const counts = { refusals: 0 }
    egress.prepare = (...packet) => {
      const isPrepared = prepare.apply(egress, packet)
      if (!isPrepared) counts.refusals++
      return isPrepared
    }
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
    // Once each, and then one in each turn.
    expect(counts.refusals).toBeLessThan(2 * COUNT)
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
