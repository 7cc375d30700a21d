/**
 * Gathers the bytes of a request head, up to the empty line, from ranges of any size (RFC 9112
 * §2.1, §2.2).
 */
import { type Refusal, refuse } from './refusal.ts'

/** Bytes of request line and header fields together. */
export const HEAD_LIMIT_BYTES = 16_384
/** Bytes of the request line alone: RFC 9112 §3 recommends at least 8,000. */
export const REQUEST_LINE_LIMIT_BYTES = 8192
/** What is held while a head is as short as most. */
export const SMALL_HEAD_BYTES = 1024

const LINE_FEED = 10
const CARRIAGE_RETURN = 13

export type HeadState = 'partial' | 'complete' | 'line too long' | 'too large'

/**
 * Why a head that met a limit is refused; each limit has its own status (RFC 9110 §15.5.15, RFC
 * 6585 §5).
 */
export function refuseHead(state: 'line too long' | 'too large'): Refusal {
  return state === 'line too long'
    ? refuse(414, `the request line is longer than ${REQUEST_LINE_LIMIT_BYTES} bytes`)
    : refuse(431, `the head is longer than ${HEAD_LIMIT_BYTES} bytes`)
}

export const MIXED_LINE_ENDS = /* @__PURE__ */ refuse(
  400,
  'some lines of the head end in CRLF, others in LF',
)

/**
 * The last one that was given back: most requests come whole, and are read with it one after
 * another.
 */
let spare: HeadCollector | null = null

/** The native that finds the end of a plain head: `system.headLength`. */
export type HeadLength = (bytes: Uint8Array, offset: number, lengthBytes: number) => number

/**
 * A collector for a head that begins to arrive. Connections that wait for a request need none:
 * thousands of them may be idle. `headLength` is the same each time.
 */
export function borrowCollector(headLength: HeadLength): HeadCollector {
  const collector = spare ?? new HeadCollector(headLength)
  spare = null
  return collector
}

/** Takes a collector back whose head has been read. */
export function returnCollector(collector: HeadCollector): void {
  collector.reset()
  spare = collector
}

export class HeadCollector {
  /** Grows with a long head, and is short again after reset. */
  bytes = new Uint8Array(SMALL_HEAD_BYTES)
  /** Where the request line begins: after empty lines that some clients send before it (§2.2). */
  start = 0
  /** End of the last line, its LF excluded, once push said 'complete'. */
  linesEnd = 0
  /** End of the head, its empty line included, likewise. */
  end = 0
  /**
   * Bytes of the last pushed range that belong to the head; the rest is body or the next request.
   */
  consumed = 0
  private hasBareLineFeed = false
  private hasCarriageReturn = false
  private used = 0
  private lineStart = 0
  private readonly headLength: HeadLength | null

  /** Without the native each line's end is looked for, as in a head that comes in pieces. */
  constructor(headLength: HeadLength | null = null) {
    this.headLength = headLength
  }

  /** True when bytes of a request have arrived and it is not complete. */
  get isPartial(): boolean {
    return this.used > this.start
  }

  /**
   * True when some lines end in CRLF and others in a lone LF. Who writes by hand ends all alike; a
   * lone LF amid CRLFs may have come through another party as part of a value, and would begin a
   * field that nobody else has seen.
   */
  get hasMixedLineEnds(): boolean {
    return this.hasBareLineFeed && this.hasCarriageReturn
  }

  reset(): void {
    if (this.bytes.length > SMALL_HEAD_BYTES) this.bytes = new Uint8Array(SMALL_HEAD_BYTES)
    this.hasBareLineFeed = false
    this.hasCarriageReturn = false
    this.start = 0
    this.end = 0
    this.used = 0
    this.lineStart = 0
  }

  /**
   * Takes the next range of the connection. Call reset after 'complete', push no more after an
   * error.
   */
  push(source: Uint8Array, offset: number, length: number): HeadState {
    if (this.used === 0 && this.headLength !== null) {
      const whole = this.headLength(source, offset, length)
      // In what is no longer than a request line may be there is none that is too long.
      if (whole > 0 && whole <= REQUEST_LINE_LIMIT_BYTES) {
        this.takeWhole(source, offset, whole)
        return 'complete'
      }
    }
    let state: HeadState = 'partial'
    let taken = 0
    do {
      state = this.take(source, offset + taken, length - taken)
      taken += this.consumed
    } while (state === 'partial' && taken < length)
    this.consumed = taken
    return state
  }

  /** Takes a head of that length whose lines all end in CRLF. */
  private takeWhole(source: Uint8Array, offset: number, length: number): void {
    while (this.bytes.length < length) this.grow()
    this.bytes.set(source.subarray(offset, offset + length))
    this.hasCarriageReturn = true
    this.used = length
    this.lineStart = length
    // Before the LF, CR and LF that end it.
    this.linesEnd = length - 3
    this.end = length
    this.consumed = length
  }

  /** Takes what there is room for, so that content behind a short head is not copied with it. */
  private take(source: Uint8Array, offset: number, length: number): HeadState {
    const before = this.used
    if (before === this.bytes.length) this.grow()
    const taken = Math.min(length, this.bytes.length - before)
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
      if (isEmpty && lineStart === this.start) {
        this.start = lineFeed + 1
        continue
      }
      if (this.bytes[lineFeed - 1] === CARRIAGE_RETURN) this.hasCarriageReturn = true
      else this.hasBareLineFeed = true
      if (!isEmpty) {
        if (lineStart === this.start && lineFeed - lineStart > REQUEST_LINE_LIMIT_BYTES) {
          return 'line too long'
        }
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

  private grow(): void {
    const { bytes } = this
    this.bytes = new Uint8Array(Math.min(bytes.length * 2, HEAD_LIMIT_BYTES))
    this.bytes.set(bytes)
  }
}
