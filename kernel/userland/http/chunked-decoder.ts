/** Finds the content in chunked ranges without touching its bytes (RFC 9112 §7.1). */
import { TOKEN } from './header-fields.ts'
import { type Refusal, refuse } from './refusal.ts'

/** Bytes of one chunk-size line with its extensions, and of the whole trailer section. */
export const CHUNK_LINE_LIMIT_BYTES = 256
export const TRAILER_LIMIT_BYTES = 4096

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const COLON = 58
/**
 * Larger chunks than this are an attempt to make a counter overflow; below it every sum stays
 * exact.
 */
const CHUNK_SIZE_LIMIT_BYTES = 2 ** 48

/** Everything that RFC 9112 §7.1 does not allow; limits that are met have a status of their own. */
const MALFORMED = /* @__PURE__ */ refuse(400, 'the chunked content is malformed')
const Phase = { Size: 0, Blank: 1, Extension: 2, Data: 3, DataEnd: 4, Trailer: 5, Done: 6 } as const
type Phase = (typeof Phase)[keyof typeof Phase]

export type ChunkedStep = 'data' | 'more' | 'done' | 'malformed'

/**
 * Call `step` with what has arrived; each call takes `consumed` bytes. On 'data' the range
 * [dataOffset, dataOffset + dataLength) is content; 'more' asks for further bytes.
 */
export class ChunkedDecoder {
  consumed = 0
  dataOffset = 0
  dataLength = 0
  /** After 'malformed': what it is refused with. */
  problem: Refusal = MALFORMED
  private phase: Phase = Phase.Size
  private remaining = 0
  private digits = 0
  private lineBytes = 0
  private trailerBytes = 0
  private sawCarriageReturn = false
  /** Within a trailer's name, which ends with a colon. */
  private inName = false

  reset(): void {
    this.phase = Phase.Size
    this.problem = MALFORMED
    this.startSize()
    this.trailerBytes = 0
  }

  step(bytes: Uint8Array, offset: number, length: number): ChunkedStep {
    const end = offset + length
    let position = offset
    while (this.phase !== Phase.Done) {
      if (position === end) {
        this.consumed = length
        return 'more'
      }
      if (this.phase === Phase.Data) {
        const available = Math.min(this.remaining, end - position)
        this.dataOffset = position
        this.dataLength = available
        this.remaining -= available
        if (this.remaining === 0) this.phase = Phase.DataEnd
        this.consumed = position + available - offset
        return 'data'
      }
      if (!this.takeControlByte(bytes[position++]!)) {
        this.consumed = position - offset
        return 'malformed'
      }
    }
    this.consumed = position - offset
    return 'done'
  }

  private startSize(): void {
    this.remaining = 0
    this.digits = 0
    this.lineBytes = 0
    this.sawCarriageReturn = false
  }

  /**
   * One byte of a size line, of the CRLF after a chunk, or of the trailers; false when it must not
   * be there.
   */
  private takeControlByte(byte: number): boolean {
    if (this.phase === Phase.Trailer) return this.takeTrailerByte(byte)
    if (this.phase === Phase.DataEnd) {
      if (byte === CARRIAGE_RETURN && !this.sawCarriageReturn) {
        this.sawCarriageReturn = true
        return true
      }
      if (byte !== LINE_FEED || !this.sawCarriageReturn) return false
      this.phase = Phase.Size
      this.startSize()
      return true
    }
    if (++this.lineBytes > CHUNK_LINE_LIMIT_BYTES)
      return this.refuse(
        413,
        `the line of a chunk size is longer than ${CHUNK_LINE_LIMIT_BYTES} bytes`,
      )
    if (byte === LINE_FEED) return this.sawCarriageReturn && this.endSizeLine()
    if (this.sawCarriageReturn) return false
    if (byte === CARRIAGE_RETURN) {
      this.sawCarriageReturn = true
      return this.digits > 0 && this.phase !== Phase.Blank
    }
    return this.phase === Phase.Extension ? isFieldByte(byte) : this.takeSizeByte(byte)
  }

  private takeSizeByte(byte: number): boolean {
    const digit = this.phase === Phase.Size ? hexadecimalDigit(byte) : -1
    if (digit >= 0) {
      this.remaining = this.remaining * 16 + digit
      this.digits++
      return this.remaining <= CHUNK_SIZE_LIMIT_BYTES
    }
    // §7.1.1: chunk-ext = *( BWS ";" BWS … ). What follows the ";" is ignored; anything else after
    // the blanks may be a size that another party reads otherwise.
    this.phase = byte === 0x3b ? Phase.Extension : Phase.Blank
    return this.digits > 0 && (byte === 0x3b || byte === 0x20 || byte === 0x09)
  }

  private endSizeLine(): boolean {
    this.phase = this.remaining === 0 ? Phase.Trailer : Phase.Data
    this.lineBytes = 0
    this.sawCarriageReturn = false
    return true
  }

  /**
   * Trailers must be fields (§7.1.2), and are dropped, which RFC 9110 §6.5.1 allows: none of them
   * frames anything.
   */
  private takeTrailerByte(byte: number): boolean {
    if (++this.trailerBytes > TRAILER_LIMIT_BYTES)
      return this.refuse(431, `the trailers are longer than ${TRAILER_LIMIT_BYTES} bytes`)
    if (byte === LINE_FEED) {
      if (!this.sawCarriageReturn) return false
      if (this.lineBytes === 0) this.phase = Phase.Done
      this.lineBytes = 0
      this.sawCarriageReturn = false
      return true
    }
    if (this.sawCarriageReturn) return false
    if (byte === CARRIAGE_RETURN) {
      this.sawCarriageReturn = true
      return this.lineBytes === 0 || !this.inName
    }
    if (++this.lineBytes === 1) this.inName = true
    if (!this.inName) return isFieldByte(byte)
    this.inName = byte !== COLON
    return this.inName ? isTokenByte(byte) : this.lineBytes > 1
  }

  private refuse(status: number, reason: string): false {
    this.problem = refuse(status, reason)
    return false
  }
}

function hexadecimalDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** RFC 9110 §5.6.2. */
function isTokenByte(byte: number): boolean {
  return TOKEN.test(String.fromCharCode(byte))
}

function isFieldByte(byte: number): boolean {
  return byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
}
