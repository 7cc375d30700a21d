/**
 * The head of a response, and how its content is framed, as a client reads them (RFC 9112 §4,
 * §6.3).
 */
import { CHUNKED } from './framing.ts'
import { type FieldMap, listMembers, parseField, splitHead } from './header-fields.ts'

export interface ResponseHead {
  readonly status: number
  readonly reason: string
  readonly fields: FieldMap
}

/** Content that goes on until the server ends the connection. */
export const UNTIL_END = -2

/** RFC 9112 §4: the phrase is of blanks, visible characters and octets beyond ASCII. */
const STATUS_LINE = /^HTTP\/1\.[0-9] ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const CONTENT_LENGTH = /^[0-9]{1,15}$/

/** Reads a head without its final empty line; the problem in words when it is none. */
export function parseResponseHead(text: string): ResponseHead | string {
  const [statusLine = '', ...lines] = splitHead(text)
  const match = STATUS_LINE.exec(statusLine)
  if (match === null) return 'what answers does not speak HTTP/1.1'
  const fields = new Map<string, string[]>()
  for (const line of lines) {
    const problem = parseField(line, fields)
    if (problem !== null) return problem
  }
  return { status: Number(match[1]), reason: match[2] ?? '', fields }
}

/**
 * Bytes of content; CHUNKED, UNTIL_END, or null when there is none by definition; the problem in
 * words.
 */
export function frameContent(head: ResponseHead, method: string): number | null | string {
  const { fields, status } = head
  if (method === 'HEAD' || status === 204 || status === 304) return null
  const lengths = fields.get('content-length')
  if (fields.has('transfer-encoding')) {
    // RFC 9112 §6.3: both together "ought to be handled as an error".
    if (lengths !== undefined) return 'both Transfer-Encoding and Content-Length are given'
    const codings = listMembers(fields, 'transfer-encoding')
    return codings.length === 1 && codings[0] === 'chunked'
      ? CHUNKED
      : 'chunked is the only transfer coding known'
  }
  if (lengths === undefined) return UNTIL_END
  const [length] = lengths
  if (lengths.length !== 1 || !CONTENT_LENGTH.test(length!)) {
    return 'Content-Length is not one decimal number'
  }
  return Number(length)
}
