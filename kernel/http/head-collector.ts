/** Gathers the bytes of a request head, up to the empty line, from ranges of any size (RFC 9112 §2.1, §2.2). */

/** Bytes of request line and header fields together. */
export const HEAD_LIMIT_BYTES = 8192
/** Bytes of the request line alone; a longer one is answered 414. */
export const REQUEST_LINE_LIMIT_BYTES = 4096

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

export type HeadState = 'partial' | 'complete' | 'line too long' | 'too large'

export class HeadCollector {
  readonly bytes = new Uint8Array(HEAD_LIMIT_BYTES)
  /** Where the request line begins: after empty lines that some clients send before it (§2.2). */
  start = 0
  /** End of the last line, its LF excluded, once push said 'complete'. */
  linesEnd = 0
  /** End of the head, its empty line included, likewise. */
  end = 0
  /** Bytes of the last pushed range that belong to the head; the rest is body or the next request. */
  consumed = 0
  private used = 0
  private lineStart = 0

  /** True when bytes of a request have arrived and it is not complete. */
  get isPartial(): boolean {
    return this.used > this.start
  }

  reset(): void {
    this.start = 0
    this.end = 0
    this.used = 0
    this.lineStart = 0
  }

  /** Takes the next range of the connection. Call reset after 'complete', push no more after an error. */
  push(source: Uint8Array, offset: number, length: number): HeadState {
    const before = this.used
    const taken = Math.min(length, HEAD_LIMIT_BYTES - before)
    this.bytes.set(source.subarray(offset, offset + taken), before)
    this.used = before + taken
    this.consumed = taken
    let from = before
    for (;;) {
      const lineFeed = this.bytes.indexOf(LINE_FEED, from)
      if (lineFeed === -1 || lineFeed >= this.used) break
      const lineStart = this.lineStart
      // A lone LF ends a line too (§2.2: a recipient MAY recognize it).
      const isEmpty =
        lineFeed === lineStart ||
        (lineFeed === lineStart + 1 && this.bytes[lineStart] === CARRIAGE_RETURN)
      this.lineStart = lineFeed + 1
      from = lineFeed + 1
      if (!isEmpty) {
        if (lineStart === this.start && lineFeed - lineStart > REQUEST_LINE_LIMIT_BYTES) {
          return 'line too long'
        }
        continue
      }
      if (lineStart === this.start) {
        this.start = lineFeed + 1
        continue
      }
      this.linesEnd = lineStart - 1
      this.end = lineFeed + 1
      this.consumed = this.end - before
      this.used = this.end
      return 'complete'
    }
    if (this.lineStart === this.start && this.used - this.start > REQUEST_LINE_LIMIT_BYTES) {
      return 'line too long'
    }
    return this.used === HEAD_LIMIT_BYTES ? 'too large' : 'partial'
  }
}
