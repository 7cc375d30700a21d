/**
 * TextEncoderStream and TextDecoderStream (Encoding §8.3, §8.4): UTF-8, characters cut between
 * pieces included.
 */
import { type ReadableStream, TransformStream, type WritableStream } from 'web-streams-polyfill'
import { encodeUtf8, StreamDecoder } from './host-globals.ts'

export class TextEncoderStream {
  readonly #stream: TransformStream<string, Uint8Array>

  constructor() {
    /** The first half of a surrogate pair whose second half is in the next piece. */
    let half = ''
    this.#stream = new TransformStream<string, Uint8Array>({
      transform(piece, controller) {
        let text = `${half}${piece}`
        half = /[\ud800-\udbff]$/.exec(text)?.[0] ?? ''
        if (half !== '') text = text.slice(0, -1)
        if (text !== '') controller.enqueue(encodeUtf8(text))
      },
      flush(controller) {
        if (half !== '') controller.enqueue(encodeUtf8(half))
      },
    })
  }

  get encoding(): 'utf-8' {
    return 'utf-8'
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#stream.readable
  }

  get writable(): WritableStream<string> {
    return this.#stream.writable
  }

  get [Symbol.toStringTag](): string {
    return 'TextEncoderStream'
  }
}

export class TextDecoderStream {
  readonly #decoder: StreamDecoder
  readonly #stream: TransformStream<ArrayBuffer | ArrayBufferView, string>

  /** Throws RangeError when `label` is not UTF-8. */
  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const decoder = new StreamDecoder(label, options)
    this.#decoder = decoder
    this.#stream = new TransformStream<ArrayBuffer | ArrayBufferView, string>({
      transform(piece, controller) {
        // Without an argument it would be the end.
        if (piece === undefined) throw new TypeError('Cannot decode: a piece holds no bytes')
        const text = decoder.decode(piece, { stream: true })
        if (text !== '') controller.enqueue(text)
      },
      flush(controller) {
        const text = decoder.decode()
        if (text !== '') controller.enqueue(text)
      },
    })
  }

  get encoding(): string {
    return this.#decoder.encoding
  }

  get fatal(): boolean {
    return this.#decoder.fatal
  }

  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM
  }

  get readable(): ReadableStream<string> {
    return this.#stream.readable
  }

  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#stream.writable
  }

  get [Symbol.toStringTag](): string {
    return 'TextDecoderStream'
  }
}
