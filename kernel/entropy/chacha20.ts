/**
 * The ChaCha20 block function (RFC 8439 §2.3) on 32-bit words: the generator's core, not a cipher
 * for data.
 */

/** "expand 32-byte k" as little-endian words (RFC 8439 §2.3). */
const CONSTANT_0 = 0x61707865
const CONSTANT_1 = 0x3320646e
const CONSTANT_2 = 0x79622d32
const CONSTANT_3 = 0x6b206574

/**
 * The state's places in the order in which a double round mixes them: 4 columns, then 4 diagonals
 * (§2.3).
 */
const QUARTERS = [
  0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 5, 10, 15, 1, 6, 11, 12, 2, 7, 8, 13, 3,
  4, 9, 14,
] as const

const DOUBLE_ROUNDS = 10

/** Lays out a state of 16 words: constants, key (8 words), block counter, nonce (3 words). */
export function initializeState(
  state: Int32Array,
  key: Int32Array,
  counter: number,
  nonce0: number,
  nonce1: number,
  nonce2: number,
): void {
  state[0] = CONSTANT_0
  state[1] = CONSTANT_1
  state[2] = CONSTANT_2
  state[3] = CONSTANT_3
  for (let word = 0; word < 8; word++) state[4 + word] = key[word]!
  state[12] = counter
  state[13] = nonce0
  state[14] = nonce1
  state[15] = nonce2
}

/** Writes the block of `state` to 16 words of `output` from `offset` on, and steps the counter. */
export function chacha20Block(
  state: Int32Array,
  working: Int32Array,
  output: Int32Array,
  offset: number,
): void {
  working.set(state)
  for (let round = 0; round < DOUBLE_ROUNDS; round++) {
    for (let quarter = 0; quarter < 32; quarter += 4) {
      const ia = QUARTERS[quarter]!
      const ib = QUARTERS[quarter + 1]!
      const ic = QUARTERS[quarter + 2]!
      const id = QUARTERS[quarter + 3]!
      let a = working[ia]!
      let b = working[ib]!
      let c = working[ic]!
      let d = working[id]!
      a = (a + b) | 0
      d ^= a
      d = (d << 16) | (d >>> 16)
      c = (c + d) | 0
      b ^= c
      b = (b << 12) | (b >>> 20)
      a = (a + b) | 0
      d ^= a
      d = (d << 8) | (d >>> 24)
      c = (c + d) | 0
      b ^= c
      working[ia] = a
      working[ib] = (b << 7) | (b >>> 25)
      working[ic] = c
      working[id] = d
    }
  }
  for (let word = 0; word < 16; word++) output[offset + word] = (working[word]! + state[word]!) | 0
  state[12] = (state[12]! + 1) | 0
}
