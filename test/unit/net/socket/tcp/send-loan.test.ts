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
  readonly script = new TcpScript({
    superSegmentLimit: 65_000,
    configuration: { sendBufferBytes: 262_144, minimumBufferBytes: 16_384 },
  })
  readonly socket: TcpSocket
  readonly pattern = makePattern()
  readonly queued: number[] = []
  /** Octets of the stream as segments brought them, by position. */
  readonly arrived: number[] = []
  segments: SentSegment[] = []

  constructor() {
    this.socket = this.script.establish({ windowScale: 7 }).socket
    this.socket.congestion.windowBytes = 400_000
    this.socket.sendWindow = 400_000
    this.socket.setNoDelay(true)
  }

  copy(length: number): void {
    const bytes = Uint8Array.from({ length }, (_, index) => (index * 7) & 0xff)
    const count = this.socket.send(bytes, 0, length)
    for (let index = 0; index < count; index++) this.queued.push(bytes[index]!)
  }

  lend(offset: number, length: number): number {
    const count = this.socket.sendLent(this.pattern, offset, length)
    for (let index = 0; index < count; index++) {
      this.queued.push(this.pattern.bytes[(offset + index) % PATTERN_BYTES]!)
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
    expect(sender.lend(0, 300_000)).toBe(262_144)
    expect(sender.lend(0, 1)).toBe(0)
    sender.run()
    sender.acknowledge()
    sender.run()
    expect(calls).toBe(1)
  })

  it('are refused after the end of the stream', () => {
    const sender = new Sender()
    sender.socket.closeWrite()
    expect(() => sender.lend(0, 40_000)).toThrow('Cannot send')
  })
})

it('makes the same stream in any mixture of lent and copied bytes, with any losses', () => {
  const step = fc.record({
    lent: fc.boolean(),
    offset: fc.nat(PATTERN_BYTES - 1),
    length: fc.integer({ min: 1, max: 120_000 }),
    lost: fc.array(fc.boolean(), { maxLength: 4 }),
    acknowledges: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const sender = new Sender()
      for (const { lent, offset, length, lost, acknowledges } of steps) {
        if (lent) sender.lend(offset, length)
        else sender.copy(length)
        sender.run((index) => lost[index] === true)
        if (acknowledges) sender.acknowledge()
      }
      sender.finish()
      sender.expectStream()
    }),
    { numRuns: 40, seed: 7 },
  )
}, 60_000)
