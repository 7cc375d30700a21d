/** Finds the content in chunked ranges without touching its bytes (RFC 9112 §7.1). */

/** Bytes of one chunk-size line with its extensions, and of the whole trailer section. */
export const CHUNK_LINE_LIMIT_BYTES = 256
export const TRAILER_LIMIT_BYTES = 4096

const LINE_FEED = 10
const CARRIAGE_RETURN = 13
/** 12 hexadecimal digits stay below 2^53. */
const CHUNK_SIZE_DIGITS = 12

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
  private phase: Phase = Phase.Size
  private remaining = 0
  private digits = 0
  private lineBytes = 0
  private trailerBytes = 0
  private sawCarriageReturn = false

  reset(): void {
    this.phase = Phase.Size
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

  /** One byte of a size line, of the CRLF after a chunk, or of the trailers; false when it must not be there. */
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
    if (++this.lineBytes > CHUNK_LINE_LIMIT_BYTES) return false
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
      return ++this.digits <= CHUNK_SIZE_DIGITS
    }
    // §7.1.1: chunk-ext = *( BWS ";" BWS … ). What follows the ";" is ignored; anything else after the blanks may be
    // a size that another party reads otherwise.
    this.phase = byte === 0x3b ? Phase.Extension : Phase.Blank
    return this.digits > 0 && (byte === 0x3b || byte === 0x20 || byte === 0x09)
  }

  private endSizeLine(): boolean {
    this.phase = this.remaining === 0 ? Phase.Trailer : Phase.Data
    this.lineBytes = 0
    this.sawCarriageReturn = false
    return true
  }

  /** Trailers are checked for their end only, and dropped (§7.1.2 allows it). */
  private takeTrailerByte(byte: number): boolean {
    if (++this.trailerBytes > TRAILER_LIMIT_BYTES) return false
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
      return true
    }
    this.lineBytes++
    return isFieldByte(byte)
  }
}

function hexadecimalDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

function isFieldByte(byte: number): boolean {
  return byte === 0x09 || (byte >= 0x20 && byte !== 0x7f)
}
