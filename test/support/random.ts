/** A seeded RandomSource for tests. */
import type { RandomSource } from '../../net/iface/random-source.ts'

/** SplitMix32: small, even, repeatable. */
export function createRandomSource(seed: number): RandomSource {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
  return {
    nextInt32: next,
    fill(target) {
      for (let index = 0; index < target.length; index++) target[index] = next() & 0xff
    },
  }
}
