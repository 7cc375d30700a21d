/**
 * The fixed pattern of /bytes/N: octets 4k to 4k+3 hold k mod 2^18, big endian, so it repeats after
 * 1 MiB.
 */
import type { PacketBuffer } from '../../../net/storage/buffer.ts'

export const PATTERN_BYTES = 1 << 20

/** 256 words, in which only the last octet counts: the others are the same all through. */
const BLOCK_BYTES = 1024
/** 256 blocks, in which the third octet counts. */
const PLANE_BYTES = 256 * BLOCK_BYTES
/**
 * Made at a time: under TCG about 2 ms, which nobody notices. All of it at once would hold packets
 * up for 0.1 s.
 */
const PIECE_BYTES = 16 * BLOCK_BYTES

/** Made piece by piece: as far as somebody asks for it, or ahead of that by makeAhead. */
export class Pattern {
  /** PATTERN_BYTES of memory that sockets may send from. */
  readonly buffer: PacketBuffer
  private readonly bytes: Uint8Array
  private readyBytes = 0

  constructor(buffer: PacketBuffer) {
    this.buffer = buffer
    this.bytes = buffer.bytes
  }

  /**
   * Bytes from `offset` that may be sent at once: at least 1, at most `wanted`, and never beyond
   * the end of the pattern. `offset` counts modulo the pattern.
   */
  prepare(offset: number, wanted: number): number {
    const available = Math.min(wanted, PATTERN_BYTES - offset)
    while (this.readyBytes < offset + available) this.makePiece()
    return available
  }

  /** Makes the next piece; false when the pattern is complete. */
  makeAhead(): boolean {
    if (this.readyBytes === PATTERN_BYTES) return false
    this.makePiece()
    return true
  }

  private makePiece(): void {
    const end = this.readyBytes + PIECE_BYTES
    for (let start = this.readyBytes; start < end; start += BLOCK_BYTES) this.makeBlock(start)
    this.readyBytes = end
  }

  /**
   * One store a word is what interpreted code cannot do without: the first block of a plane is made
   * in full, the others are copies of it in which the third octets change.
   */
  private makeBlock(start: number): void {
    const bytes = this.bytes
    const plane = start - (start % PLANE_BYTES)
    const end = start + BLOCK_BYTES
    if (start === plane) {
      const second = plane / PLANE_BYTES
      for (let word = 0; word < 256; word++) {
        bytes[start + 4 * word + 1] = second
        bytes[start + 4 * word + 3] = word
      }
      return
    }
    bytes.copyWithin(start, plane, plane + BLOCK_BYTES)
    const third = (start - plane) / BLOCK_BYTES
    for (let offset = start + 2; offset < end; offset += 32) {
      bytes[offset] = third
      bytes[offset + 4] = third
      bytes[offset + 8] = third
      bytes[offset + 12] = third
      bytes[offset + 16] = third
      bytes[offset + 20] = third
      bytes[offset + 24] = third
      bytes[offset + 28] = third
    }
  }
}
