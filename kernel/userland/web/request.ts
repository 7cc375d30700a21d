/** Request (Fetch §5.4): what a server is handed, and what tests of apps make themselves. */
import type { AbortSignal } from '../../abort-signal.ts'
import { AbortController } from './abort.ts'
import { Body, type BodyInit, type Content, readBodyInit } from './body.ts'
import { Headers, type HeadersInit } from './headers.ts'
import { URL } from './url.ts'

export interface RequestInit {
  readonly method?: string
  readonly headers?: HeadersInit | null
  readonly body?: BodyInit | null
  readonly signal?: AbortSignal | null
  /** What `fetch` does when the server names another URL. */
  readonly redirect?: RequestRedirect
  /** Other environments ask for it with a stream as body; here it changes nothing. */
  readonly duplex?: 'half'
}

export type RequestRedirect = 'follow' | 'error' | 'manual'

interface Parts {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly content: Content | null
  /** Made when first asked for. */
  signal: AbortSignal | (() => AbortSignal)
  readonly redirect: RequestRedirect
}

/** The parts of a request as a server has read them, or of one that is cloned. */
export class ReceivedRequest implements Parts {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly content: Content | null
  signal: AbortSignal | (() => AbortSignal)
  readonly redirect: RequestRedirect

  constructor(
    method: string,
    url: string,
    headers: Headers,
    content: Content | null,
    signal: () => AbortSignal,
    redirect: RequestRedirect = 'follow',
  ) {
    this.method = method
    this.url = url
    this.headers = headers
    this.content = content
    this.signal = signal
    this.redirect = redirect
  }
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FORBIDDEN_METHODS = ['CONNECT', 'TRACE', 'TRACK']
/** RFC 9110 methods are upper case; these six are forgiven otherwise. */
const NORMALIZED_METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT']

export class Request extends Body {
  readonly #parts: Parts

  constructor(input: string | URL | Request | ReceivedRequest, init: RequestInit = {}) {
    const parts = input instanceof ReceivedRequest ? input : makeParts(input, init)
    super(parts.content)
    this.#parts = parts
  }

  get method(): string {
    return this.#parts.method
  }

  get url(): string {
    return this.#parts.url
  }

  get headers(): Headers {
    return this.#parts.headers
  }

  /** Aborted when the peer goes away before it has the response. */
  get signal(): AbortSignal {
    const parts = this.#parts
    if (typeof parts.signal === 'function') parts.signal = parts.signal()
    return parts.signal
  }

  get redirect(): RequestRedirect {
    return this.#parts.redirect
  }

  /** Throws TypeError when the body is a stream. */
  clone(): Request {
    const content = this.shareContent()
    const { method, url, redirect } = this
    // Not by an init, which permits no body with GET: a client may have sent one all the same.
    const headers = new Headers(this.headers)
    return new Request(
      new ReceivedRequest(method, url, headers, content, () => this.signal, redirect),
    )
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }
}

function makeParts(input: string | URL | Request, init: RequestInit): Parts {
  const source = input instanceof Request ? input : null
  const method = readMethod(init.method ?? source?.method ?? 'GET')
  const hasBody = init.body !== undefined && init.body !== null
  if (hasBody && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`Cannot make Request: ${method} has no body`)
  }
  const headers = new Headers(init.headers ?? source?.headers)
  const { content, contentType } = readBodyInit(init.body)
  if (contentType !== null && !headers.has('content-type')) headers.set('content-type', contentType)
  return {
    method,
    url: source === null ? withoutCredentials(new URL(`${input}`)) : source.url,
    headers,
    content: source !== null && !hasBody ? source.takeContent() : content,
    signal: init.signal ?? source?.signal ?? (() => new AbortController().signal),
    redirect: readRedirect(init.redirect ?? source?.redirect ?? 'follow'),
  }
}

function withoutCredentials(url: URL): string {
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('Cannot make Request: the URL holds credentials')
  }
  return url.href
}

function readMethod(method: string): string {
  const text = `${method}`
  const upper = text.toUpperCase()
  if (!TOKEN.test(text) || FORBIDDEN_METHODS.includes(upper)) {
    throw new TypeError(`Cannot make Request: '${text}' is no method for it`)
  }
  return NORMALIZED_METHODS.includes(upper) ? upper : text
}

function readRedirect(mode: RequestRedirect): RequestRedirect {
  if (mode === 'follow' || mode === 'error' || mode === 'manual') return mode
  throw new TypeError(`Cannot make Request: redirect is '${mode}', not follow, error or manual`)
}
