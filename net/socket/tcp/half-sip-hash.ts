/** HalfSipHash-2-4: a keyed pseudo-random function in 32-bit arithmetic (Aumasson and Bernstein, SipHash reference code). */

/** `key` is two int32 words, little-endian as in the reference; `words` the message in whole words. Returns an int32. */
export function halfSipHash(key: Int32Array, words: Int32Array, wordCount: number): number {
  const state = new Int32Array(4)
  state[0] = key[0]!
  state[1] = key[1]!
  state[2] = 0x6c796765 ^ key[0]!
  state[3] = 0x74656462 ^ key[1]!
  for (let index = 0; index < wordCount; index++) {
    const word = words[index]!
    state[3]! ^= word
    rounds(state, 2)
    state[0]! ^= word
  }
  // The last word holds the message length in bytes, modulo 256, in its top octet.
  const last = (wordCount * 4) << 24
  state[3]! ^= last
  rounds(state, 2)
  state[0]! ^= last
  state[2]! ^= 0xff
  rounds(state, 4)
  return state[1]! ^ state[3]!
}

function rounds(state: Int32Array, count: number): void {
  let v0 = state[0]!
  let v1 = state[1]!
  let v2 = state[2]!
  let v3 = state[3]!
  for (let round = 0; round < count; round++) {
    v0 = (v0 + v1) | 0
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
    v0 = (v0 << 16) | (v0 >>> 16)
    v2 = (v2 + v3) | 0
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
    v0 = (v0 + v3) | 0
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
    v2 = (v2 + v1) | 0
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
    v2 = (v2 << 16) | (v2 >>> 16)
  }
  state[0] = v0
  state[1] = v1
  state[2] = v2
  state[3] = v3
}
