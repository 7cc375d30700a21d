/**
 * Bytes sent from where their user keeps them: the stream is the same as with a copy, whatever
 * wraps, is lost or is mixed.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import type { PacketBuffer } from '../../../../../net/storage/buffer.ts'
import { createPacketBuffer } from '../../../../support/memory.ts'
import { ack, type SentSegment, TcpScript } from '../../../../support/tcp-script.ts'

const PATTERN_BYTES = 70_000

function makePattern(): PacketBuffer {
  const buffer = createPacketBuffer(PATTERN_BYTES)
  for (let index = 0; index < PATTERN_BYTES; index++) buffer.bytes[index] = (index * 31) >> 3
  return buffer
}

/**
 * A connection with a send buffer of 256 KiB and open windows, and what its user has queued so far.
 */
class Sender {
  readonly script: TcpScript
  readonly socket: TcpSocket
  pattern = makePattern()
  readonly queued: number[] = []
  /** Octets of the stream as segments brought them, by position. */
  readonly arrived: number[] = []
  segments: SentSegment[] = []

  constructor(holdFrames = false, sendBufferBytes = 262_144) {
    this.script = new TcpScript({
      superSegmentLimit: 65_000,
      holdFrames,
      configuration: { sendBufferBytes, minimumBufferBytes: 16_384 },
    })
    this.socket = this.script.establish({ windowScale: 7 }).socket
    this.socket.congestion.windowBytes = 400_000
    this.socket.sendWindow = 400_000
    this.socket.setNoDelay(true)
  }

  /** Both windows. */
  open(bytes: number): void {
    this.socket.congestion.windowBytes = bytes
    this.socket.sendWindow = bytes
  }

  copy(length: number): void {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff)
    const count = this.socket.send(bytes, 0, length)
    for (let index = 0; index < count; index++) this.queued.push(bytes[index]!)
  }

  lend(offset: number, length: number): number {
    const count = this.socket.sendLent(this.pattern, offset, length)
    for (let index = 0; index < count; index++) {
      this.queued.push(this.pattern.bytes[(offset + index) % this.pattern.lengthBytes]!)
    }
    return count
  }

  /**
   * Lets TCP send; each segment's bytes are written where its sequence number says, unless it is
   * lost.
   */
  run(isLost: (index: number) => boolean = () => false): number[] {
    const sent = this.script.drain()
    this.segments.push(...sent)
    for (const [index, { sequence, payload }] of sent.entries()) {
      if (isLost(index)) continue
      for (const [at, octet] of payload.entries()) this.arrived[sequence - 1 + at] = octet
    }
    return sent.map(({ length }) => length)
  }

  /** The peer acknowledges all that has arrived without a gap. */
  acknowledge(): void {
    let end = 0
    while (this.arrived[end] !== undefined) end++
    this.script.send(ack(1 + end, { window: 4000 }))
  }

  /** Nothing is lost any more: goes on until all that was queued has arrived. */
  finish(): void {
    for (let round = 0; round < 1000; round++) {
      const isWhole = !this.arrived.includes(undefined as never)
      if (isWhole && this.arrived.length === this.queued.length) return
      this.script.advance(500)
      this.run()
      this.acknowledge()
    }
  }

  expectStream(): void {
    expect(this.arrived.length).toBe(this.queued.length)
    expect(Buffer.from(this.arrived).equals(Buffer.from(this.queued))).toBe(true)
  }
}

