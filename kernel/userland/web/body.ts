/** What Request and Response share: content that is read once, whole or in pieces (Fetch §5.3). */
import type { ReadableStream } from 'web-streams-polyfill'
import type { Blob } from './blob.ts'
import { isDisturbed, isStream, lockStream, streamOf, teeStream } from './body-stream.ts'
import { convertContent } from './collect-content.ts'
import { type Content, isWhole } from './content.ts'
import { parseForm, readFormInit, toBlob } from './form-content.ts'
import type { FormData } from './form-data.ts'
import type { Headers } from './headers.ts'
import { decodeUtf8 } from './host-globals.ts'
import { teeContent } from './tee-content.ts'
import { URLSearchParams } from './url-search-params.ts'

export { type Content, isWhole, toBytes } from './content.ts'

export type BodyInit =
  | string
  | ArrayBuffer
  | ArrayBufferView
  | URLSearchParams
  | FormData
  | Blob
  | AsyncIterable<Uint8Array | string>

type Stream = ReadableStream<Uint8Array>

/**
 * Where a stream holds the body that made it: such a stream is its body's content, without being
 * read. No WeakMap knows that, for the engine's holds on to every value that leads back to its key.
 */
const OWNER = /* @__PURE__ */ Symbol('owner')

function ownerOf(stream: Stream): Body | undefined {
  return (stream as { [OWNER]?: Body })[OWNER]
}

/** Its fields are private by name: what an object's own properties are is what routers copy. */
export abstract class Body {
  #content: Content | null
  #isUsed = false
  #stream: Stream | null = null

  constructor(content: Content | null) {
    this.#content = content
  }

  abstract readonly headers: Headers

  get bodyUsed(): boolean {
    if (this.#isUsed || !isStream(this.#content)) return this.#isUsed
    return ownerOf(this.#content)?.bodyUsed ?? isDisturbed(this.#content)
  }

  /** The content as a stream; null when there is none. */
  get body(): Stream | null {
    const content = this.#content
    if (content === null) return null
    if (isStream(content)) return content
    if (this.#stream === null) {
      this.#stream = streamOf({ begin: () => this.#begin() })
      Object.defineProperty(this.#stream, OWNER, { value: this })
      // The content went another way: nobody else may read it here.
      if (this.#isUsed) lockStream(this.#stream)
    }
    return this.#stream
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.convert((bytes) => bytes.buffer as ArrayBuffer)
  }

  blob(): Promise<Blob> {
    return this.convert((bytes) => toBlob(bytes, this.headers.get('content-type') ?? ''))
  }

  bytes(): Promise<Uint8Array> {
    return this.convert((bytes) => bytes)
  }

  /** What a form has sent, by either of its encodings. */
  formData(): Promise<FormData> {
    return this.convert((bytes) => parseForm(bytes, this.headers.get('content-type') ?? ''))
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
    const content = this.#content
    if (content === null) return null
    const stream = isStream(content) ? content : this.#stream
    if (this.bodyUsed || stream?.locked === true) {
      throw new TypeError('Body is unusable: it has been read already')
    }
    if (isStream(content)) {
      this.#isUsed = true
      return ownerOf(content)?.takeContent() ?? content
    }
    if (stream !== null) lockStream(stream)
    return this.#begin()
  }

  /** For clone: one of two copies of the content, the other of which stays here. */
  protected shareContent(): Content | null {
    const whole = this.#content
    if (whole !== null && isWhole(whole) && !this.#isUsed && this.#stream?.locked !== true) {
      return whole
    }
    const content = this.takeContent()
    if (content === null || isWhole(content)) return this.#keep(content, content)
    const [mine, copy] = isStream(content) ? teeStream(content) : teeContent(content)
    return this.#keep(mine, copy)
  }

  #keep(content: Content | null, copy: Content | null): Content | null {
    this.#content = content
    this.#isUsed = false
    this.#stream = null
    return copy
  }

  #begin(): Content {
    this.#isUsed = true
    return this.#content!
  }

  /** Reads everything into an array of the caller's own. */
  private convert<Result>(
    change: (bytes: Uint8Array) => Result | Promise<Result>,
  ): Promise<Result> {
    const result = (async () => convertContent(this.takeContent(), change))()
    // A peer that goes away must not end the guest through a promise that the app does not wait
    // for.
    result.catch(() => {})
    return result
  }
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
    if (isStream(body) && (body.locked || isDisturbed(body))) {
      throw new TypeError('Cannot make a body of a stream that has been read or is being read')
    }
    if (Symbol.asyncIterator in body) return { content: body, contentType: null }
    if (body instanceof URLSearchParams) {
      const contentType = 'application/x-www-form-urlencoded;charset=UTF-8'
      return { content: body.toString(), contentType }
    }
    const form = readFormInit(body)
    if (form !== null) return form
  }
  return { content: `${body}`, contentType: 'text/plain;charset=UTF-8' }
}
