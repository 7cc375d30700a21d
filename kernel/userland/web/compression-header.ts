/**
 * The headers of gzip (RFC 1952 §2.3) and zlib (RFC 1950 §2.2), read byte by byte and never kept.
 */

export interface Header {
  /** True when the header ends with this byte. Throws TypeError when it is none. */
  accept(byte: number): boolean
}

const FLAG_HEADER_CRC = 2
const FLAG_EXTRA = 4
const FLAG_NAME = 8
const FLAG_COMMENT = 16
const KNOWN_FLAGS = 31
/** Before the parts that may follow: magic, method, flags, time, extra flags, system. */
const FIXED_BYTES = 10

export class GzipHeader implements Header {
  private position = 0
  private flags = 0
  private extraBytes = 0
  /** Optional parts in their order; each is taken off when it is over. */
  private readonly parts: ('extra length' | 'extra' | 'text' | 'crc')[] = []
  private partPosition = 0

  accept(byte: number): boolean {
    if (this.position < FIXED_BYTES) this.acceptFixed(byte)
    else this.acceptPart(byte)
    return this.position === FIXED_BYTES && this.parts.length === 0
  }

  private acceptFixed(byte: number): void {
    const position = this.position++
    if ((position === 0 && byte !== 0x1f) || (position === 1 && byte !== 0x8b)) {
      throw new TypeError('Cannot decompress: the data is not gzip')
    }
    if (position === 2 && byte !== 8) {
      throw new TypeError(`Cannot decompress: method ${byte} is not deflate`)
    }
    if (position === 3) this.flags = byte
    if (position !== FIXED_BYTES - 1) return
    if (this.flags > KNOWN_FLAGS) throw new TypeError('Cannot decompress: reserved flags are set')
    if (this.flags & FLAG_EXTRA) this.parts.push('extra length', 'extra')
    if (this.flags & FLAG_NAME) this.parts.push('text')
    if (this.flags & FLAG_COMMENT) this.parts.push('text')
    if (this.flags & FLAG_HEADER_CRC) this.parts.push('crc')
  }

  private acceptPart(byte: number): void {
    const part = this.parts[0]
    const position = this.partPosition++
    if (part === 'extra length') {
      this.extraBytes |= byte << (8 * position)
      if (position === 1) this.endPart(this.extraBytes === 0 ? 2 : 1)
    } else if (part === 'extra') {
      if (position + 1 === this.extraBytes) this.endPart(1)
    } else if (part === 'text') {
      if (byte === 0) this.endPart(1)
    } else if (position === 1) this.endPart(1)
  }

  private endPart(count: number): void {
    this.parts.splice(0, count)
    this.partPosition = 0
  }
}

export class ZlibHeader implements Header {
  private method = -1

  accept(byte: number): boolean {
    if (this.method < 0) {
      this.method = byte
      return false
    }
    const isDeflate = (this.method & 15) === 8 && this.method >> 4 <= 7
    if (!isDeflate || ((this.method << 8) | byte) % 31 !== 0) {
      throw new TypeError('Cannot decompress: this is no zlib stream')
    }
    if (byte & 0x20) throw new TypeError('Cannot decompress: a preset dictionary is asked for')
    return true
  }
}
