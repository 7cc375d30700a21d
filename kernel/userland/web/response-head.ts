/** How a Response is framed on the wire, and its head as bytes (RFC 9112 §4, §6). */
import { dateField } from '../http/date-field.ts'
import { STATUS_TEXT } from '../http/status-text.ts'
import { encodeUtf8 } from './host-globals.ts'
import { NULL_BODY_STATUSES, type Response } from './response.ts'

/** Fields that belong to the connection and are the server's own business. */
const CONNECTION_FIELDS = [
  ...['connection', 'keep-alive', 'transfer-encoding', 'upgrade'],
  ...['sec-websocket-accept', 'sec-websocket-extensions'],
]

export interface ResponseFraming {
  /** Bytes of content; -1 = chunked, -2 = until the connection ends, null = none is announced. */
  readonly announced: number | null
  /** False for HEAD and for statuses without content. */
  readonly hasContent: boolean
  readonly keepAlive: boolean
}

export const CHUNKED = -1
export const UNTIL_CLOSE = -2

/**
 * `length`: bytes of the content, null when there is none, -1 when it is not known before it has
 * been made.
 */
export function frameResponse(
  response: Response,
  length: number | null,
  request: { readonly method: string; readonly minorVersion: 0 | 1 },
  mayKeepAlive: boolean,
): ResponseFraming {
  const { headers, status } = response
  const isHead = request.method === 'HEAD'
  const wantsClose = /\bclose\b/i.test(headers.get('connection') ?? '')
  const keepAlive = mayKeepAlive && !wantsClose
  const given = readLength(headers.get('content-length'))
  if (NULL_BODY_STATUSES.includes(status)) {
    // RFC 9110 §8.6: 204 has no Content-Length; §15.3.6: 205 says 0; with 304 it tells of the
    // content not sent.
    const announced = status === 205 ? 0 : status === 304 ? given : null
    return { announced, hasContent: false, keepAlive }
  }
  if (length === null) return { announced: isHead ? given : 0, hasContent: false, keepAlive }
  if (length >= 0) return { announced: length, hasContent: !isHead, keepAlive }
  if (given !== null) return { announced: given, hasContent: !isHead, keepAlive }
  // RFC 9112 §6.1: no Transfer-Encoding to a client of HTTP/1.0.
  if (request.minorVersion === 1) return { announced: CHUNKED, hasContent: !isHead, keepAlive }
  return { announced: UNTIL_CLOSE, hasContent: !isHead, keepAlive: keepAlive && isHead }
}

function readLength(text: string | null): number | null {
  return text !== null && /^[0-9]{1,15}$/.test(text) ? Number(text) : null
}

/**
 * `more`: lines that only the server may add. The app's own Date stands; else ours does, when the
 * machine knows the date (RFC 9110 §6.6.1).
 */
export function encodeHead(
  response: Response,
  { announced, keepAlive }: ResponseFraming,
  minorVersion: 0 | 1,
  more = '',
): Uint8Array {
  const { status, statusText } = response
  const reason = statusText === '' ? (STATUS_TEXT[status] ?? '') : statusText
  let text = `HTTP/1.1 ${status} ${reason}\r\n`
  for (const [name, value] of response.headers) {
    if (name === 'content-length' || CONNECTION_FIELDS.includes(name)) continue
    text += `${name}: ${value}\r\n`
  }
  if (!response.headers.has('date')) text += dateField()
  if (announced === CHUNKED) text += 'transfer-encoding: chunked\r\n'
  else if (announced !== null && announced >= 0) text += `content-length: ${announced}\r\n`
  // RFC 9112 §9.3: HTTP/1.1 lives on unless told otherwise, HTTP/1.0 ends unless told otherwise.
  if (!keepAlive) text += 'connection: close\r\n'
  else if (minorVersion === 0) text += 'connection: keep-alive\r\n'
  return encodeOctets(`${text}${more}\r\n`)
}

/** Characters up to U+00FF are one octet each (RFC 9110 §5.5 calls those beyond ASCII opaque). */
export function encodeOctets(text: string): Uint8Array {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with control characters.
  if (/^[\x00-\x7f]*$/.test(text)) return encodeUtf8(text)
  const bytes = new Uint8Array(text.length)
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}
