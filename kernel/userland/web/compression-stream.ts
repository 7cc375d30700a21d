/** CompressionStream (Compression §4) by fflate. */
import { Deflate, Gzip, Zlib } from 'fflate'
import type { ReadableStream, WritableStream } from 'web-streams-polyfill'
import { type Codec, type CodecStream, createCodecStream } from './codec-stream.ts'

export type CompressionFormat = 'gzip' | 'deflate' | 'deflate-raw'

/**
 * Interpreted, each level costs dearly; memory goes by stream: 2^(12 + MEMORY_LEVEL) hashes of 2
 * bytes.
 */
const LEVEL = 3
const MEMORY_LEVEL = 3
const STEP_BYTES = 8192

const ENCODERS = { gzip: Gzip, deflate: Zlib, 'deflate-raw': Deflate }

export class CompressionStream {
  readonly #stream: CodecStream

  constructor(format: CompressionFormat) {
    this.#stream = createCodecStream(new Compressor(format))
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#stream.readable
  }

  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#stream.writable
  }

  get [Symbol.toStringTag](): string {
    return 'CompressionStream'
  }
}

class Compressor implements Codec {
  readonly stepBytes = STEP_BYTES
  private readonly encoder: Gzip | Zlib | Deflate

  constructor(format: CompressionFormat) {
    const Encoder = Object.hasOwn(ENCODERS, format) ? ENCODERS[format] : undefined
    if (Encoder === undefined) {
      throw new TypeError(`Cannot compress to '${format}': it is not gzip, deflate or deflate-raw`)
    }
    this.encoder = new Encoder({ level: LEVEL, mem: MEMORY_LEVEL, mtime: 0 })
  }

  push(bytes: Uint8Array, emit: (output: Uint8Array) => void): void {
    this.encoder.ondata = emit
    this.encoder.push(bytes)
  }

  finish(emit: (output: Uint8Array) => void): void {
    this.encoder.ondata = emit
    this.encoder.push(new Uint8Array(0), true)
  }
}
