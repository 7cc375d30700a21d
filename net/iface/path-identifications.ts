/**
 * Where the IPv4 identifications of a new path begin: with what nobody can guess, and at the price
 * of a hash where a random number costs a connection twenty times as much.
 */
import type { KeyedHash } from '../storage/buffer.ts'
import { drawKey, type RandomSource } from './random-source.ts'

export class PathIdentifications {
  private readonly random: RandomSource
  private readonly hash: KeyedHash
  /** Drawn when first used. */
  private key: Uint8Array | null = null
  /** Paths opened so far; the message that is hashed. */
  private readonly count = new Int32Array(1)
  private readonly countBytes = new Uint8Array(this.count.buffer)

  constructor(random: RandomSource, hash: KeyedHash) {
    this.random = random
    this.hash = hash
  }

  /** 16 bits. */
  next(): number {
    this.key ??= drawKey(this.random)
    this.count[0] = this.count[0]! + 1
    return this.hash.keyedHash(this.key, this.countBytes, 4) & 0xffff
  }
}
