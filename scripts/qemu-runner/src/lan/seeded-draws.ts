/**
 * Random numbers that depend only on where they are used: the same seed and place give the same
 * number, in any order.
 */

/**
 * The finalizer of MurmurHash3: every input bit changes every output bit with probability one half.
 */
function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** A number in [0, 1), uniform over seeds and over each coordinate of the place. */
export function draw(seed: number, ...place: readonly number[]): number {
  let hash = mix(seed ^ 0x9e3779b9)
  for (const coordinate of place) hash = mix(Math.imul(hash, 31) ^ mix(coordinate + 0x7f4a7c15))
  return (hash >>> 0) / 2 ** 32
}
