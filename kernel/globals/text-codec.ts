/** TextEncoder and TextDecoder for UTF-8 on the platform's own codec (WHATWG Encoding §8). */
import type { Platform } from '../hal/platform.ts'

type Codec = Pick<Platform, 'encodeUtf8' | 'decodeUtf8' | 'isUtf8'>

export interface TextDecoderOptions {
  fatal?: boolean
  ignoreBOM?: boolean
}

const UTF8_LABELS = ['utf-8', 'utf8', 'unicode-1-1-utf-8', 'unicode11utf8', 'x-unicode20utf8']
/** Longer text is tried as ASCII first: three bytes a unit is memory that a guest may not have. */
const LONG_UNITS = 65_536
/** A character that is cut off at the end of the room leaves at most 3 bytes of it unused. */
const CUT_OFF_BYTES = 4
/** UTF-16 code units become at most 3 bytes each. */
const BYTES_PER_UNIT = 3

/** The classes with the codec bound to them. */
export function createTextCodecs(codec: Codec) {
  return { TextEncoder: createTextEncoder(codec), TextDecoder: createTextDecoder(codec) }
}

function createTextEncoder(codec: Codec) {
  return class TextEncoder {
    get encoding(): string {
      return 'utf-8'
    }

    encode(text = ''): Uint8Array {
      const source = String(text)
      if (source.length > LONG_UNITS) {
        const target = new Uint8Array(source.length + CUT_OFF_BYTES)
        const written = codec.encodeUtf8(source, target, 0)
        // One unit beyond ASCII would have made it longer.
        if (written === source.length) return target.slice(0, written)
      }
      const target = new Uint8Array(source.length * BYTES_PER_UNIT)
      return target.slice(0, codec.encodeUtf8(source, target, 0))
    }

    /** Writes whole characters as far as there is room. */
    encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
      const written = codec.encodeUtf8(String(text), target, 0)
      return { read: codec.decodeUtf8(target, 0, written).length, written }
    }
  }
}

function createTextDecoder(codec: Codec) {
  return class TextDecoder {
    readonly fatal: boolean
    readonly ignoreBOM: boolean
    /** Bytes of a character that the last streamed piece cut off. */
    private rest = new Uint8Array(0)
    private isStart = true

    constructor(label = 'utf-8', options: TextDecoderOptions = {}) {
      if (!UTF8_LABELS.includes(String(label).trim().toLowerCase())) {
        throw new RangeError(`Cannot decode ${label}: only utf-8 is known`)
      }
      this.fatal = options.fatal === true
      this.ignoreBOM = options.ignoreBOM === true
    }

    get encoding(): string {
      return 'utf-8'
    }

    decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
      let bytes = this.withRest(toBytes(input))
      this.rest = new Uint8Array(0)
      const isStream = options.stream === true
      if (isStream) {
        const whole = wholeCharacters(bytes)
        this.rest = bytes.slice(whole)
        bytes = bytes.subarray(0, whole)
      }
      if (this.fatal && !codec.isUtf8(bytes, 0, bytes.length)) {
        this.isStart = true
        throw new TypeError('Cannot decode: the bytes are not valid UTF-8')
      }
      const text = codec.decodeUtf8(bytes, 0, bytes.length)
      const strip = this.isStart && !this.ignoreBOM && text.startsWith('\ufeff')
      this.isStart = !isStream || (this.isStart && text === '')
      return strip ? text.slice(1) : text
    }

    private withRest(bytes: Uint8Array): Uint8Array {
      if (this.rest.length === 0) return bytes
      const joined = new Uint8Array(this.rest.length + bytes.length)
      joined.set(this.rest)
      joined.set(bytes, this.rest.length)
      return joined
    }
  }
}

function toBytes(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array(0)
  if (input instanceof ArrayBuffer) return new Uint8Array(input)
  if (ArrayBuffer.isView(input)) {
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  }
  throw new TypeError('Cannot decode: the input is neither an ArrayBuffer nor a view of one')
}

/** Length without a last character that may still be completed. */
function wholeCharacters(bytes: Uint8Array): number {
  const length = bytes.length
  for (let back = 1; back <= 3 && back <= length; back++) {
    const lead = bytes[length - back]!
    if ((lead & 0xc0) === 0x80) continue
    const needed = lead > 0xf4 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1
    if (needed <= back) return length
    return back > 1 && !maySecondFollow(lead, bytes[length - back + 1]!) ? length : length - back
  }
  return length
}

/** Unicode table 3-7: after some lead bytes the second is limited further than 80..BF. */
function maySecondFollow(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0
  if (lead === 0xed) return second <= 0x9f
  if (lead === 0xf0) return second >= 0x90
  return lead !== 0xf4 || second <= 0x8f
}
