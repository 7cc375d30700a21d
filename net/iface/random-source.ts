/** Unpredictable numbers, an argument of everything below the kernel that needs them. */

export interface RandomSource {
  /** A uniformly distributed int32. */
  nextInt32(): number
  fill(target: Uint8Array): void
}

/** Eight bytes: the key of a KeyedHash. */
export function drawKey(random: RandomSource): Uint8Array {
  return new Uint8Array(Int32Array.of(random.nextInt32(), random.nextInt32()).buffer)
}
