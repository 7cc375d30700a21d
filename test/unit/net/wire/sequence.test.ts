/** Sequence number arithmetic against a BigInt model (RFC 9293 §3.4). */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as sequence from '../../../../net/wire/sequence.ts'
import { int32 } from '../../../support/arbitraries.ts'

const MODULUS = 1n << 32n
/** Distance from b to a as a signed 32-bit value. */
function model(a: number, b: number): number {
  return Number(BigInt.asIntN(32, (BigInt(a) - BigInt(b) + MODULUS) % MODULUS))
}

it('agrees with the model on difference and order', () => {
  fc.assert(
    fc.property(int32, int32, (a, b) => {
      const distance = model(a, b)
      expect(sequence.sequenceDifference(a, b)).toBe(distance)
      expect(sequence.sequenceLessThan(a, b)).toBe(distance < 0)
      expect(sequence.sequenceLessOrEqual(a, b)).toBe(distance <= 0)
    }),
    { numRuns: 10_000 },
  )
})

it('adds modulo 2^32', () => {
  fc.assert(
    fc.property(int32, fc.nat(), (start, step) => {
      expect(BigInt.asUintN(32, BigInt(sequence.sequenceAdd(start, step)))).toBe(
        BigInt.asUintN(32, BigInt(start) + BigInt(step)),
      )
    }),
  )
})