describe('lent bytes', () => {
  it('go out in frames as full as others, together with what was copied before them', () => {
    const sender = new Sender()
    sender.copy(150)
    sender.lend(0, 150_000)
    expect(sender.run()).toEqual([64_240, 64_240, 150_150 - 2 * 64_240])
    sender.expectStream()
  })

  it('are not read from the send buffer', () => {
    const sender = new Sender()
    sender.lend(500, 100_000)
    sender.socket.sendBuffer.buffer.bytes.fill(0xff)
    sender.run()
    sender.expectStream()
  })

  it('follow their ring over its end, as often as it takes', () => {
    const sender = new Sender()
    expect(sender.lend(69_999, 250_000)).toBe(250_000)
    sender.run()
    sender.expectStream()
  })

  it('grow by what follows them in the same memory, and are forgotten as they are acknowledged', () => {
    const sender = new Sender()
    let offset = 0
    for (let round = 0; round < 30; round++) {
      offset = (offset + sender.lend(offset, 260_000)) % PATTERN_BYTES
      sender.run()
      sender.acknowledge()
    }
    sender.run()
    sender.expectStream()
    const { loan, sendLimit } = sender.socket
    expect((loan!.end - loan!.start) | 0).toBeLessThanOrEqual(sendLimit)
    expect(sender.segments.filter(({ segmentSize }) => segmentSize > 0).length).toBeGreaterThan(100)
  })

  it('are copied while other bytes are lent, and when they are few', () => {
    const sender = new Sender()
    sender.lend(0, 40_000)
    sender.lend(0, 40_000)
    sender.copy(10)
    expect(sender.socket.loan!.end).not.toBe(sender.socket.sendBuffer.end)
    sender.run()
    sender.expectStream()
    const other = new Sender()
    other.lend(0, 1000)
    expect(other.socket.loan).toBeNull()
    other.run()
    other.expectStream()
  })

  it('are sent again from where they lie (RFC 9293 §3.8.1)', () => {
    const sender = new Sender()
    sender.copy(700)
    sender.lend(1234, 200_000)
    sender.run((index) => index === 0 || index === 2)
    sender.finish()
    sender.expectStream()
  })

  it('tell their user when there is room for more, like others', () => {
    const sender = new Sender()
    let calls = 0
    sender.socket.handler = { onWritable: () => void calls++, onClose() {} }
    sender.open(2_000_000)
    expect(sender.lend(0, 1_100_000)).toBe(1 << 20)
    expect(sender.lend(0, 1)).toBe(0)
    sender.run()
    sender.acknowledge()
    sender.run()
    expect(calls).toBe(1)
  })

  it('may be two windows of a fast path, which is more than is ever copied, up to a limit', () => {
    const { script, socket, pattern } = new Sender()
    const { lentBytes, sendBufferBytes } = socket.configuration
    let offset = 0
    const fill = () => {
      const count = socket.sendLent(pattern, offset, 1 << 30)
      offset = (offset + count) % PATTERN_BYTES
      return socket.sendLimit - socket.sendSpace
    }
    const acknowledge = () => {
      script.drain()
      script.send(ack((socket.sendMax - socket.initialSendSequence) | 0, { window: 65_535 }))
    }
    expect(fill()).toBe(1 << 20)
    for (const window of [1_500_000, 8_000_000]) {
      socket.congestion.windowBytes = window
      socket.sendWindow = window
      acknowledge()
      expect(fill()).toBe(Math.min(2 * socket.congestion.windowBytes, lentBytes))
    }
    expect(fill()).toBe(lentBytes)
    while (socket.sendUnacknowledged !== socket.sendBuffer.end) {
      socket.sendWindow = 8_000_000
      acknowledge()
    }
    // What is copied from now on has the limit of that.
    expect(socket.send(new Uint8Array(400_000), 0, 400_000)).toBe(sendBufferBytes)
    expect(socket.sendLimit).toBe(sendBufferBytes)
  })

  it('make room once they are acknowledged, though the device has not let go of them', () => {
    const sender = new Sender(true)
    sender.lend(0, 150_000)
    sender.run()
    sender.acknowledge()
    const { socket } = sender
    expect(socket.owner.framesInFlight).toBeGreaterThan(0)
    expect(socket.sendSpace).toBe(socket.sendLimit)
    // What is copied is written over, and waits for the device.
    sender.copy(100_000)
    sender.run()
    sender.acknowledge()
    expect(socket.sendSpace).toBeLessThan(socket.sendLimit)
    sender.expectStream()
  })

  it('leave what is copied before and behind them in its place until the device has read it', () => {
    const sender = new Sender(true)
    const { script } = sender
    for (let round = 0; round < 5; round++) {
      sender.copy(30_000)
      sender.lend(0, 100_000)
      sender.copy(100_000)
      sender.run()
      sender.acknowledge()
      sender.copy(200_000)
      script.completeFrames()
      sender.finish()
    }
    script.completeFrames()
    sender.expectStream()
  })

  it('are asked for once the device has let go of copied ones, where nothing else is waited for', () => {
    const { script, socket, pattern } = new Sender(true, 1 << 20)
    let calls = 0
    socket.handler = { onWritable: () => void calls++, onClose() {} }
    expect(socket.send(new Uint8Array(1 << 20), 0, 1 << 20)).toBe(1 << 20)
    for (let round = 0; socket.sendUnacknowledged !== socket.sendBuffer.end; round++) {
      expect(round).toBeLessThan(10)
      socket.congestion.windowBytes = 4_000_000
      socket.sendWindow = 4_000_000
      script.drain()
      script.send(ack((socket.sendMax - socket.initialSendSequence) | 0, { window: 65_535 }))
    }
    script.drain()
    expect(socket.sendLent(pattern, 0, 100_000)).toBe(0)
    script.completeFrames()
    script.advance(10)
    expect(calls).toBe(1)
  })

  it('leave as much room for copies as is promised, which is never less than none', () => {
    // The ring has more places than may be queued of copies.
    const { script, socket, pattern } = new Sender(false, 300_000)
    socket.congestion.windowBytes = 2_000_000
    socket.sendWindow = 2_000_000
    const bytes = new Uint8Array(400_000)
    const acknowledge = (count: number) => {
      script.drain()
      script.send(ack(1 + count, { window: 20_000 }))
    }
    socket.sendLent(pattern, 0, 600_000)
    expect(socket.send(bytes, 0, 290_000)).toBe(290_000)
    acknowledge(600_000)
    expect(socket.loan).not.toBeNull()
    expect([socket.canQueue(10_001), socket.canQueue(10_000)]).toEqual([false, true])
    expect(socket.send(bytes, 0, 10_000)).toBe(10_000)
    acknowledge(900_000)

    socket.sendLent(pattern, 0, 600_000)
    expect(socket.send(bytes, 0, 400_000)).toBe(400_000)
    acknowledge(1_500_000)
    expect(socket.send(bytes, 0, 1)).toBe(0)
    expect([socket.loan, socket.sendSpace]).toEqual([null, 0])
  })

  it('end a frame where their ring ends, if that holds whole frames, so that others lie in one place', () => {
    const sender = new Sender()
    sender.open(2_000_000)
    const ring = { ...createPacketBuffer(3 * 64_240), lengthBytes: 3 * 64_240 }
    for (let at = 0; at < ring.lengthBytes; at++) ring.bytes[at] = (at * 31) >> 3
    sender.pattern = ring
    sender.lend(10 * 1460, 500_000)
    const lengths = sender.run()
    expect(lengths.slice(0, 3)).toEqual([64_240, 64_240, 64_240 - 10 * 1460])
    expect(lengths.slice(3, 7)).toEqual([64_240, 64_240, 64_240, 64_240])
    sender.expectStream()
    // Which does not go on by itself where a segment would be cut.
    const other = new Sender()
    other.open(2_000_000)
    other.pattern = ring
    other.lend(5, 500_000)
    expect(new Set(other.run().slice(0, 7))).toEqual(new Set([64_240]))
    other.expectStream()
  })

  it('are refused after the end of the stream', () => {
    const sender = new Sender()
    sender.socket.closeWrite()
    expect(() => sender.lend(0, 40_000)).toThrow('Cannot send')
  })
})

it('makes the same stream in any mixture of lent and copied bytes, with any losses, however late it is read', () => {
  const step = fc.record({
    lent: fc.boolean(),
    offset: fc.nat(PATTERN_BYTES - 1),
    length: fc.integer({ min: 1, max: 120_000 }),
    lost: fc.array(fc.boolean(), { maxLength: 4 }),
    acknowledges: fc.boolean(),
    completes: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const sender = new Sender(true)
      for (const { lent, offset, length, lost, acknowledges, completes } of steps) {
        if (lent) sender.lend(offset, length)
        else sender.copy(length)
        sender.run((index) => lost[index] === true)
        if (acknowledges) sender.acknowledge()
        if (completes) sender.script.completeFrames()
      }
      sender.finish()
      sender.expectStream()
      sender.script.completeFrames()
    }),
    { numRuns: 40, seed: 7 },
  )
}, 60_000)
