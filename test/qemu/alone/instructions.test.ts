/**
 * What small requests cost, in instructions of the running guest: no more than
 * docs/instructions.json says.
 */
import { expect } from 'vitest'
import { countInstructions } from '../../../scripts/bench/instructions/count-instructions.ts'
import {
  findRegressions,
  HELD_CASES,
  readRecord,
} from '../../../scripts/bench/instructions/recorded-counts.ts'
import { test } from '../support/fixtures.ts'
import { requireImage } from '../support/paths.ts'

/** A host that is busy lets a guest halt more often: the cheapest of so many runs counts. */
const TRIES = 3

test('are at most 3 % above the recorded counts, and each is charged to functions and layers', {
  timeout: 120_000,
}, async ({ folder }) => {
  let regressions: string[] = ['not counted']
  for (let attempt = 0; attempt < TRIES && regressions.length > 0; attempt++) {
    const figures = await countInstructions({ kernel: requireImage(), folder, only: HELD_CASES })
    expect(figures.map(({ name }) => name)).toEqual([...HELD_CASES])
    for (const { instructions, count, layers, functions } of figures) {
      expect(count).toBeGreaterThan(10)
      const charged = Object.values(layers).reduce((sum, executed) => sum + executed, 0)
      expect(Math.abs(charged / instructions - 1)).toBeLessThan(0.01)
      expect(Object.keys(layers)).toEqual(
        expect.arrayContaining(['net/socket', 'net/iface', 'drivers', 'kernel']),
      )
      expect(Object.keys(functions)).toEqual(
        expect.arrayContaining(['run kernel/event-loop.ts', 'process net/iface/ingress.ts']),
      )
    }
    regressions = findRegressions(figures, readRecord())
  }
  expect(regressions).toEqual([])
})
