/** Where identifications of new paths begin (RFC 6864 §4.1, §7). */
import { expect, it } from 'vitest'
import { PathIdentifications } from '../../../../net/iface/path-identifications.ts'
import { testBulk } from '../../../support/memory.ts'
import { SeededRandom } from '../../../support/seeded-random.ts'

function draw(seed: number, count: number): { numbers: number[]; drawn: number } {
  const random = new SeededRandom(seed)
  let drawn = 0
  const counted = {
    nextInt32(): number {
      drawn++
      return random.nextInt32()
    },
    fill: () => {},
  }
  const identifications = new PathIdentifications(counted, testBulk)
  return { numbers: Array.from({ length: count }, () => identifications.next()), drawn }
}

it('spreads over 16 bits, tells nothing of how many paths there are, and draws one key for all', () => {
  const { numbers, drawn } = draw(1, 4096)
  expect(drawn).toBe(2)
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...numbers)).toBeLessThanOrEqual(0xffff)
  // As of 4,096 balls in 65,536 bins: 3,970 are expected to differ.
  expect(new Set(numbers).size).toBeGreaterThan(3_900)
  const steps = numbers.slice(1).map((number, index) => (number - numbers[index]!) & 0xffff)
  expect(new Set(steps).size).toBeGreaterThan(3_900)
  // Who does not know the key cannot go on.
  expect(
    draw(2, 4096).numbers.filter((number, index) => number === numbers[index]).length,
  ).toBeLessThan(5)
})
