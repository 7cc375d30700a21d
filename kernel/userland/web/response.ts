/** Response (Fetch §5.5). */
import { Body, type BodyInit, type Content, readBodyInit } from './body.ts'
import { Headers, type HeadersInit } from './headers.ts'
import type { Upgrade } from './upgrade.ts'
import { URL } from './url.ts'

export interface ResponseInit {
  readonly status?: number
  readonly statusText?: string
  readonly headers?: HeadersInit | null
  /** An end of a WebSocketPair that takes the connection over: with status 101, and only then. */
  readonly webSocket?: Upgrade | null
}

const SWITCHING_PROTOCOLS = 101

/** What `fetch` knows of a response beyond its content. */
export interface ReceivedResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  readonly url: string
  readonly redirected: boolean
}

const REDIRECT_STATUSES = [301, 302, 303, 307, 308]
/** RFC 9110 §6.4.1: what answers with these never has content. */
export const NULL_BODY_STATUSES = [204, 205, 304]
const REASON_PHRASE = /^[\t \x21-\x7e\x80-\xff]*$/

export class Response extends Body {
  readonly #statusCode: number
  #reason: string
  readonly #fields: Headers
  readonly #webSocket: Upgrade | null
  #address = ''
  #isRedirected = false

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    const { content, contentType } = readBodyInit(body)
    super(content)
    const { status = 200, statusText = '', headers, webSocket = null } = init
    if (webSocket !== null ? status !== SWITCHING_PROTOCOLS : status === SWITCHING_PROTOCOLS) {
      throw new RangeError('Cannot make Response: status 101 and webSocket belong together')
    }
    if (webSocket === null && !(status >= 200 && status <= 599)) {
      throw new RangeError(`Cannot make Response: status ${status} is not within 200 to 599`)
    }
    if (content !== null && (webSocket !== null || NULL_BODY_STATUSES.includes(status))) {
      throw new TypeError(`Cannot make Response: status ${status} has no body`)
    }
    if (!REASON_PHRASE.test(statusText)) {
      throw new TypeError('Cannot make Response: statusText holds characters it must not')
    }
    this.#statusCode = Math.trunc(status)
    this.#reason = `${statusText}`
    this.#fields = new Headers(headers)
    this.#webSocket = webSocket
    if (contentType !== null && !this.#fields.has('content-type')) {
      this.#fields.set('content-type', contentType)
    }
  }

  static json(data: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('Cannot make Response: the value is not JSON')
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(text, { ...pick(init), headers })
  }

  static redirect(url: string | URL, status = 302): Response {
    if (!REDIRECT_STATUSES.includes(status)) {
      throw new RangeError(`Cannot redirect with status ${status}`)
    }
    return new Response(null, { status, headers: { location: new URL(url).href } })
  }

  /** For `fetch` and `clone`: a response as a server gave it. */
  static received(content: Content | null, it: ReceivedResponse): Response {
    const response = new Response(content, { status: it.status, headers: it.headers })
    response.#reason = it.statusText
    response.#address = it.url
    response.#isRedirected = it.redirected
    return response
  }

  get status(): number {
    return this.#statusCode
  }

  get statusText(): string {
    return this.#reason
  }

  get ok(): boolean {
    return this.#statusCode >= 200 && this.#statusCode < 300
  }

  get headers(): Headers {
    return this.#fields
  }

  /** What takes the connection over. */
  get webSocket(): Upgrade | null {
    return this.#webSocket
  }

  get redirected(): boolean {
    return this.#isRedirected
  }

  get type(): 'default' {
    return 'default'
  }

  /** Where `fetch` had it from; empty for one that was made here. */
  get url(): string {
    return this.#address
  }

  /** Throws TypeError when the body is a stream. */
  clone(): Response {
    const content = this.shareContent()
    const { status, statusText, headers, url, redirected } = this
    return Response.received(content, { status, statusText, headers, url, redirected })
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }
}

/** Prototype getters of an `init` that is a Response count too, so no spread. */
function pick(init: ResponseInit): { status: number; statusText: string } {
  return { status: init.status ?? 200, statusText: init.statusText ?? '' }
}
