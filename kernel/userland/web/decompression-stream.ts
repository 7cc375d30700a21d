/**
 * DecompressionStream (Compression §5): fflate inflates, the frame around it (RFC 1950, RFC 1952)
 * is checked here.
 */
import { Inflate } from 'fflate'
import type { ReadableStream, WritableStream } from 'web-streams-polyfill'
import { Adler32, type Checksum, Crc32 } from './checksums.ts'
import { type Codec, type CodecStream, createCodecStream } from './codec-stream.ts'
import { GzipHeader, type Header, ZlibHeader } from './compression-header.ts'
import type { CompressionFormat } from './compression-stream.ts'

/** Steps cost some 0.3 ms each, interpreted, and a byte of output 1 µs. */
const STEP_BYTES = 256
/**
 * One byte of input becomes at most 1032 of output: while it becomes many, a step is 40 ms, not a
 * third of a second.
 */
const EXPANDING_STEP_BYTES = 32
const EXPANDING = 64

/** What fflate keeps of a stream: whether its last block has ended, and what it has not used. */
interface InflateState {
  readonly s: { readonly f?: number; readonly l?: unknown; readonly p?: number }
  readonly p: Uint8Array
}

export class DecompressionStream {
  readonly #stream: CodecStream

  constructor(format: CompressionFormat) {
    this.#stream = createCodecStream(new Decompressor(format))
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#stream.readable
  }

  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#stream.writable
  }

  get [Symbol.toStringTag](): string {
    return 'DecompressionStream'
  }
}

class Decompressor implements Codec {
  stepBytes = STEP_BYTES
  /** Null once it has been read, or where there is none. */
  private header: Header | null
  private readonly checksum: Checksum | null
  private readonly inflate = new Inflate()
  private isInflated = false
  private readonly trailer: number[] = []

  constructor(format: CompressionFormat) {
    if (format === 'gzip') {
      this.header = new GzipHeader()
      this.checksum = new Crc32()
    } else if (format === 'deflate') {
      this.header = new ZlibHeader()
      this.checksum = new Adler32()
    } else if (format === 'deflate-raw') {
      this.header = null
      this.checksum = null
    } else {
      throw new TypeError(`Cannot decompress '${format}': it is not gzip, deflate or deflate-raw`)
    }
  }

  push(bytes: Uint8Array, emit: (output: Uint8Array) => void): void {
    let rest = bytes
    for (; this.header !== null && rest.length > 0; rest = rest.subarray(1)) {
      if (this.header.accept(rest[0]!)) this.header = null
    }
    if (rest.length > 0 && !this.isInflated) rest = this.inflateFrom(rest, emit)
    for (const byte of rest) this.acceptTrailer(byte)
  }

  finish(): void {
    if (!this.isInflated || this.trailer.length < (this.checksum?.lengthBytes ?? 0)) {
      throw new TypeError('Cannot decompress: the input ends too early')
    }
  }

  /** What follows the last block. */
  private inflateFrom(bytes: Uint8Array, emit: (output: Uint8Array) => void): Uint8Array {
    const { inflate } = this
    inflate.ondata = (output) => {
      const isExpanding = output.length > EXPANDING * bytes.length
      this.stepBytes = isExpanding ? EXPANDING_STEP_BYTES : STEP_BYTES
      this.checksum?.update(output)
      emit(output)
    }
    try {
      inflate.push(bytes)
    } catch (error) {
      throw new TypeError(`Cannot decompress: ${(error as Error).message}`)
    }
    const { s: state, p: unused } = inflate as unknown as InflateState
    if (!state.f || state.l) return unused.subarray(unused.length)
    this.isInflated = true
    // A byte that was used in part is still among the unused ones.
    return unused.subarray(state.p ? 1 : 0)
  }

  private acceptTrailer(byte: number): void {
    const { checksum, trailer } = this
    if (checksum === null || trailer.length === checksum.lengthBytes) {
      throw new TypeError('Cannot decompress: something follows the end')
    }
    trailer.push(byte)
    if (trailer.length === checksum.lengthBytes && !checksum.matches(trailer)) {
      throw new TypeError('Cannot decompress: the checksum is wrong')
    }
  }
}
