/** Assembler against a model that is a set of byte positions. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Assembler } from '../../../../net/storage/assembler.ts'
import { int32 } from '../../../support/arbitraries.ts'

/** Maximal runs of the set, in order. */
function runsOf(held: Set<number>): [number, number][] {
  const runs: [number, number][] = []
  for (const position of [...held].sort((a, b) => a - b)) {
    const last = runs.at(-1)
    if (last !== undefined && last[1] === position) last[1]++
    else runs.push([position, position + 1])
  }
  return runs
}

function rangesOf(assembler: Assembler, origin: number): [number, number][] {
  return Array.from({ length: assembler.rangeCount }, (_, index) => [
    (assembler.rangeStart(index) - origin) | 0,
    (assembler.rangeEnd(index) - origin) | 0,
  ])
}

const step = fc.record({
  advance: fc.boolean(),
  start: fc.nat({ max: 60 }),
  length: fc.nat({ max: 12 }),
})

it('holds the union of what was added, first arrival first, within its bound', () => {
  fc.assert(
    fc.property(int32, fc.array(step, { maxLength: 40 }), (origin, steps) => {
      const assembler = new Assembler(4)
      let held = new Set<number>()
      let contiguous = 0
      for (const { advance, start: offset, length } of steps) {
        if (advance) {
          contiguous += length
          let end = contiguous
          // A range that begins before or at the contiguous end is swallowed as a whole.
          for (const [from, to] of runsOf(held)) if (from <= end) end = Math.max(end, to)
          expect((assembler.advance((origin + contiguous) | 0) - origin) | 0).toBe(end)
          contiguous = end
          held = new Set([...held].filter((position) => position >= end))
          expect(assembler.heldBytes).toBe(held.size)
          continue
        }
        const start = contiguous + 1 + offset
        const missing: number[] = []
        let from = (origin + start) | 0
        const to = (origin + start + length) | 0
        while (assembler.findMissing(from, to)) {
          for (let p = assembler.missingStart; p !== assembler.missingEnd; p = (p + 1) | 0) {
            missing.push((p - origin) | 0)
          }
          from = assembler.missingEnd
        }
        const wanted = Array.from({ length }, (_, index) => start + index)
        expect(missing).toEqual(wanted.filter((position) => !held.has(position)))
        const union = new Set([...held, ...wanted])
        const fits = runsOf(union).length <= 4
        expect(assembler.add((origin + start) | 0, to)).toBe(fits)
        if (fits) held = union
        expect(rangesOf(assembler, origin)).toEqual(runsOf(held))
        expect(assembler.heldBytes).toBe(held.size)
      }
    }),
    { numRuns: 3000 },
  )
})

it('still takes ranges that merge when it is full', () => {
  const assembler = new Assembler(2)
  expect(assembler.add(10, 20)).toBe(true)
  expect(assembler.add(30, 40)).toBe(true)
  expect(assembler.add(50, 60)).toBe(false)
  expect(assembler.add(20, 30)).toBe(true)
  expect(rangesOf(assembler, 0)).toEqual([[10, 40]])
  assembler.clear()
  expect([assembler.rangeCount, assembler.heldBytes]).toEqual([0, 0])
})
