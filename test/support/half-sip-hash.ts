/**
 * HalfSipHash-2-4: a keyed pseudo-random function in 32-bit arithmetic (Aumasson and Bernstein,
 * SipHash reference code).
 */

/** Rounds per message word, and at the end. */
const COMPRESSION_ROUNDS = 2
const FINALIZATION_ROUNDS = 4

/**
 * What boot/engine/bytes.c computes, in plain TypeScript: `key` is eight octets. Returns an int32.
 */
export function halfSipHash(key: Uint8Array, bytes: Uint8Array, lengthBytes: number): number {
  const keys = new DataView(key.buffer, key.byteOffset, 8)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wordCount = lengthBytes >> 2
  let v0 = keys.getInt32(0, true)
  let v1 = keys.getInt32(4, true)
  let v2 = 0x6c796765 ^ v0
  let v3 = 0x74656462 ^ v1
  for (let index = 0; index <= wordCount + 1; index++) {
    let word = 0
    let rounds = COMPRESSION_ROUNDS
    if (index < wordCount) {
      word = view.getInt32(4 * index, true)
    } else if (index === wordCount) {
      // The last word holds the message length in bytes, modulo 256, in its top octet, and what is
      // no whole word.
      word = lengthBytes << 24
      for (let at = 4 * wordCount; at < lengthBytes; at++)
        word |= view.getUint8(at) << (8 * (at & 3))
    } else {
      v2 ^= 0xff
      rounds = FINALIZATION_ROUNDS
    }
    v3 ^= word
    for (; rounds > 0; rounds--) {
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
    v0 ^= word
  }
  return v1 ^ v3
}
