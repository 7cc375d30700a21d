/**
 * The `body` of requests, responses and blobs as a ReadableStream. The build puts
 * plain-body-stream.ts in its place where an app uses no streams.
 */
import { ReadableStream } from 'web-streams-polyfill'
import { type Content, piecesOf, toBytes } from './content.ts'

/** What a stream of a body was made from. */
export interface StreamSource {
  /** Hands the content over; it is asked for the first time that something is read. */
  begin(): Content
}

type Method = (...values: unknown[]) => unknown

/**
 * A peer that goes away must not end the guest through a promise that the app does not wait for. No
 * subclass does this: the library is not there yet when this module runs, for it names globals that
 * lead here.
 */
function spareReads(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  wrap(stream, 'getReader', (reader) => {
    wrap(reader as object, 'read', spare)
    return reader
  })
  wrap(stream, 'pipeTo', spare)
  return stream
}

function wrap(owner: object, name: string, change: (result: unknown) => unknown): void {
  const method = (owner as Record<string, Method>)[name]!
  Object.defineProperty(owner, name, {
    value: (...values: unknown[]) => change(method.apply(owner, values)),
    writable: true,
    configurable: true,
  })
}

function spare(promise: unknown): unknown {
  ;(promise as Promise<unknown>).catch(() => {})
  return promise
}

/** A stream that reads nothing ahead. */
export function streamOf(source: StreamSource): ReadableStream<Uint8Array> {
  let pieces: AsyncIterator<Uint8Array | string> | null = null
  const stream = new ReadableStream<Uint8Array>(
    {
      type: 'bytes',
      async pull(controller) {
        pieces ??= piecesOf(source.begin())
        for (;;) {
          const item = await pieces.next()
          if (item.done === true) {
            controller.close()
            // A reader that brought its own buffer waits for an answer all the same.
            controller.byobRequest?.respond(0)
            return
          }
          const piece = toBytes(item.value)
          if (piece.length === 0) continue
          // What is enqueued is taken away from whoever had it.
          controller.enqueue(piece.slice())
          return
        }
      },
      async cancel() {
        pieces ??= piecesOf(source.begin())
        await pieces.return?.()
      },
    },
    { highWaterMark: 0 },
  )
  return spareReads(stream)
}

export function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  return value instanceof ReadableStream
}

/**
 * Whether it was read from or canceled; the standard shows that to nobody, this library in a field.
 */
export function isDisturbed(stream: ReadableStream<Uint8Array>): boolean {
  return (stream as unknown as { readonly _disturbed: boolean })._disturbed
}

/** Keeps everybody else from reading it. */
export function lockStream(stream: ReadableStream<Uint8Array>): void {
  stream.getReader()
}

export function teeStream(
  stream: ReadableStream<Uint8Array>,
): [ReadableStream<Uint8Array>, ReadableStream<Uint8Array>] {
  return stream.tee()
}
