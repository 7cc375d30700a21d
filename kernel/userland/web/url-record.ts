/** The parts of an http or https URL and the way from text to them (WHATWG URL §4.4). */
import {
  IN_FRAGMENT,
  IN_PATH,
  IN_QUERY,
  IN_USER_INFORMATION,
  percentEncode,
} from './percent-encoding.ts'
import { trimOuter } from './trim.ts'
import { parseHost } from './url-host.ts'

export interface UrlRecord {
  scheme: string
  username: string
  password: string
  host: string
  /** '' stands for the scheme's own. */
  port: string
  /** Begins with a slash. */
  path: string
  /** Without their marks; null = no mark either. */
  query: string | null
  fragment: string | null
}

export const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

const SCHEME = /^([a-zA-Z][a-zA-Z0-9+\-.]*):/
const LEADING_SLASHES = /^[/\\]*/

/** Tabs and newlines count nowhere in a URL. */
export function withoutBreaks(text: string): string {
  return text.replace(/[\t\n\r]/g, '')
}

function isControlOrSpace(code: number): boolean {
  return code <= 0x20
}

/** Null when `input` is no URL, or of another scheme than http and https. */
export function parseUrl(input: string, base: UrlRecord | null): UrlRecord | null {
  let text = withoutBreaks(trimOuter(input, isControlOrSpace))
  let fragment: string | null = null
  const mark = text.indexOf('#')
  if (mark !== -1) {
    fragment = percentEncode(text.slice(mark + 1), IN_FRAGMENT)
    text = text.slice(0, mark)
  }
  const match = SCHEME.exec(text)
  if (match === null) return base === null ? null : parseRelative(text, base, fragment)
  const scheme = match[1]!.toLowerCase()
  if (!Object.hasOwn(DEFAULT_PORTS, scheme)) return null
  const rest = text.slice(match[0].length)
  return base !== null && base.scheme === scheme && !rest.startsWith('//')
    ? parseRelative(rest, base, fragment)
    : parseAuthority(rest, scheme, fragment)
}

function parseRelative(text: string, base: UrlRecord, fragment: string | null): UrlRecord | null {
  if (/^[/\\]{2}/.test(text)) return parseAuthority(text, base.scheme, fragment)
  const mark = text.indexOf('?')
  const path = mark === -1 ? text : text.slice(0, mark)
  const query = mark === -1 ? null : percentEncode(text.slice(mark + 1), IN_QUERY)
  if (path === '') return { ...base, query: query ?? (mark === -1 ? base.query : ''), fragment }
  const isAbsolute = path.startsWith('/') || path.startsWith('\\')
  const start = isAbsolute ? [] : base.path.slice(1).split('/').slice(0, -1)
  return { ...base, path: resolvePath(path, start), query, fragment }
}

/** `text` begins with any number of slashes. */
function parseAuthority(text: string, scheme: string, fragment: string | null): UrlRecord | null {
  const rest = text.replace(LEADING_SLASHES, '')
  const end = rest.search(/[/\\?]/)
  let authority = end === -1 ? rest : rest.slice(0, end)
  const record: UrlRecord = {
    scheme,
    username: '',
    password: '',
    host: '',
    port: '',
    path: '/',
    query: null,
    fragment,
  }
  const at = authority.lastIndexOf('@')
  if (at !== -1) {
    const credentials = authority.slice(0, at)
    const colon = credentials.indexOf(':')
    const name = colon === -1 ? credentials : credentials.slice(0, colon)
    record.username = percentEncode(name, IN_USER_INFORMATION)
    if (colon !== -1) {
      record.password = percentEncode(credentials.slice(colon + 1), IN_USER_INFORMATION)
    }
    authority = authority.slice(at + 1)
  }
  const colon = findPortColon(authority)
  const host = parseHost(colon === -1 ? authority : authority.slice(0, colon))
  const port = colon === -1 ? '' : parsePort(authority.slice(colon + 1), scheme)
  if (host === null || port === null) return null
  record.host = host
  record.port = port
  if (end === -1) return record
  const mark = rest.indexOf('?', end)
  record.path = resolvePath(mark === -1 ? rest.slice(end) : rest.slice(end, mark), [])
  if (mark !== -1) record.query = percentEncode(rest.slice(mark + 1), IN_QUERY)
  return record
}

/** Of the first colon outside brackets, or -1. */
export function findPortColon(authority: string): number {
  let isInBrackets = false
  for (let at = 0; at < authority.length; at++) {
    const character = authority[at]
    if (character === '[') isInBrackets = true
    else if (character === ']') isInBrackets = false
    else if (character === ':' && !isInBrackets) return at
  }
  return -1
}

/** '' for none or the scheme's own; null when it is no port. */
export function parsePort(digits: string, scheme: string): string | null {
  if (!/^[0-9]*$/.test(digits)) return null
  if (digits === '') return ''
  const port = Number(digits)
  if (port > 65_535) return null
  return String(port) === DEFAULT_PORTS[scheme] ? '' : String(port)
}

const SINGLE_DOT = /^(\.|%2e)$/i
const DOUBLE_DOT = /^(\.|%2e){2}$/i

/** The path after `segments`, dot segments resolved, with its leading slash. */
export function resolvePath(text: string, segments: string[]): string {
  const pieces = text.replaceAll('\\', '/').replace(/^\//, '').split('/')
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1
    if (DOUBLE_DOT.test(piece)) {
      segments.pop()
      if (isLast) segments.push('')
    } else if (SINGLE_DOT.test(piece)) {
      if (isLast) segments.push('')
    } else {
      segments.push(percentEncode(piece, IN_PATH))
    }
  }
  return `/${segments.join('/')}`
}
