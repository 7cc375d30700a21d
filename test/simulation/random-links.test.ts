/**
 * Any link, any amount, any pace of the reader: what was sent arrives, or both sides are told, in
 * bounded virtual time.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { TcpSocket } from '../../net/socket/tcp/tcp-socket.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import { watchWire } from './invariants.ts'
import { Endpoint, randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const link = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  delayMs: fc.constantFrom(0, 0.5, 20, 150),
  bytesPerMs: fc.constantFrom(100, 12_500, Number.POSITIVE_INFINITY),
  loss: fc.constantFrom(0, 0.01, 0.05, 0.1),
  duplicate: fc.constantFrom(0, 0.05),
  reorder: fc.constantFrom(0, 0.1),
  mtu: fc.constantFrom(1280, 1500, 9000),
  segmentationLimit: fc.constantFrom(0, 16_384, 65_535),
  queueLength: fc.constantFrom(2, 16, 256),
  readDelayMs: fc.constantFrom(0, 3),
})

const buffers = fc.constantFrom(16_384, 65_536, 524_288)

it('moves bytes both ways over any link', () => {
  fc.assert(
    fc.property(
      link,
      buffers,
      fc.constantFrom(RIGHT_V4, RIGHT_V6),
      fc.nat(150_000),
      fc.nat(150_000),
      (options, bufferBytes, remote, up, down) => {
        const stacks = new TwoStacks(options, {
          sendBufferBytes: bufferBytes,
          receiveBufferBytes: bufferBytes,
        })
        const wire = watchWire(stacks.link)
        const upBytes = randomBytes(up, 1)
        const downBytes = randomBytes(down, 2)
        const { client, server } = transfer(stacks, remote, upBytes, downBytes, 600_000)
        expect([client.error, server.error]).toEqual([null, null])
        expect(Buffer.compare(server.received, upBytes)).toBe(0)
        expect(Buffer.compare(client.received, downBytes)).toBe(0)
        expect(wire.violations).toEqual([])
        stacks.runFor(130_000)
        for (const { tcp } of [stacks.left, stacks.right]) {
          expect(tcp.connectionCount + tcp.timeWaitCount).toBe(0)
          expect(tcp.nextDeadlineMs(stacks.clock.nowMs)).toBe(Number.POSITIVE_INFINITY)
          expect(tcp.memory.pool.drainingCount()).toBe(0)
          expect(tcp.memory.pool.availableBytes).toBe(tcp.configuration.bufferBudgetBytes)
        }
      },
    ),
    { numRuns: 60, seed: 20_260_101 },
  )
})

/** Reads `stepBytes` every `stepMs`, so that the window closes again and again. */
class SlowReader extends Endpoint {
  private readonly stepBytes: number

  constructor(length: number, stepBytes: number) {
    super(new Uint8Array(0), length)
    this.stepBytes = stepBytes
  }

  override onReadable(): void {}

  override onPeerFinished(): void {
    this.isEnded = true
  }

  step(): void {
    const { socket } = this
    if (socket === null) return
    const room = Math.min(this.stepBytes, this.received.length - this.receivedLength)
    this.receivedLength += socket.receive(this.received, this.receivedLength, room)
    if (this.isEnded && socket.receivedLength === 0) socket.close()
  }
}

it('waits for a reader that lets the window close, with probes lost on the way', () => {
  for (const stepBytes of [1, 700, 20_000]) {
    const stacks = new TwoStacks(
      { delayMs: 5, loss: 0.05, seed: stepBytes },
      { sendBufferBytes: 16_384, receiveBufferBytes: 16_384 },
    )
    const wire = watchWire(stacks.link)
    const bytes = randomBytes(stepBytes === 1 ? 20_000 : 100_000, 3)
    const reader = new SlowReader(bytes.length, stepBytes)
    stacks.right.listenSocket({
      port: 5001,
      handler: {
        onConnection(listener) {
          const socket: TcpSocket = listener.accept()!
          reader.attach(socket)
          reader.onEstablished(socket)
        },
      },
    })
    const writer = new Endpoint(bytes, 0)
    writer.attach(
      stacks.left.connectSocket({
        address: parseIpAddress(RIGHT_V4)!,
        port: 5001,
        handler: writer,
      }),
    )
    const step = () => {
      reader.step()
      // What is unread when the connection ends can still be read.
      if (reader.receivedLength < bytes.length) stacks.clock.after(stepBytes === 1 ? 2 : 50, step)
    }
    step()
    const isDone = () => reader.receivedLength === bytes.length
    stacks.runUntil(() => isDone() && reader.isClosed && writer.isClosed, 600_000)
    expect([reader.error, writer.error]).toEqual([null, null])
    expect(Buffer.compare(reader.received, bytes)).toBe(0)
    expect(wire.violations).toEqual([])
  }
})

it('tells both sides of a link that has died, and keeps nothing', () => {
  const stacks = new TwoStacks({}, { userTimeoutMs: 20_000 })
  const bytes = randomBytes(5_000_000, 4)
  const writer = new Endpoint(bytes, 0)
  const reader = new Endpoint(new Uint8Array(0), bytes.length)
  stacks.right.listenSocket({
    port: 5001,
    handler: {
      onConnection(listener) {
        const socket = listener.accept()!
        reader.attach(socket)
        socket.setKeepAlive(5000)
      },
    },
  })
  const address = parseIpAddress(RIGHT_V4)!
  writer.attach(stacks.left.connectSocket({ address, port: 5001, handler: writer }))
  stacks.runFor(60)
  expect(reader.receivedLength).toBeGreaterThan(0)
  stacks.link.options.loss = 1
  stacks.runUntil(() => writer.isClosed && reader.isClosed, 1_000_000)
  expect(writer.error?.code).toBe('timeout')
  expect(reader.error?.code).toBe('timeout')
  stacks.runFor(1000)
  for (const { tcp } of [stacks.left, stacks.right]) {
    expect(tcp.connectionCount).toBe(0)
    expect(tcp.memory.pool.availableBytes).toBe(tcp.configuration.bufferBudgetBytes)
  }
})
