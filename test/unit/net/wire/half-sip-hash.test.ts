/** HalfSipHash-2-4 against a vector of the reference implementation (key 00..07), and as the function it must be. */
import { expect, it } from 'vitest'
import { halfSipHash } from '../../../../net/wire/half-sip-hash.ts'

const KEY = Int32Array.of(0x03020100, 0x07060504)
const MESSAGE = Int32Array.of(0x03020100, 0x07060504)

it('gives the published value for the empty message', () => {
  // The reference prints octets, little-endian.
  expect(hex(halfSipHash(KEY, MESSAGE, 0))).toBe('a9359f5b')
})

it('gives the published value for the message 00 01 02 03', () => {
  expect(hex(halfSipHash(KEY, MESSAGE, 1))).toBe('2a6e4689')
})

it('changes with every bit of key, message and length', () => {
  const base = halfSipHash(KEY, MESSAGE, 2)
  expect(halfSipHash(KEY, MESSAGE, 1)).not.toBe(base)
  for (let bit = 0; bit < 32; bit++) {
    for (let word = 0; word < 2; word++) {
      const message = MESSAGE.slice()
      message[word]! ^= 1 << bit
      expect(halfSipHash(KEY, message, 2)).not.toBe(base)
      const key = KEY.slice()
      key[word]! ^= 1 << bit
      expect(halfSipHash(key, MESSAGE, 2)).not.toBe(base)
    }
  }
})

function hex(word: number): string {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, word, true)
  return Buffer.from(bytes).toString('hex')
}
