/**
 * SHA-1 and SHA-2 (FIPS 180-4 §5, §6) and HMAC (RFC 2104) above the natives that take blocks in.
 */
import type { HashName } from './crypto-key.ts'

/** As in kernel/hal/native.d.ts; apps have them in `system`. */
export interface HashNatives {
  startDigest(algorithm: number, state: Uint8Array): void
  digestBlocks(
    algorithm: number,
    state: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    lengthBytes: number,
  ): void
}

interface Shape {
  readonly algorithm: number
  readonly blockBytes: number
  readonly stateBytes: number
  readonly wordBytes: 4 | 8
  readonly digestBytes: number
}

export const HASHES: Readonly<Record<HashName, Shape>> = {
  'SHA-1': { algorithm: 1, blockBytes: 64, stateBytes: 20, wordBytes: 4, digestBytes: 20 },
  'SHA-256': { algorithm: 256, blockBytes: 64, stateBytes: 32, wordBytes: 4, digestBytes: 32 },
  'SHA-384': { algorithm: 384, blockBytes: 128, stateBytes: 64, wordBytes: 8, digestBytes: 48 },
  'SHA-512': { algorithm: 512, blockBytes: 128, stateBytes: 64, wordBytes: 8, digestBytes: 64 },
}

const PADDING_START = 0x80
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c

let natives: HashNatives | null = null

/** Called once, by what is bundled around the app. */
export function useHashNatives(given: HashNatives): void {
  natives = given
}

function requireNatives(): HashNatives {
  if (natives === null) throw new Error('Cannot hash: no natives were given')
  return natives
}

export class Hash {
  readonly shape: Shape
  private readonly natives = requireNatives()
  private readonly state: Uint8Array
  /** What does not fill a block yet. */
  private readonly rest: Uint8Array
  private restLength = 0
  private totalBytes = 0

  constructor(name: HashName) {
    this.shape = HASHES[name]
    this.state = new Uint8Array(this.shape.stateBytes)
    this.rest = new Uint8Array(this.shape.blockBytes)
    this.natives.startDigest(this.shape.algorithm, this.state)
  }

  update(bytes: Uint8Array): this {
    const { rest, shape } = this
    const { blockBytes } = shape
    this.totalBytes += bytes.length
    let at = 0
    if (this.restLength > 0) {
      at = Math.min(blockBytes - this.restLength, bytes.length)
      rest.set(bytes.subarray(0, at), this.restLength)
      this.restLength += at
      if (this.restLength < blockBytes) return this
      this.takeBlocks(rest, 0, blockBytes)
    }
    const whole = Math.floor((bytes.length - at) / blockBytes) * blockBytes
    if (whole > 0) this.takeBlocks(bytes, at, whole)
    rest.set(bytes.subarray(at + whole))
    this.restLength = bytes.length - at - whole
    return this
  }

  /** The hash of all bytes so far; nothing may be added after that. */
  digest(): Uint8Array {
    const { rest, shape, state, totalBytes } = this
    const { blockBytes, wordBytes } = shape
    // §5.1: a one bit, zeros, and the length in bits in two words at the end of a block.
    rest[this.restLength] = PADDING_START
    rest.fill(0, this.restLength + 1)
    if (this.restLength + 1 > blockBytes - 2 * wordBytes) {
      this.takeBlocks(rest, 0, blockBytes)
      rest.fill(0)
    }
    const view = new DataView(rest.buffer)
    view.setUint32(blockBytes - 8, Math.floor(totalBytes / 2 ** 29))
    view.setUint32(blockBytes - 4, (totalBytes * 8) % 2 ** 32)
    this.takeBlocks(rest, 0, blockBytes)
    // Words are kept in this machine's order, which is little-endian.
    const result = new Uint8Array(shape.digestBytes)
    for (let index = 0; index < result.length; index++) {
      result[index] = state[index - (index % wordBytes) + (wordBytes - 1 - (index % wordBytes))]!
    }
    return result
  }

  private takeBlocks(bytes: Uint8Array, offset: number, length: number): void {
    this.natives.digestBlocks(this.shape.algorithm, this.state, bytes, offset, length)
    if (bytes === this.rest) this.restLength = 0
  }
}

export class Hmac {
  private readonly inner: Hash
  private readonly outer: Hash

  constructor(name: HashName, secret: Uint8Array) {
    const { blockBytes } = HASHES[name]
    const key = secret.length > blockBytes ? new Hash(name).update(secret).digest() : secret
    const pad = (value: number) => {
      const block = new Uint8Array(blockBytes).fill(value)
      for (let index = 0; index < key.length; index++) block[index]! ^= key[index]!
      return new Hash(name).update(block)
    }
    this.inner = pad(INNER_PAD)
    this.outer = pad(OUTER_PAD)
  }

  update(bytes: Uint8Array): this {
    this.inner.update(bytes)
    return this
  }

  digest(): Uint8Array {
    return this.outer.update(this.inner.digest()).digest()
  }
}
