/** Finds a request's content in what arrives, whichever way its end is told (RFC 9112 §6.3). */
import { ChunkedDecoder, type ChunkedStep } from './chunked-decoder.ts'
import { CHUNKED, type Framing } from './framing.ts'
import type { Refusal } from './refusal.ts'

/**
 * As ChunkedDecoder: each `step` takes `consumed` bytes, and on 'data' names a range of content.
 */
export class ContentReader {
  consumed = 0
  dataOffset = 0
  dataLength = 0
  /** True once all content was found, at once where there is none. */
  isDone = true
  private chunked: ChunkedDecoder | null = null
  private isChunked = false
  private remaining = 0

  begin(framing: Framing): void {
    this.isChunked = framing.contentLength === CHUNKED
    this.remaining = this.isChunked ? 0 : framing.contentLength
    this.isDone = !this.isChunked && this.remaining === 0
    if (!this.isChunked) return
    if (this.chunked === null) this.chunked = new ChunkedDecoder()
    this.chunked.reset()
  }

  /** Bytes of content still to come; null when its end comes unannounced. */
  get lengthBytes(): number | null {
    return this.isChunked ? null : this.remaining
  }

  /** After 'malformed', which only chunked content can be: what it is refused with. */
  get problem(): Refusal {
    return this.chunked!.problem
  }

  step(bytes: Uint8Array, offset: number, length: number): ChunkedStep {
    if (this.isChunked) return this.stepChunked(this.chunked!, bytes, offset, length)
    const taken = Math.min(length, this.remaining)
    this.remaining -= taken
    this.isDone = this.remaining === 0
    this.consumed = taken
    this.dataOffset = offset
    this.dataLength = taken
    if (taken > 0) return 'data'
    return this.isDone ? 'done' : 'more'
  }

  /**
   * Counts `length` bytes as content; false when they may be anything else or end it, so that
   * `step` has to look.
   */
  skipWithin(length: number): boolean {
    if (this.isChunked || length >= this.remaining) return false
    this.remaining -= length
    return true
  }

  private stepChunked(
    chunked: ChunkedDecoder,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): ChunkedStep {
    const step = chunked.step(bytes, offset, length)
    this.consumed = chunked.consumed
    this.dataOffset = chunked.dataOffset
    this.dataLength = chunked.dataLength
    if (step === 'done') this.isDone = true
    return step
  }
}
