/** Numbers that look random and come again with the same seed (xorshift32 of Marsaglia). */
import type { RandomSource } from '../../net/iface/random-source.ts'

export class SeededRandom implements RandomSource {
  private state: number

  constructor(seed: number) {
    this.state = Math.imul(seed, 0x9e3779b1) | 0 || 1
    for (let round = 0; round < 8; round++) this.nextInt32()
  }

  nextInt32(): number {
    this.state = step(this.state)
    return mix(this.state)
  }

  /** In [0, 1). */
  nextFraction(): number {
    return (this.nextInt32() >>> 0) / 0x1_0000_0000
  }

  fill(target: Uint8Array): void {
    let { state } = this
    for (let index = 0; index < target.length; index++) {
      state = step(state)
      target[index] = mix(state)
    }
    this.state = state
  }
}

function step(state: number): number {
  let x = state
  x ^= x << 13
  x ^= x >>> 17
  return x ^ (x << 5)
}

function mix(state: number): number {
  return Math.imul(state, 0x85ebca6b) ^ (state >>> 15)
}
