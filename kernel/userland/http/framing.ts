/** Where a request's content ends and whether the connection lives on (RFC 9112 §6, §9.3). */
import { listMembers } from './header-fields.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { RequestHead } from './request-head.ts'

export interface Framing {
  /** Bytes of content; 0 with `hasContent` false when the request has none; -1 = chunked. */
  readonly contentLength: number
  readonly hasContent: boolean
  readonly expectsContinue: boolean
  readonly keepAlive: boolean
}

export const CHUNKED = -1

/** 15 digits stay below 2^53. */
const CONTENT_LENGTH = /^[0-9]+$/
const CONTENT_LENGTH_DIGITS = 15

export function frameRequest(head: RequestHead): Framing | Refusal {
  const lengths = head.fields.get('content-length')
  const codings = head.fields.get('transfer-encoding')
  let contentLength = 0
  if (codings !== undefined) {
    const problem = checkTransferCodings(head, lengths !== undefined)
    if (problem !== null) return problem
    contentLength = CHUNKED
  } else if (lengths !== undefined) {
    const text = lengths[0]!
    if (lengths.length !== 1 || !CONTENT_LENGTH.test(text)) {
      return refuse(400, 'Content-Length is not one decimal number')
    }
    if (text.length > CONTENT_LENGTH_DIGITS) return refuse(413, 'Content-Length is beyond reason')
    contentLength = Number(text)
  }
  const expectations = listMembers(head.fields, 'expect')
  if (expectations.some((expectation) => expectation !== '100-continue')) {
    return refuse(417, 'only the expectation 100-continue is known')
  }
  const connection = listMembers(head.fields, 'connection')
  return {
    contentLength,
    hasContent: codings !== undefined || lengths !== undefined,
    // RFC 9110 §10.1.1: ignored in HTTP/1.0 requests, and meaningless without content.
    expectsContinue: expectations.length > 0 && head.minorVersion === 1 && contentLength !== 0,
    keepAlive:
      !connection.includes('close') &&
      (head.minorVersion === 1 || connection.includes('keep-alive')),
  }
}

function checkTransferCodings(head: RequestHead, hasLength: boolean): Refusal | null {
  // RFC 9112 §6.1: both fields together, or a coding in HTTP/1.0, may be an attempt at request
  // smuggling.
  if (hasLength) return refuse(400, 'both Transfer-Encoding and Content-Length are given')
  if (head.minorVersion === 0) return refuse(400, 'HTTP/1.0 knows no Transfer-Encoding')
  const members = listMembers(head.fields, 'transfer-encoding')
  if (members.length === 0) return refuse(400, 'Transfer-Encoding is empty')
  // RFC 9112 §6.3: "the message body length cannot be determined reliably; the server MUST respond
  // with the 400".
  if (members[members.length - 1] !== 'chunked') {
    return refuse(400, 'chunked is not the last transfer coding')
  }
  if (members.some((member) => member !== 'chunked')) {
    return refuse(501, 'chunked is the only transfer coding known')
  }
  return members.length === 1 ? null : refuse(400, 'chunked is applied twice')
}
