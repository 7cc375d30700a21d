/**
 * The head that was read last, byte by byte: whoever asks again asks to the letter, and comparing
 * costs a tenth of looking for the end of each line.
 */
import type { ReadHead } from './head-cache.ts'

/** Longer heads carry cookies and the like. */
const LONGEST_BYTES = 1024

/** A request that was read, with the bytes of its head as they came. */
export type Readable = Extract<ReadHead, { readonly framing: unknown }>

/** The platform, as far as it is asked here. */
interface BytesComparer {
  equalBytes(bytes: Uint8Array, offset: number, other: Uint8Array, lengthBytes: number): boolean
}

export class KnownHead {
  private readonly bytes = new Uint8Array(LONGEST_BYTES)
  /** Its empty line included; 0 = there is none. */
  private lengthBytes = 0
  /** What it says. */
  private read: Readable | null = null
  private previous: Readable | null = null

  /** What the head says whose bytes these are, and no others; null = it is not known. */
  find(system: BytesComparer, bytes: Uint8Array, offset: number, length: number): Readable | null {
    if (length !== this.lengthBytes) return null
    return system.equalBytes(bytes, offset, this.bytes, length) ? this.read : null
  }

  /**
   * A head has come that says `read`, between `start` and `end`. Kept the second time in a row, so
   * that who asks for something else each time pays nothing; and never with content to follow:
   * though this one was refused by its head alone, the next may be accepted.
   */
  note(read: Readable, bytes: Uint8Array, start: number, end: number): void {
    if (read === this.read) return
    const isSecond = read === this.previous
    this.previous = read
    if (!isSecond || end - start > LONGEST_BYTES) return
    if (!('contentLength' in read.framing) || read.framing.contentLength !== 0) return
    this.bytes.set(bytes.subarray(start, end))
    this.lengthBytes = end - start
    this.read = read
  }
}
