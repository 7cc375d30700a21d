/** The rows that the matrix of device properties runs through: all pairs, and none impossible. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { coveringArray, type Exclusion, type Factors } from '../../support/covering-array.ts'

type Setting = readonly [name: string, value: unknown]

function pairsOf(settings: readonly Setting[]): [Setting, Setting][] {
  return settings.flatMap((one, index) =>
    settings.slice(index + 1).map((other): [Setting, Setting] => [one, other]),
  )
}

/** Every pair of values of two factors, as text. */
function possiblePairs<F extends Factors>(factors: F, exclusions: readonly Exclusion<F>[]) {
  const settings = Object.entries(factors).flatMap(([name, values]) =>
    values.map((value): Setting => [name, value]),
  )
  const isExcluded = (pair: readonly Setting[]): boolean =>
    exclusions.some(({ when }) => pair.every(([name, value]) => when[name]?.(value as never)))
  return pairsOf(settings)
    .filter(([[one], [other]]) => one !== other)
    .filter((pair) => !isExcluded(pair))
    .map((pair) => JSON.stringify(pair))
}

describe('a covering array', () => {
  test('holds every pair of values, in rows of one value for each factor', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 9 }),
        (counts) => {
          const factors: Factors = Object.fromEntries(
            counts.map((count, index) => [`f${index}`, Array.from({ length: count }, (_, v) => v)]),
          )
          const rows = coveringArray(factors)
          for (const row of rows) expect(Object.keys(row)).toEqual(Object.keys(factors))
          const held = new Set(
            rows.flatMap((row) => pairsOf(Object.entries(row)).map((pair) => JSON.stringify(pair))),
          )
          expect(possiblePairs(factors, []).filter((pair) => !held.has(pair))).toEqual([])
          const [most, next] = counts.toSorted((one, other) => other - one)
          expect(rows.length).toBeGreaterThanOrEqual(most! * next!)
          // All combinations would be their product.
          expect(rows.length).toBeLessThanOrEqual(2 * most! * next! + 2 * counts.length)
        },
      ),
    )
  })

  const FACTORS = {
    transport: ['pci', 'mmio'],
    vectors: [undefined, 0, 2],
    packed: [false, true],
  } as const
  const EXCLUSIONS: Exclusion<typeof FACTORS>[] = [
    {
      why: 'there are vectors on PCI only',
      when: { transport: (it) => it === 'mmio', vectors: (it) => it !== undefined },
    },
  ]

  test('has none of the excluded pairs, and all others', () => {
    const rows = coveringArray(FACTORS, EXCLUSIONS)
    expect(rows.filter((it) => it.transport === 'mmio' && it.vectors !== undefined)).toEqual([])
    const held = new Set(
      rows.flatMap((row) => pairsOf(Object.entries(row)).map((pair) => JSON.stringify(pair))),
    )
    expect(possiblePairs(FACTORS, EXCLUSIONS).filter((pair) => !held.has(pair))).toEqual([])
  })

  test('is the same each time', () => {
    expect(coveringArray(FACTORS, EXCLUSIONS)).toEqual(coveringArray(FACTORS, EXCLUSIONS))
  })

  test('refuses a rule that is not about two factors, and factors that leave no way', () => {
    const one = { why: 'too little', when: { packed: () => true } }
    expect(() => coveringArray(FACTORS, [one])).toThrow(/must be about two factors.*too little/)
    const never = { why: 'never', when: { packed: () => true, vectors: () => true } }
    expect(() => coveringArray(FACTORS, [never])).toThrow('no value of factor')
  })
})
