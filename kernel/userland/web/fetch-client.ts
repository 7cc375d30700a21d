/** fetch over plain http, without TLS (Fetch §4, §5.6). */
import type { AbortSignal } from '../../abort-signal.ts'
import type { FieldMap } from '../http/header-fields.ts'
import { type Content, isWhole } from './body.ts'
import { ClientExchange, type ClientStream } from './client-exchange.ts'
import { contentBudget, type Heap } from './content-budget.ts'
import { Headers } from './headers.ts'
import { decodeUtf8 } from './host-globals.ts'
import { openPieces } from './piece-source.ts'
import { Request, type RequestInit } from './request.ts'
import { NULL_BODY_STATUSES, Response } from './response.ts'
import { encodeOctets } from './response-head.ts'
import { URL } from './url.ts'

export type Connect = (to: {
  hostname: string
  port: number
  noDelay?: boolean
  signal?: AbortSignal
}) => Promise<ClientStream>

const REDIRECT_STATUSES = [301, 302, 303, 307, 308]
/** Fetch §4.4. */
const REDIRECT_LIMIT = 20

/**
 * `fetch` over connections that `connect` makes; responses that are read as a whole find their
 * memory in `heap`.
 */
export function createFetch(connect: Connect, heap?: Heap) {
  if (heap !== undefined) contentBudget.useHeap(heap)
  return async function fetch(
    input: string | URL | Request,
    init?: RequestInit,
  ): Promise<Response> {
    const request = new Request(input, init)
    const content = request.takeContent()
    let isSent = false
    try {
      return await follow(connect, request, content, () => {
        isSent = true
      })
    } catch (error) {
      // From there on the exchange tells it.
      if (!isSent && content !== null && !isWhole(content)) openPieces(content).cancel(error)
      throw error
    }
  }
}

/** `onSend` is called before anything of the content is asked for. */
async function follow(
  connect: Connect,
  request: Request,
  content: Content | null,
  onSend: () => void,
): Promise<Response> {
  const { redirect, signal } = request
  let { method } = request
  let headers = request.headers
  let body = content
  let url = new URL(request.url)
  for (let redirects = 0; ; redirects++) {
    signal.throwIfAborted()
    const exchange = await open(connect, url, signal)
    const outgoing = {
      method,
      target: `${url.pathname}${url.search}`,
      host: url.host,
      fields: headers,
      content: body,
    }
    endWith(signal, exchange)
    onSend()
    const incoming = await exchange.run(outgoing).catch((error) => {
      exchange.cancel(error)
      return fail(url, error, signal)
    })
    const { status, reason, fields } = incoming
    const location = locationOf(fields)
    const isRedirect = REDIRECT_STATUSES.includes(status) && location !== undefined
    if (!isRedirect || redirect === 'manual') {
      const hasBody = incoming.content !== null && !NULL_BODY_STATUSES.includes(status)
      // 205 has none (RFC 9110 §15.3.6), whatever the server sends: nobody will read that.
      if (!hasBody && incoming.content !== null) exchange.cancel(new Error('there is no body'))
      return Response.received(
        hasBody ? readable(url, incoming.content!, signal, exchange) : null,
        {
          status,
          statusText: reason,
          headers: Headers.of(fields),
          url: url.href.replace(/#.*/, ''),
          redirected: redirects > 0,
        },
      )
    }
    exchange.cancel(new Error('redirected'))
    if (redirect === 'error') fail(url, new Error(`it redirects to ${location}`), signal)
    if (redirects === REDIRECT_LIMIT) fail(url, new Error('it redirects without end'), signal)
    if (!URL.canParse(location, url.href)) {
      fail(url, new Error(`it redirects to ${location}, which is no http URL`), signal)
    }
    const next = new URL(location, url.href)
    if (status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST') {
      method = 'GET'
      body = null
      headers = without(headers, /^content-/)
    } else if (body !== null && !isWhole(body)) {
      fail(url, new Error('it redirects, and the body was a stream'), signal)
    }
    if (next.origin !== url.origin)
      headers = without(headers, /^(authorization|cookie|proxy-authorization)$/)
    url = next
  }
}

/** Servers send it as UTF-8 where it is not ASCII, and a URL is made of that. */
function locationOf(fields: FieldMap): string | undefined {
  const octets = fields.get('location')?.[0]
  if (octets === undefined) return undefined
  return decodeUtf8(encodeOctets(octets), true)
}

async function open(connect: Connect, url: URL, signal: AbortSignal): Promise<ClientExchange> {
  if (url.protocol !== 'http:') {
    fail(url, new Error('there is no TLS here; use http:'), signal)
  }
  const connecting = connect({
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    noDelay: true,
    signal,
  })
  return new Promise<ClientStream>((resolve, reject) => {
    // Whether or not `connect` knows of signals.
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    connecting.then(
      (stream) => {
        signal.removeEventListener('abort', abort)
        if (signal.aborted) stream.abort()
        else resolve(stream)
      },
      (error) => {
        signal.removeEventListener('abort', abort)
        reject(error)
      },
    )
  }).then(
    (stream) => new ClientExchange(stream),
    (error) => fail(url, error, signal),
  )
}

/** Ends `exchange` when the signal fires; a signal that outlives it keeps nothing of it. */
function endWith(signal: AbortSignal, exchange: ClientExchange): void {
  const abort = () => exchange.cancel(signal.reason)
  exchange.onOver = () => signal.removeEventListener('abort', abort)
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
}

/** The content with errors as fetch gives them; who leaves it early ends the connection. */
function readable(
  url: URL,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  exchange: ClientExchange,
): AsyncIterableIterator<Uint8Array, undefined> {
  const pieces = content[Symbol.asyncIterator]()
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () => pieces.next().catch((error: unknown) => fail(url, error, signal)),
    async return() {
      exchange.cancel(new TypeError('the response was not read to its end'))
      return { done: true, value: undefined }
    },
  }
}

/**
 * Fetch rejects with TypeError for all that the network does, with the signal's reason when that
 * fired.
 */
function fail(url: URL, error: unknown, signal: AbortSignal): never {
  if (signal.aborted) throw signal.reason
  const reason = error instanceof Error ? error.message : String(error)
  throw new TypeError(`Cannot fetch ${url.href}: ${reason}`, { cause: error })
}

function without(headers: Headers, names: RegExp): Headers {
  const result = new Headers()
  for (const [name, value] of headers) if (!names.test(name)) result.append(name, value)
  return result
}
