/**
 * Lent and copied bytes in any order over any link, to a device that reads as late as it may: the
 * stream arrives, and the queue never stands still.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { createPacketBuffer } from '../support/memory.ts'
import { watchWire } from './invariants.ts'
import { Endpoint, randomBytes } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

/** Not of whole frames, of whole frames over IPv4 and IPv6 without timestamps, of none but one. */
const RINGS = [70_001, 4 * 64_240, 4 * 64_260, 65_536].map((lengthBytes, seed) => {
  const ring = { ...createPacketBuffer(lengthBytes), lengthBytes }
  ring.bytes.set(randomBytes(lengthBytes, seed + 1))
  return ring
})
const COPIED = randomBytes(60_000, 99)

interface Piece {
  readonly isLent: boolean
  readonly ring: number
  readonly length: number
}

/** Queues one piece after the other, as much of each as is taken, and then its end. */
class Mixer implements TcpSocketHandler {
  /** What was taken, and thus has to arrive. */
  readonly taken: Uint8Array[] = []
  isClosed = false
  error: unknown = null
  private readonly pieces: readonly Piece[]
  private next = 0
  private done = 0
  private place = 0

  constructor(pieces: readonly Piece[]) {
    this.pieces = pieces
  }

  onEstablished(socket: TcpSocket): void {
    this.onWritable(socket)
  }

  onWritable(socket: TcpSocket): void {
    for (; this.next < this.pieces.length; this.next++, this.done = 0) {
      const piece = this.pieces[this.next]!
      const isWhole = piece.isLent ? this.lend(socket, piece) : this.copy(socket, piece)
      if (!isWhole) return
    }
    socket.closeWrite()
  }

  onClose(_socket: TcpSocket, error: unknown): void {
    this.isClosed = true
    this.error = error
  }

  private lend(socket: TcpSocket, { ring, length }: Piece): boolean {
    const memory = RINGS[ring]!
    while (this.done < length) {
      const start = this.place % memory.lengthBytes
      const count = socket.sendLent(memory, start, length - this.done)
      if (count === 0) return false
      for (let at = 0; at < count; ) {
        const from = (start + at) % memory.lengthBytes
        const to = Math.min(memory.lengthBytes, from + count - at)
        this.taken.push(memory.bytes.subarray(from, to))
        at += to - from
      }
      this.done += count
      this.place = start + count
    }
    return true
  }

  private copy(socket: TcpSocket, { length }: Piece): boolean {
    while (this.done < length) {
      const start = this.done % COPIED.length
      const most = Math.min(length - this.done, COPIED.length - start)
      const count = socket.send(COPIED, start, most)
      if (count === 0) return false
      this.taken.push(COPIED.subarray(start, start + count))
      this.done += count
    }
    return true
  }
}

const link = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  delayMs: fc.constantFrom(0, 0.5, 20),
  bytesPerMs: fc.constantFrom(1_000, 12_500, Number.POSITIVE_INFINITY),
  loss: fc.constantFrom(0, 0.01, 0.05),
  reorder: fc.constantFrom(0, 0.1),
  mtu: fc.constantFrom(1280, 1500, 9000),
  segmentationLimit: fc.constantFrom(0, 16_384, 65_535),
  queueLength: fc.constantFrom(2, 16, 256),
  readDelayMs: fc.constantFrom(0, 3, 30),
})

const piece = fc.record({
  isLent: fc.boolean(),
  ring: fc.nat(RINGS.length - 1),
  length: fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.nat(400_000)),
})

it('lent and copied bytes arrive over any link, and leave nothing behind', () => {
  fc.assert(
    fc.property(
      link,
      fc.constantFrom(16_384, 65_536, 524_288),
      fc.constantFrom(65_536, 6 << 20),
      fc.constantFrom(RIGHT_V4, RIGHT_V6),
      fc.array(piece, { minLength: 1, maxLength: 8 }),
      (options, bufferBytes, lentBytes, remote, pieces) => {
        const stacks = new TwoStacks(options, {
          sendBufferBytes: bufferBytes,
          receiveBufferBytes: 524_288,
          lentBytes,
        })
        const wire = watchWire(stacks.link)
        const mixer = new Mixer(pieces)
        const length = pieces.reduce((sum, it) => sum + it.length, 0)
        const reader = new Endpoint(new Uint8Array(0), length)
        stacks.right.listenSocket({
          port: 5001,
          handler: {
            onConnection(listener) {
              const socket = listener.accept()!
              reader.attach(socket)
              reader.onEstablished(socket)
            },
          },
        })
        const address = parseIpAddress(remote)!
        stacks.left.connectSocket({ address, port: 5001, handler: mixer })
        stacks.runUntil(() => mixer.isClosed && reader.isClosed, 600_000)
        expect([mixer.error, reader.error]).toEqual([null, null])
        expect(reader.receivedLength).toBe(length)
        expect(Buffer.concat(mixer.taken).equals(reader.received)).toBe(true)
        expect(wire.violations).toEqual([])
        stacks.runFor(130_000)
        const { pool } = stacks.left.tcp.memory
        expect(pool.drainingCount()).toBe(0)
        expect(pool.availableBytes).toBe(stacks.left.tcp.configuration.bufferBudgetBytes)
      },
    ),
    { numRuns: 150, seed: 20_261_130 },
  )
}, 60_000)
