/** The head of a request, strictly (RFC 9112 §3). */
import { addField, type FieldMap, splitHead, TOKEN } from './header-fields.ts'
import { readKnownField } from './known-lines.ts'
import { type Refusal, refuse } from './refusal.ts'

export interface RequestHead {
  readonly method: string
  /** Path of the target, query excluded; "*" for the asterisk form. */
  readonly path: string
  /** From "?" on, the fragment excluded; "" without. */
  readonly query: string
  /** 0 or 1: the minor version of HTTP/1. */
  readonly minorVersion: 0 | 1
  /** Host is that of the target, where that is in absolute form. */
  readonly fields: FieldMap
}

interface RequestLine extends Omit<RequestHead, 'fields'> {
  /** Host and port of a target in absolute form; else null. */
  readonly authority: string | null
}

export const FIELD_COUNT_LIMIT = 100

const VERSION = /^HTTP\/([0-9])\.([0-9])$/
const VISIBLE = /^[\x21-\x7e]+$/
const ABSOLUTE_FORM = /^http:\/\/([^/?#]+)/i
const SECURE_FORM = /^https:\/\//i
/**
 * RFC 9112 §3.2: uri-host [ ":" port ], of RFC 3986 §3.2.2; empty where the target has no
 * authority.
 */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[\w\-.~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?$/

/** The methods of IANA's registry: known, though a resource may not allow them. */
const KNOWN_METHODS =
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY ' +
  'ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF ' +
  'MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE ' +
  'UPDATEREDIRECTREF VERSION-CONTROL'
const METHODS: ReadonlySet<string> = new Set(KNOWN_METHODS.split(' '))

/** Reads a head without its final empty line; a Refusal when it must not be served. */
export function parseRequestHead(text: string): RequestHead | Refusal {
  const lines = splitHead(text)
  const requestLine = parseRequestLine(lines[0]!)
  if ('status' in requestLine) return requestLine
  if (lines.length - 1 > FIELD_COUNT_LIMIT) {
    return refuse(431, `more than ${FIELD_COUNT_LIMIT} header fields`)
  }
  const fields = new Map<string, string[]>()
  for (let index = 1; index < lines.length; index++) {
    const field = readKnownField(lines[index]!)
    if (typeof field === 'string') return refuse(400, field)
    addField(field, fields)
  }
  const hosts = fields.get('host')
  // RFC 9112 §3.2: 400 for an HTTP/1.1 request without Host and for any with more than one.
  if (hosts === undefined ? requestLine.minorVersion === 1 : hosts.length !== 1) {
    return refuse(400, 'exactly one Host field is required')
  }
  // "… or a Host header field with an invalid field value", also where the target makes it
  // unimportant.
  if (hosts !== undefined && !HOST.test(hosts[0]!)) return refuse(400, 'Host names no host')
  const { authority, ...target } = requestLine
  // §3.2.2: a server "MUST ignore the received Host header field (if any) and instead use the host
  // information of the request-target".
  if (authority !== null) fields.set('host', [authority])
  return { ...target, fields }
}

function parseRequestLine(line: string): RequestLine | Refusal {
  const parts = line.split(' ')
  const [method, target, version] = parts
  if (parts.length !== 3 || method === undefined || target === undefined || version === undefined) {
    return refuse(400, 'the request line is not METHOD SP TARGET SP HTTP/1.1')
  }
  if (!TOKEN.test(method)) return refuse(400, 'the method is not a token')
  if (!VISIBLE.test(target)) return refuse(400, 'the target holds characters that no URI may hold')
  const match = VERSION.exec(version)
  if (match === null) return refuse(400, 'the version is not HTTP/1.1')
  if (match[1] !== '1') return refuse(505, 'HTTP/1.0 and HTTP/1.1 are spoken here')
  if (!METHODS.has(method)) return refuse(501, 'the method is not known')
  // RFC 9110 §9.3.6: an origin server need not implement it; its target has a form of its own.
  if (method === 'CONNECT') return refuse(501, 'CONNECT is not served')
  // RFC 9110 §7.4: "a request for an 'https' resource MUST be rejected unless it has been received
  // over" TLS.
  if (SECURE_FORM.test(target)) return refuse(421, 'there is no TLS here')
  const parsed = parseTarget(target, method)
  if (parsed === null) return refuse(400, 'the target is neither a path nor an http URI')
  // §2.3 of RFC 9110: a higher minor version is served as the highest one known.
  return { method, ...parsed, minorVersion: match[2] === '0' ? 0 : 1 }
}

/** RFC 9112 §3.2: origin form, absolute form, or the asterisk of OPTIONS. */
function parseTarget(
  target: string,
  method: string,
): Pick<RequestLine, 'path' | 'query' | 'authority'> | null {
  if (target === '*') {
    return method === 'OPTIONS' ? { path: '*', query: '', authority: null } : null
  }
  let rest = target
  let authority: string | null = null
  if (!target.startsWith('/')) {
    const match = ABSOLUTE_FORM.exec(target)
    if (match === null) return null
    authority = match[1]!
    rest = target.slice(match[0].length)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  const fragment = rest.indexOf('#')
  if (fragment !== -1) rest = rest.slice(0, fragment)
  const query = rest.indexOf('?')
  if (query === -1) return { path: rest, query: '', authority }
  return { path: rest.slice(0, query), query: rest.slice(query), authority }
}
