/**
 * The random generator: ChaCha20 with fast key erasure, keyed by SHA-256 over all entropy gathered
 * so far.
 */
import { chacha20Block, initializeState } from './chacha20.ts'
import { type DigestNatives, Sha256 } from './sha256.ts'

/**
 * Blocks made at a time: the first 8 words become the next key, the rest is output (fast key
 * erasure).
 */
const BLOCKS_PER_BATCH = 4
const WORDS_PER_BLOCK = 16
const KEY_WORDS = 8
const BATCH_WORDS = BLOCKS_PER_BATCH * WORDS_PER_BLOCK

/** Implements net's RandomSource. Costs one array read per number but for one batch in 56. */
export class RandomGenerator {
  /** Batches since the last reseed, for whoever decides when the next is due. */
  batchesSinceReseed = 0
  private readonly key = new Int32Array(KEY_WORDS)
  private readonly state = new Int32Array(WORDS_PER_BLOCK)
  private readonly working = new Int32Array(WORDS_PER_BLOCK)
  private readonly batch = new Int32Array(BATCH_WORDS)
  private readonly batchBytes = new Uint8Array(this.batch.buffer)
  private readonly natives: DigestNatives
  private position = BATCH_WORDS
  private seeded = false

  constructor(natives: DigestNatives) {
    this.natives = natives
  }

  /**
   * Mixes `entropy` into the key: the new key is SHA-256 of the old one and the new bytes, so
   * predictable entropy never makes the state weaker.
   */
  reseed(entropy: Uint8Array): void {
    const key = new Uint8Array(this.key.buffer)
    key.set(new Sha256(this.natives).update(key).update(entropy).finish())
    this.position = BATCH_WORDS
    this.batch.fill(0)
    this.batchesSinceReseed = 0
    this.seeded = true
  }

  /** A uniformly distributed int32. Throws before the first reseed. */
  nextInt32(): number {
    if (this.position === BATCH_WORDS) this.nextBatch()
    const position = this.position++
    const value = this.batch[position]!
    // What was given out is forgotten, so a later look at memory does not reveal it.
    this.batch[position] = 0
    return value
  }

  /** Fills the whole array. */
  fill(target: Uint8Array): void {
    let offset = 0
    while (offset < target.length) {
      if (this.position === BATCH_WORDS) this.nextBatch()
      const start = 4 * this.position
      const length = Math.min(this.batchBytes.length - start, target.length - offset)
      target.set(this.batchBytes.subarray(start, start + length), offset)
      const words = (length + 3) >> 2
      this.batch.fill(0, this.position, this.position + words)
      this.position += words
      offset += length
    }
  }

  private nextBatch(): void {
    if (!this.seeded) throw new Error('Cannot draw random numbers: the generator is not seeded')
    initializeState(this.state, this.key, 0, 0, 0, 0)
    for (let block = 0; block < BLOCKS_PER_BATCH; block++) {
      chacha20Block(this.state, this.working, this.batch, block * WORDS_PER_BLOCK)
    }
    for (let word = 0; word < KEY_WORDS; word++) {
      this.key[word] = this.batch[word]!
      this.batch[word] = 0
    }
    this.state.fill(0)
    this.working.fill(0)
    this.position = KEY_WORDS
    this.batchesSinceReseed++
  }
}
