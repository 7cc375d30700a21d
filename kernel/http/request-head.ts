/** The request line and header fields, strictly (RFC 9112 §3, §5; RFC 9110 §5.5). */
import { type Refusal, refuse } from './refusal.ts'

export interface RequestHead {
  readonly method: string
  /** Path of the target, query excluded; "*" for the asterisk form. */
  readonly path: string
  /** From "?" on, the fragment excluded; "" without. */
  readonly query: string
  /** Host and port of a target in absolute form, which counts instead of Host (RFC 9112 §3.2.2); else null. */
  readonly authority: string | null
  /** 0 or 1: the minor version of HTTP/1. */
  readonly minorVersion: 0 | 1
  /** Values by lower-case field name, in order. */
  readonly fields: ReadonlyMap<string, readonly string[]>
}

export const FIELD_COUNT_LIMIT = 100

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VERSION = /^HTTP\/([0-9])\.([0-9])$/
const VISIBLE = /^[\x21-\x7e]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that a field must not hold.
const FORBIDDEN_IN_FIELD = /[\x00-\x08\x0a-\x1f\x7f]/
const ABSOLUTE_FORM = /^[Hh][Tt][Tt][Pp]:\/\/([^/?#]+)/

/** Methods of RFC 9110 §9 and RFC 5789: known, though a resource may not allow them. */
const KNOWN_METHODS = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]

/** Reads a head without its final empty line; a Refusal when it must not be served. */
export function parseRequestHead(text: string): RequestHead | Refusal {
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (line.endsWith('\r')) lines[index] = line.slice(0, -1)
  }
  const requestLine = parseRequestLine(lines[0]!)
  if ('status' in requestLine) return requestLine
  if (lines.length - 1 > FIELD_COUNT_LIMIT) {
    return refuse(431, `more than ${FIELD_COUNT_LIMIT} header fields`)
  }
  const fields = new Map<string, string[]>()
  for (let index = 1; index < lines.length; index++) {
    const problem = parseField(lines[index]!, fields)
    if (problem !== null) return refuse(400, problem)
  }
  const hosts = fields.get('host')
  // RFC 9112 §3.2: 400 for an HTTP/1.1 request without Host and for any with more than one.
  if (hosts === undefined ? requestLine.minorVersion === 1 : hosts.length !== 1) {
    return refuse(400, 'exactly one Host field is required')
  }
  return { ...requestLine, fields }
}

function parseRequestLine(line: string): Omit<RequestHead, 'fields'> | Refusal {
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
  if (!KNOWN_METHODS.includes(method)) return refuse(501, 'the method is not known')
  const parsed = parseTarget(target, method)
  if (parsed === null) return refuse(400, 'the target is neither a path nor an http URI')
  // §2.3 of RFC 9110: a higher minor version is served as the highest one known.
  return { method, ...parsed, minorVersion: match[2] === '0' ? 0 : 1 }
}

/** RFC 9112 §3.2: origin form, absolute form, or the asterisk of OPTIONS. */
function parseTarget(
  target: string,
  method: string,
): Pick<RequestHead, 'path' | 'query' | 'authority'> | null {
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

/** Adds one field line; the problem in words when it is malformed. */
function parseField(line: string, fields: Map<string, string[]>): string | null {
  // RFC 9112 §5.2: line folding is obsolete and refused.
  if (line.startsWith(' ') || line.startsWith('\t')) return 'a header field is folded'
  if (FORBIDDEN_IN_FIELD.test(line)) return 'a header field holds control characters'
  const colon = line.indexOf(':')
  if (colon === -1) return 'a header field has no colon'
  const name = line.slice(0, colon)
  // RFC 9112 §5.1: no whitespace between name and colon, or two parties may read two requests.
  if (!TOKEN.test(name)) return 'a header field name is not a token'
  const key = name.toLowerCase()
  const value = trimOptionalWhitespace(line, colon + 1)
  const values = fields.get(key)
  if (values === undefined) fields.set(key, [value])
  else values.push(value)
  return null
}

/** Without spaces and tabs at both ends; `trim` would take Unicode spaces too. */
export function trimOptionalWhitespace(text: string, from: number): string {
  let start = from
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/** All members of a comma-separated field, lower case, empty ones left out (RFC 9110 §5.6.1). */
export function listMembers(head: RequestHead, name: string): string[] {
  const values = head.fields.get(name)
  if (values === undefined) return []
  const members: string[] = []
  for (const member of values.join(',').split(',')) {
    const trimmed = trimOptionalWhitespace(member, 0)
    if (trimmed !== '') members.push(trimmed.toLowerCase())
  }
  return members
}
