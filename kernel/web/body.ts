/** What Request and Response share: content that is read once, whole or in pieces (Fetch §5.3). */
import { ContentError } from './content-error.ts'
import { decodeUtf8, encodeUtf8 } from './host-globals.ts'
import { URLSearchParams } from './url-search-params.ts'

/** Streams longer than this can only be read in pieces: the guest's memory is small. */
export const COLLECT_LIMIT_BYTES = 16 * 1024 * 1024

export type BodyInit =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | AsyncIterable<Uint8Array | string>

/** Content as it is kept: whole, or to be asked for. */
export type Content = Uint8Array | string | AsyncIterable<Uint8Array | string>

/** Its fields are private by name: what an object's own properties are is what routers copy. */
export abstract class Body implements BodyAccess {
  #content: Content | null
  #isUsed = false
  #stream: BodyStream | null = null

  constructor(content: Content | null) {
    this.#content = content
  }

  get bodyUsed(): boolean {
    return this.#isUsed
  }

  get wholeContent(): Uint8Array | string | null {
    const content = this.#content
    return content !== null && !this.#isUsed && isWhole(content) ? content : null
  }

  /** The content in pieces, by `for await`; null when there is none. */
  get body(): BodyStream | null {
    if (this.#content === null) return null
    if (this.#stream === null) this.#stream = new BodyStream(this)
    return this.#stream
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.convert((bytes) => bytes.buffer as ArrayBuffer)
  }

  bytes(): Promise<Uint8Array> {
    return this.convert((bytes) => bytes)
  }

  text(): Promise<string> {
    return this.convert((bytes) => decodeUtf8(bytes, false))
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in every other environment, the caller knows the shape.
  json(): Promise<any> {
    return this.convert((bytes) => JSON.parse(decodeUtf8(bytes, false)))
  }

  /** Hands the content over, once. Throws TypeError when it was used before. */
  takeContent(): Content | null {
    if (this.#isUsed) throw new TypeError('Body is unusable: it has been read already')
    this.#isUsed = this.#content !== null
    return this.#content
  }

  /** For clone: the content, which stays unused. Only what is here as a whole can be had twice. */
  protected shareContent(): Content | null {
    const content = this.#content
    if (this.#isUsed) throw new TypeError('Cannot clone: the body has been read already')
    if (content !== null && typeof content !== 'string' && !(content instanceof Uint8Array)) {
      throw new TypeError('Cannot clone: the body is a stream')
    }
    return content
  }

  /** Reads everything into an array of the caller's own. */
  private convert<Result>(change: (bytes: Uint8Array) => Result): Promise<Result> {
    const result = (async () => change(await collect(this.takeContent())))()
    // A peer that goes away must not end the guest through a promise that the app does not wait for.
    result.catch(() => {})
    return result
  }
}

interface BodyAccess {
  readonly bodyUsed: boolean
  /** The content when it is here as a whole and unread. */
  readonly wholeContent: Uint8Array | string | null
  takeContent(): Content | null
}

/** The content of a Request or Response in pieces. It can be iterated once, and be the body of another. */
export class BodyStream implements AsyncIterable<Uint8Array> {
  private readonly owner: BodyAccess

  constructor(owner: BodyAccess) {
    this.owner = owner
  }

  get locked(): boolean {
    return this.owner.bodyUsed
  }

  get whole(): Uint8Array | string | null {
    return this.owner.wholeContent
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    const content = this.owner.takeContent() ?? ''
    const source = isWhole(content) ? once(content) : content
    const pieces = source[Symbol.asyncIterator]()
    return {
      next() {
        const result = pieces
          .next()
          .then((item) =>
            item.done === true
              ? { done: true as const, value: undefined }
              : { done: false as const, value: toBytes(item.value) },
          )
        result.catch(() => {})
        return result
      },
      async return() {
        await pieces.return?.()
        return { done: true, value: undefined }
      },
    }
  }

  get [Symbol.toStringTag](): string {
    return 'BodyStream'
  }
}

async function* once(content: Uint8Array | string): AsyncGenerator<Uint8Array | string> {
  yield content
}

export function isWhole(content: Content): content is Uint8Array | string {
  return typeof content === 'string' || content instanceof Uint8Array
}

/** One piece as bytes; throws TypeError when it is neither bytes nor text. */
export function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  if (typeof piece === 'string') return encodeUtf8(piece)
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece)
  throw new TypeError('Cannot read the body: a piece is neither a Uint8Array nor a string')
}

async function collect(content: Content | null): Promise<Uint8Array> {
  if (content === null) return new Uint8Array(0)
  if (typeof content === 'string') return encodeUtf8(content)
  if (content instanceof Uint8Array) return content.slice()
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const item of content) {
    const piece = toBytes(item)
    length += piece.length
    if (length > COLLECT_LIMIT_BYTES) {
      throw new ContentError(413, `the content is longer than ${COLLECT_LIMIT_BYTES} bytes`)
    }
    pieces.push(piece)
  }
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

/** The content of a `body` argument and the Content-Type that it implies. */
export function readBodyInit(body: BodyInit | null | undefined): {
  content: Content | null
  contentType: string | null
} {
  if (body === null || body === undefined) return { content: null, contentType: null }
  if (typeof body === 'object') {
    // Bytes are taken as they are now: the caller may use its own on.
    if (ArrayBuffer.isView(body)) {
      const view = new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
      return { content: view.slice(), contentType: null }
    }
    if (body instanceof ArrayBuffer) {
      return { content: new Uint8Array(body.slice(0)), contentType: null }
    }
    // So that a response made of another one's body keeps its length.
    if (body instanceof BodyStream) return { content: body.whole ?? body, contentType: null }
    if (Symbol.asyncIterator in body) return { content: body, contentType: null }
    if (body instanceof URLSearchParams) {
      const contentType = 'application/x-www-form-urlencoded;charset=UTF-8'
      return { content: body.toString(), contentType }
    }
  }
  return { content: `${body}`, contentType: 'text/plain;charset=UTF-8' }
}
