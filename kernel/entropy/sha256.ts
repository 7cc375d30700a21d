/**
 * SHA-256 (FIPS 180-4 §5.1, §6.2) above the native that takes blocks in, incremental: condenses
 * what the entropy sources give into a key.
 */
import type { Platform } from '../hal/platform.ts'

export type DigestNatives = Pick<Platform, 'startDigest' | 'digestBlocks'>

/** The native's number for SHA-256. */
const ALGORITHM = 256
const BLOCK_BYTES = 64
const LENGTH_FIELD_OFFSET = 56
const DIGEST_BYTES = 32

export class Sha256 {
  private readonly natives: DigestNatives
  /** Words in this machine's order, which is little-endian. */
  private readonly state = new Uint8Array(DIGEST_BYTES)
  private readonly block = new Uint8Array(BLOCK_BYTES)
  private blockLength = 0
  private totalBytes = 0

  constructor(natives: DigestNatives) {
    this.natives = natives
    natives.startDigest(ALGORITHM, this.state)
  }

  update(bytes: Uint8Array): this {
    let offset = 0
    while (offset < bytes.length) {
      const length = Math.min(BLOCK_BYTES - this.blockLength, bytes.length - offset)
      this.block.set(bytes.subarray(offset, offset + length), this.blockLength)
      this.blockLength += length
      offset += length
      if (this.blockLength === BLOCK_BYTES) this.takeBlock()
    }
    this.totalBytes += bytes.length
    return this
  }

  /** The 32-byte digest; the object must not be used afterwards. */
  finish(): Uint8Array {
    const { block, state } = this
    block[this.blockLength++] = 0x80
    block.fill(0, this.blockLength)
    if (this.blockLength > LENGTH_FIELD_OFFSET) {
      this.takeBlock()
      block.fill(0)
    }
    const view = new DataView(block.buffer)
    view.setUint32(LENGTH_FIELD_OFFSET, Math.floor(this.totalBytes / 0x20000000))
    view.setUint32(LENGTH_FIELD_OFFSET + 4, (this.totalBytes << 3) >>> 0)
    this.takeBlock()
    const words = new DataView(state.buffer)
    const digest = new DataView(new ArrayBuffer(DIGEST_BYTES))
    for (let at = 0; at < DIGEST_BYTES; at += 4) digest.setInt32(at, words.getInt32(at, true))
    state.fill(0)
    return new Uint8Array(digest.buffer)
  }

  private takeBlock(): void {
    this.natives.digestBlocks(ALGORITHM, this.state, this.block, 0, BLOCK_BYTES)
    this.blockLength = 0
  }
}
