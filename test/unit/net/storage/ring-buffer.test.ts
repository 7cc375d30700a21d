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
      const ring = new RingBuffer(createPacketBuffer(16), testBulk)
      ring.reset(origin)
      const stream: number[] = []
      let freed = 0
      let counter = 0
      for (const step of operations) {
        const data = Uint8Array.from({ length: step.length }, () => counter++ & 0xff)
        if (step.kind === 'append') {
          const taken = ring.append(data, 0, data.length)
          expect(taken).toBe(Math.min(data.length, 16 - (stream.length - freed)))
          stream.push(...data.subarray(0, taken))
        } else if (step.kind === 'ahead') {
          // Out of order: the part after a gap first, then the gap, then the end moves over both.
          const free = ring.freeLength()
          const total = step.gap + data.length
          const write = () => ring.writeAt((ring.end + step.gap) | 0, data, 0, data.length)
          if (total > free) {
            expect(write).toThrow(RangeError)
            continue
          }
          write()
          const gap = Uint8Array.from({ length: step.gap }, () => counter++ & 0xff)
          ring.writeAt(ring.end, gap, 0, gap.length)
          ring.advanceEnd(total)
          stream.push(...gap, ...data)
        } else {
          const length = Math.min(step.length, stream.length - freed)
          freed += length
          ring.freeTo((origin + freed) | 0)
        }
        expect(ring.heldLength()).toBe(stream.length - freed)
        expect(ring.freeLength()).toBe(16 - ring.heldLength())
        const out = new Uint8Array(20)
        const from = (ring.heldLength() / 3) | 0
        const read = ring.read((ring.start + from) | 0, out, 2, 18)
        expect([...out.subarray(2, 2 + read)]).toEqual(stream.slice(freed + from))
      }
    }),
    { numRuns: 2000 },
  )
})

it('locates any held bytes as at most two ranges without copying', () => {
  const ring = new RingBuffer(createPacketBuffer(8), testBulk)
  ring.reset(-3)
  ring.append(Uint8Array.of(1, 2, 3, 4, 5, 6, 7), 0, 7)
  ring.locate(-3, 7)
  expect([ring.rangeOffset0, ring.rangeLength0, ring.rangeOffset1, ring.rangeLength1]).toEqual([
    5, 3, 0, 4,
  ])
  ring.locate(0, 4)
  expect([ring.rangeOffset0, ring.rangeLength0, ring.rangeLength1]).toEqual([0, 4, 0])
})

it('frees never backwards and never beyond the end', () => {
  const ring = new RingBuffer(createPacketBuffer(8), testBulk)
  ring.append(Uint8Array.of(1, 2, 3), 0, 3)
  ring.freeTo(2)
  ring.freeTo(1)
  expect(ring.start).toBe(2)
  expect(() => ring.freeTo(4)).toThrow('Cannot free ring buffer')
  expect(() => ring.read(1, new Uint8Array(1), 0, 1)).toThrow('Cannot read ring buffer')
})

it('refuses a capacity that is no power of two', () => {
  expect(() => new RingBuffer(createPacketBuffer(12), testBulk)).toThrow('length is 12')
})
