/**
 * The random generator: its stream by definition, key erasure, and refusal before the first seed.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { RandomGenerator } from '../../../../kernel/entropy/generator.ts'
import { hashNatives } from '../../../support/hash-natives.ts'

const seeded = (text: string) => {
  const generator = new RandomGenerator(hashNatives)
  generator.reseed(Buffer.from(text))
  return generator
}

/**
 * The first batch by definition, made by Node: key = SHA-256(0^32 || seed), 4 blocks of ChaCha20.
 */
function referenceBatch(key: Buffer): Buffer {
  const initialVector = Buffer.alloc(16)
  return createCipheriv('chacha20', key, initialVector).update(Buffer.alloc(256))
}
const keyOf = (seed: string) => createHash('sha256').update(Buffer.alloc(32)).update(seed).digest()

describe('RandomGenerator', () => {
  it('refuses to draw before it was seeded', () => {
    expect(() => new RandomGenerator(hashNatives).nextInt32()).toThrow('Cannot draw random numbers')
  })

  it('gives ChaCha20 output after the 32 bytes that become the next key', () => {
    const generator = seeded('seed')
    const first = referenceBatch(keyOf('seed'))
    const second = referenceBatch(first.subarray(0, 32))
    const expected = Buffer.concat([first.subarray(32), second.subarray(32)])
    const words = Array.from({ length: 112 }, () => generator.nextInt32())
    expect(words).toEqual(Array.from({ length: 112 }, (_, i) => expected.readInt32LE(4 * i)))
  })

  it('fills arrays of any length from the same stream', () => {
    const first = referenceBatch(keyOf('seed'))
    const second = referenceBatch(first.subarray(0, 32))
    const target = new Uint8Array(301)
    seeded('seed').fill(target)
    const expected = Buffer.concat([first.subarray(32), second.subarray(32)]).subarray(0, 301)
    expect(Buffer.from(target).equals(expected)).toBe(true)
  })

  it('differs after different seeds, and after a reseed mid-way', () => {
    expect(seeded('a').nextInt32()).not.toBe(seeded('b').nextInt32())
    const plain = seeded('a')
    const reseeded = seeded('a')
    reseeded.reseed(Buffer.from('more'))
    expect(plain.nextInt32()).not.toBe(reseeded.nextInt32())
  })

  it('forgets what it gave out: memory after drawing holds none of it', () => {
    const generator = seeded('seed')
    const given = Array.from({ length: 20 }, () => generator.nextInt32())
    const batch = (generator as unknown as { batch: Int32Array }).batch
    for (const value of given) expect(batch.includes(value)).toBe(false)
  })

  it('spreads its bits evenly over 28,000 numbers', () => {
    const generator = seeded('bits')
    const counts = new Array<number>(32).fill(0)
    const total = 28_000
    for (let draw = 0; draw < total; draw++) {
      const value = generator.nextInt32()
      for (let bit = 0; bit < 32; bit++) counts[bit]! += (value >>> bit) & 1
    }
    // Six standard deviations of a fair coin.
    for (const count of counts)
      expect(Math.abs(count - total / 2)).toBeLessThan(3 * Math.sqrt(total))
  })
})
