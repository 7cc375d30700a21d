/** Unpredictable numbers, an argument of everything below the kernel that needs them. */

export interface RandomSource {
  /** A uniformly distributed int32. */
  nextInt32(): number
  fill(target: Uint8Array): void
}
