/** RingBuffer against a model that remembers the whole stream. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RingBuffer } from '../../../../net/storage/ring-buffer.ts'
import { int32 } from '../../../support/arbitraries.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'

const operation = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), length: fc.nat({ max: 20 }) }),
  fc.record({
    kind: fc.constant('ahead' as const),
    length: fc.nat({ max: 20 }),
    gap: fc.nat({ max: 8 }),
  }),
  fc.record({ kind: fc.constant('free' as const), length: fc.nat({ max: 20 }) }),
)

it('holds exactly the bytes of the stream between start and end, across both wraps', () => {
  fc.assert(
    fc.property(int32, fc.array(operation, { maxLength: 60 }), (origin, operations) => {
      const ring = new RingBuffer()
      ring.moveTo(createPacketBuffer(16))
      ring.reset(origin)
      const stream: number[] = []
      let freed = 0
      let counter = 0
      for (const step of operations) {
        const data = Uint8Array.from({ length: step.length }, () => counter++ & 0xff)
        if (step.kind === 'append') {
          const taken = Math.min(data.length, 16 - ring.heldLength())
          ring.append(testBulk, data, 0, taken)
          stream.push(...data.subarray(0, taken))
        } else if (step.kind === 'ahead') {
          // Out of order: the part after a gap first, then the gap, then the end moves over both.
          const free = 16 - ring.heldLength()
          const total = step.gap + data.length
          const write = () =>
            ring.writeAt(testBulk, (ring.end + step.gap) | 0, data, 0, data.length)
          if (total > free) {
            expect(write).toThrow(RangeError)
            continue
          }
          write()
          const gap = Uint8Array.from({ length: step.gap }, () => counter++ & 0xff)
          ring.writeAt(testBulk, ring.end, gap, 0, gap.length)
          ring.advanceEnd(total)
          stream.push(...gap, ...data)
        } else {
          const length = Math.min(step.length, stream.length - freed)
          freed += length
          ring.start = (origin + freed) | 0
        }
        expect(ring.heldLength()).toBe(stream.length - freed)
        const out = new Uint8Array(20)
        const from = (ring.heldLength() / 3) | 0
        const read = ring.read(testBulk, (ring.start + from) | 0, out, 2, 18)
        expect([...out.subarray(2, 2 + read)]).toEqual(stream.slice(freed + from))
      }
    }),
    { numRuns: 2000 },
  )
})

it('goes on from one memory to another, with what is needed of the first', () => {
  fc.assert(
    fc.property(int32, fc.nat({ max: 16 }), fc.nat({ max: 16 }), (origin, skip, length) => {
      const ring = new RingBuffer()
      expect(ring.moveTo(createPacketBuffer(16)).lengthBytes).toBe(0)
      ring.reset((origin + skip) | 0)
      const bytes = Uint8Array.from({ length }, (_, index) => index + 1)
      ring.append(testBulk, bytes, 0, length)
      const before = ring.moveTo(createPacketBuffer(64))
      ring.take(testBulk, before, ring.start, length)
      const more = Uint8Array.from({ length: 64 - length }, (_, index) => 100 + index)
      ring.append(testBulk, more, 0, more.length)
      const out = new Uint8Array(64)
      expect(ring.read(testBulk, ring.start, out, 0, 64)).toBe(64)
      expect([...out]).toEqual([...bytes, ...more])
    }),
  )
})

it('keeps its positions without memory, in which nothing has a place', () => {
  const ring = new RingBuffer()
  ring.reset(-3)
  expect([ring.capacity, ring.heldLength(), ring.takeMemory()]).toEqual([0, 0, null])
  expect(() => ring.append(testBulk, Uint8Array.of(1), 0, 1)).toThrow('the ring has 0')
  expect(() => ring.writeAt(testBulk, -3, Uint8Array.of(1), 0, 1)).toThrow('Cannot write')
  const memory = createPacketBuffer(8)
  ring.moveTo(memory)
  ring.append(testBulk, Uint8Array.of(1, 2, 3), 0, 3)
  expect(ring.takeMemory()).toBe(memory)
  expect([ring.start, ring.end, ring.capacity]).toEqual([-3, 0, 0])
})

it('reads only what it holds', () => {
  const ring = new RingBuffer()
  ring.moveTo(createPacketBuffer(8))
  ring.append(testBulk, Uint8Array.of(1, 2, 3), 0, 3)
  ring.start = 2
  expect(() => ring.read(testBulk, 1, new Uint8Array(1), 0, 1)).toThrow('Cannot read ring buffer')
})

it('refuses a capacity that is no power of two', () => {
  expect(() => new RingBuffer().moveTo(createPacketBuffer(12))).toThrow('length is 12')
})
