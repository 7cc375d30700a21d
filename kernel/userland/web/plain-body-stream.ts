/**
 * What `body` is in an app that uses no streams: it can be iterated once, canceled, and be the body
 * of another.
 */
import type { ReadableStream } from 'web-streams-polyfill'
import type { StreamSource } from './body-stream.ts'
import { piecesOf, toBytes } from './content.ts'

class PlainBodyStream implements AsyncIterable<Uint8Array> {
  locked = false
  isDisturbed = false
  private readonly source: StreamSource

  constructor(source: StreamSource) {
    this.source = source
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.requireUnlocked()
    this.locked = true
    this.isDisturbed = true
    const pieces = piecesOf(this.source.begin())
    return {
      next() {
        const result = pieces
          .next()
          .then((item) =>
            item.done === true
              ? { done: true as const, value: undefined }
              : { done: false as const, value: toBytes(item.value) },
          )
        // A peer that goes away must not end the guest through a promise that the app does not wait
        // for.
        result.catch(() => {})
        return result
      },
      async return() {
        await pieces.return?.()
        return { done: true, value: undefined }
      },
    }
  }

  async cancel(): Promise<void> {
    await this[Symbol.asyncIterator]().return?.()
  }

  getReader(): never {
    throw new TypeError(
      'Cannot read by getReader: the build found no use of streams in this app; name ReadableStream in it',
    )
  }

  get [Symbol.toStringTag](): string {
    return 'ReadableStream'
  }

  private requireUnlocked(): void {
    if (this.locked) throw new TypeError('Body is unusable: it has been read already')
  }
}

/** To the app's types it is the stream that it would be if it were used as one. */
type Stream = ReadableStream<Uint8Array>

export function streamOf(source: StreamSource): Stream {
  return new PlainBodyStream(source) as unknown as Stream
}

export function isStream(value: unknown): value is Stream {
  return value instanceof PlainBodyStream
}

export function isDisturbed(stream: Stream): boolean {
  return (stream as unknown as PlainBodyStream).isDisturbed
}

export function lockStream(stream: Stream): void {
  ;(stream as unknown as PlainBodyStream).locked = true
}

/** Those of bodies are duplicated by what they are made of, and there are no others. */
export function teeStream(_stream: Stream): never {
  throw new TypeError('Cannot clone: the body is a stream of another kind')
}
