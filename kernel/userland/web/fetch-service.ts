/**
 * What `export default { fetch }` becomes: the handler, what its connections share, and checks of
 * both.
 */
import type { Clock } from '../http/connection-table.ts'
import { decodeOctets } from '../http/decode-octets.ts'
import { HeadCache, type ReadHead } from '../http/head-cache.ts'
import type { HeadLength } from '../http/head-collector.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'
import { URL } from './url.ts'

export type Handler = (request: Request) => Response | Promise<Response>

/** The default export of an app that is served over HTTP. */
export interface FetchApp {
  /** 80 when absent. */
  readonly port?: number
  fetch(request: Request): Response | Promise<Response>
  /** Answers `/healthz`: see health.ts. */
  health?(): unknown
}

export const DEFAULT_PORT = 80

export interface FetchServiceOptions {
  readonly handler: Handler
  readonly clock: Clock
  readonly decodeText: (bytes: Uint8Array, offset: number, lengthBytes: number) => string
  readonly headLength: HeadLength
  /** One entry in the log. */
  readonly report: (...values: unknown[]) => void
  /** A line for who looks for the reason of a refusal. */
  readonly debug?: (message: string) => void
}

/** Throws TypeError or RangeError when `value` is no such app. */
export function readFetchApp(value: unknown): {
  port: number
  handler: Handler
  health: (() => unknown) | null
} {
  const app = value as FetchApp | null | undefined
  if (typeof app?.fetch !== 'function') {
    throw new TypeError('Cannot serve the app: its default export has no function `fetch`')
  }
  // itty-router's object has a function for every name: it registers routes.
  const port = typeof app.port === 'function' ? DEFAULT_PORT : (app.port ?? DEFAULT_PORT)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RangeError(`Cannot serve the app: port ${port} is not within 1 to 65535`)
  }
  // Not `typeof app.health`, for the same reason.
  const hasHealth = 'health' in app
  if (hasHealth && typeof app.health !== 'function') {
    throw new TypeError('Cannot serve the app: `health` of its default export is no function')
  }
  const health = hasHealth ? () => app.health!() : null
  return { port, handler: (request) => app.fetch(request), health }
}

export class FetchService {
  readonly handler: Handler
  readonly clock: Clock
  readonly report: (...values: unknown[]) => void
  readonly debug: (message: string) => void
  readonly headLength: HeadLength
  private readonly decodeText: FetchServiceOptions['decodeText']
  private readonly heads = new HeadCache()
  private readonly urls = new WeakMap<RequestHead, string>()

  constructor(options: FetchServiceOptions) {
    this.handler = options.handler
    this.clock = options.clock
    this.report = options.report
    this.debug = options.debug ?? (() => {})
    this.decodeText = options.decodeText
    this.headLength = options.headLength
  }

  /** ASCII, as nearly all is, by the native. */
  readHead(bytes: Uint8Array, offset: number, length: number): ReadHead {
    let text = this.decodeText(bytes, offset, length)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with control characters.
    if (!/^[\x00-\x7f]*$/.test(text)) {
      text = decodeOctets(bytes, offset, offset + length)
    }
    return this.heads.read(text)
  }

  /** The URL of a request, or null when its parts make none. */
  urlOf(head: RequestHead): string | null {
    const known = this.urls.get(head)
    if (known !== undefined) return known
    // HTTP/1.0 knows no Host.
    const authority = head.fields.get('host')?.[0] ?? 'localhost'
    // RFC 9112 §3.2.4: the asterisk form means the server as a whole.
    const path = head.path === '*' ? '/' : head.path
    if (!/^[^/?#@\\]+$/.test(authority)) return null
    const text = `http://${authority}${path}${head.query}`
    if (!URL.canParse(text)) return null
    const url = new URL(text).href
    this.urls.set(head, url)
    return url
  }
}
