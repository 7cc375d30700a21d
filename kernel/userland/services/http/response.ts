/** Response heads and small responses as bytes, and the source of a large one (RFC 9112 §4). */

import { dateField } from '../../http/date-field.ts'
import type { Refusal } from '../../http/refusal.ts'
import { STATUS_TEXT } from '../../http/status-text.ts'
import type { Pattern } from '../pattern.ts'
import type { AppSystem } from '../system.ts'

export interface Response {
  readonly status: number
  readonly contentType: string
  readonly contentLength: number
  /** Small content, to be sent with the head; null when the content is the pattern. */
  readonly content: Uint8Array | null
  /** Further header fields, each with its line end; at least what caches may do. */
  readonly fields: string
}

/**
 * What caches may do with a response: keep nothing, or keep it and ask each time whether it still
 * holds.
 */
const NOT_STORED = 'Cache-Control: no-store\r\n'
export const STORED = 'Cache-Control: no-cache\r\n'

export const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

export function textResponse(
  system: AppSystem,
  status: number,
  contentType: string,
  text: string,
): Response {
  const content = system.encodeText(text)
  return { status, contentType, contentLength: content.length, content, fields: NOT_STORED }
}

export function patternResponse(contentLength: number): Response {
  const contentType = 'application/octet-stream'
  return { status: 200, contentType, contentLength, content: null, fields: NOT_STORED }
}

export function refusalResponse(system: AppSystem, refusal: Refusal): Response {
  const text = `${refusal.status} ${STATUS_TEXT[refusal.status]}: ${refusal.reason}\n`
  return {
    ...textResponse(system, refusal.status, 'text/plain; charset=utf-8', text),
    fields: refusal.allow === null ? NOT_STORED : `Allow: ${refusal.allow}\r\n${NOT_STORED}`,
  }
}

/**
 * The head that was made last of a response whose content is the pattern: the same is asked for
 * again and again.
 */
let lastHead: Uint8Array | null = null
let lastResponse: Response | null = null
let lastKeepAlive = false
let lastDate = ''

/** The head, and the content too when it is small and `withContent`. Nobody writes to it. */
export function encodeResponse(
  system: AppSystem,
  response: Response,
  keepAlive: boolean,
  withContent: boolean,
): Uint8Array {
  const date = dateField()
  if (response.content !== null) {
    const head = encodeHead(system, response, keepAlive, date)
    return withContent ? joined(head, response.content, response.content.length) : head
  }
  if (
    lastHead === null ||
    response !== lastResponse ||
    keepAlive !== lastKeepAlive ||
    date !== lastDate
  ) {
    lastHead = encodeHead(system, response, keepAlive, date)
    lastResponse = response
    lastKeepAlive = keepAlive
    lastDate = date
  }
  return lastHead
}

let joinedHead: Uint8Array | null = null
let joinedBytes: Uint8Array | null = null

/** The head followed by the `contentLength` first bytes of the pattern, which always go with it. */
export function withPattern(head: Uint8Array, pattern: Pattern, contentLength: number): Uint8Array {
  if (joinedBytes === null || joinedHead !== head) {
    pattern.prepare(0, contentLength)
    joinedBytes = joined(head, pattern.buffer.bytes, contentLength)
    joinedHead = head
  }
  return joinedBytes
}

function joined(head: Uint8Array, content: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(head.length + length)
  bytes.set(head)
  bytes.set(content.subarray(0, length), head.length)
  return bytes
}

function encodeHead(
  system: AppSystem,
  response: Response,
  keepAlive: boolean,
  date: string,
): Uint8Array {
  // "keep-alive" is said for clients of HTTP/1.0, which take silence as "close" (RFC 9112 §9.3).
  return system.encodeText(
    `HTTP/1.1 ${response.status} ${STATUS_TEXT[response.status]}\r\n` +
      `Content-Type: ${response.contentType}\r\n` +
      `Content-Length: ${response.contentLength}\r\n` +
      `${date}` +
      `${response.fields}Connection: ${keepAlive ? 'keep-alive' : 'close'}\r\n\r\n`,
  )
}
