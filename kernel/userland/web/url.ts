/** URL for http and https (WHATWG URL §6); other schemes and hosts beyond ASCII are refused. */
import { IN_FRAGMENT, IN_QUERY, IN_USER_INFORMATION, percentEncode } from './percent-encoding.ts'
import { parseHost } from './url-host.ts'
import {
  DEFAULT_PORTS,
  findPortColon,
  parsePort,
  parseUrl,
  resolvePath,
  type UrlRecord,
  withoutBreaks,
} from './url-record.ts'
import { type URLSearchParams, UrlQuery } from './url-search-params.ts'

export class URL {
  private record: UrlRecord
  private parameters: UrlQuery | null = null

  /** Throws TypeError when it is no URL, or of another scheme than http and https. */
  constructor(url: string | URL, base?: string | URL) {
    this.record = requireUrl(url, base)
  }

  static canParse(url: string | URL, base?: string | URL): boolean {
    try {
      requireUrl(url, base)
      return true
    } catch {
      return false
    }
  }

  get href(): string {
    const { username, password, path, query, fragment } = this.record
    const secret = password === '' ? '' : `:${password}`
    const credentials = username === '' && password === '' ? '' : `${username}${secret}@`
    const tail = `${query === null ? '' : `?${query}`}${fragment === null ? '' : `#${fragment}`}`
    return `${this.protocol}//${credentials}${this.host}${path}${tail}`
  }

  set href(value: string) {
    this.record = requireUrl(value, undefined)
    this.parameters?.replace(this.record.query ?? '')
  }

  get origin(): string {
    return `${this.protocol}//${this.host}`
  }

  get protocol(): string {
    return `${this.record.scheme}:`
  }

  /** What is no http or https is ignored. */
  set protocol(value: string) {
    const scheme = withoutBreaks(`${value}`).split(':')[0]!.toLowerCase()
    if (!Object.hasOwn(DEFAULT_PORTS, scheme)) return
    this.record.scheme = scheme
    if (this.record.port === DEFAULT_PORTS[scheme]) this.record.port = ''
  }

  get username(): string {
    return this.record.username
  }

  set username(value: string) {
    this.record.username = percentEncode(`${value}`, IN_USER_INFORMATION)
  }

  get password(): string {
    return this.record.password
  }

  set password(value: string) {
    this.record.password = percentEncode(`${value}`, IN_USER_INFORMATION)
  }

  get host(): string {
    const { host, port } = this.record
    return port === '' ? host : `${host}:${port}`
  }

  set host(value: string) {
    const text = authorityOf(value)
    const colon = findPortColon(text)
    const host = parseHost(colon === -1 ? text : text.slice(0, colon))
    if (host === null) return
    this.record.host = host
    if (colon !== -1) this.setPort(text.slice(colon + 1))
  }

  get hostname(): string {
    return this.record.host
  }

  set hostname(value: string) {
    const text = authorityOf(value)
    const host = findPortColon(text) === -1 ? parseHost(text) : null
    if (host !== null) this.record.host = host
  }

  get port(): string {
    return this.record.port
  }

  set port(value: string) {
    const text = `${value}`
    if (text === '') this.record.port = ''
    else this.setPort(withoutBreaks(text))
  }

  get pathname(): string {
    return this.record.path
  }

  set pathname(value: string) {
    this.record.path = resolvePath(withoutBreaks(`${value}`), [])
  }

  get search(): string {
    const { query } = this.record
    return query === null || query === '' ? '' : `?${query}`
  }

  set search(value: string) {
    const text = `${value}`
    const query = withoutBreaks(text.startsWith('?') ? text.slice(1) : text)
    this.record.query = text === '' ? null : percentEncode(query, IN_QUERY)
    this.parameters?.replace(this.record.query ?? '')
  }

  get searchParams(): URLSearchParams {
    if (this.parameters === null) {
      this.parameters = new UrlQuery(this.record.query ?? '', (query) => {
        this.record.query = query === '' ? null : query
      })
    }
    return this.parameters
  }

  get hash(): string {
    const { fragment } = this.record
    return fragment === null || fragment === '' ? '' : `#${fragment}`
  }

  set hash(value: string) {
    const text = `${value}`
    const fragment = withoutBreaks(text.startsWith('#') ? text.slice(1) : text)
    this.record.fragment = text === '' ? null : percentEncode(fragment, IN_FRAGMENT)
  }

  toString(): string {
    return this.href
  }

  toJSON(): string {
    return this.href
  }

  get [Symbol.toStringTag](): string {
    return 'URL'
  }

  /** Digits at the beginning count; without any, or beyond 65535, nothing changes. */
  private setPort(text: string): void {
    const digits = /^[0-9]+/.exec(text)
    if (digits === null) return
    this.record.port = parsePort(digits[0], this.record.scheme) ?? this.record.port
  }
}

function authorityOf(value: string): string {
  return withoutBreaks(`${value}`).split(/[/\\?#]/)[0]!
}

function requireUrl(url: string | URL, base: string | URL | undefined): UrlRecord {
  const baseRecord = base === undefined ? null : parseUrl(`${base}`, null)
  const isBaseBad = base !== undefined && baseRecord === null
  const record = isBaseBad ? null : parseUrl(`${url}`, baseRecord)
  if (record === null) throw new TypeError(`Invalid URL: ${url}`)
  return record
}
