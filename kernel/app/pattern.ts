/** The fixed pattern of /bytes/N: octets 4k to 4k+3 hold k mod 2^18, big endian, so it repeats after 1 MiB. */

export const PATTERN_BYTES = 1 << 20

/** Made piece by piece as far as it is asked for: all of it at once would hold up packets for about 0.1 s. */
const PIECE_WORDS = 1 << 12
const BLOCK_WORDS = 256

export class Pattern {
  readonly bytes = new Uint8Array(PATTERN_BYTES)
  private readonly words = new Uint32Array(this.bytes.buffer)
  private readyWords = 0

  /**
   * Bytes from `offset` that may be sent at once: at least 1, at most `wanted`, and never beyond the end of
   * the pattern. `offset` counts modulo the pattern.
   */
  prepare(offset: number, wanted: number): number {
    const available = Math.min(wanted, PATTERN_BYTES - offset)
    const neededWords = (offset + available + 3) >>> 2
    while (this.readyWords < neededWords) this.makePiece()
    return available
  }

  /** Writes words in the byte order of the machine, which is little endian, hence the reversed octets. */
  private makePiece(): void {
    const words = this.words
    const end = this.readyWords + PIECE_WORDS
    for (let block = this.readyWords; block < end; block += BLOCK_WORDS) {
      // k = block + i: its low octet is i and lands in the top 8 bits, the rest is the same for 256 words.
      let word = ((block >>> 8) & 0xff) * 0x10000 + (block >>> 16) * 0x100
      for (let index = block; index < block + BLOCK_WORDS; index += 4) {
        words[index] = word
        words[index + 1] = word + 0x1000000
        words[index + 2] = word + 0x2000000
        words[index + 3] = word + 0x3000000
        word += 0x4000000
      }
    }
    this.readyWords = end
  }
}
