/** Headers (Fetch §5.1), without the guards of a browser. */
import { trimOuter } from './trim.ts'

type Field = [name: string, value: string]
export type HeadersInit =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>

/** Values by lower-case name, in order. */
export type Fields = ReadonlyMap<string, readonly string[]>

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: these characters are what a value must not hold.
const FORBIDDEN_IN_VALUE = /[\x00\r\n]|[^\x00-\xff]/
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: these characters are what a value must not hold.

export class Headers implements Iterable<Field> {
  private fields: Fields
  /** False while `fields` belongs to a request head that others share. */
  private isOwn: boolean

  constructor(init?: HeadersInit | null) {
    this.fields = new Map()
    this.isOwn = true
    if (init === undefined || init === null) return
    if (init instanceof Headers) {
      this.fields = init.fields
      this.isOwn = false
      init.isOwn = false
      return
    }
    if (typeof init !== 'object')
      throw new TypeError(`Cannot make Headers: init must be an object, not a ${typeof init}`)
    const pairs = Symbol.iterator in init ? init : Object.entries(init)
    for (const item of pairs as Iterable<Iterable<string>>) {
      const pair = [...item]
      if (pair.length !== 2) {
        throw new TypeError('Cannot make Headers: each pair must be a name and a value')
      }
      this.append(pair[0]!, pair[1]!)
    }
  }

  /** For the server: a view of fields that were read from a request, copied on the first change. */
  static of(fields: Fields): Headers {
    const headers = new Headers()
    headers.fields = fields
    headers.isOwn = false
    return headers
  }

  append(name: string, value: string): void {
    const key = toKey(name)
    const text = toValue(value)
    const values = this.fields.get(key)
    this.own().set(key, values === undefined ? [text] : [...values, text])
  }

  delete(name: string): void {
    this.own().delete(toKey(name))
  }

  /** All values of that name with ", " between them, "; " for cookies. */
  get(name: string): string | null {
    const values = this.fields.get(toKey(name))
    return values === undefined ? null : values.length === 1 ? values[0]! : join(name, values)
  }

  getSetCookie(): string[] {
    return [...(this.fields.get('set-cookie') ?? [])]
  }

  has(name: string): boolean {
    return this.fields.has(toKey(name))
  }

  set(name: string, value: string): void {
    const key = toKey(name)
    this.own().set(key, [toValue(value)])
  }

  forEach(
    callback: (value: string, name: string, headers: Headers) => void,
    receiver?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(receiver, value, name, this)
  }

  /** Sorted by name; each set-cookie on its own. */
  *entries(): Generator<Field, undefined, undefined> {
    for (const name of [...this.fields.keys()].sort()) {
      const values = this.fields.get(name) ?? []
      if (name !== 'set-cookie') yield [name, join(name, values)]
      else for (const value of values) yield [name, value]
    }
    return undefined
  }

  *keys(): Generator<string, undefined, undefined> {
    for (const [name] of this.entries()) yield name
    return undefined
  }

  *values(): Generator<string, undefined, undefined> {
    for (const [, value] of this.entries()) yield value
    return undefined
  }

  [Symbol.iterator](): Generator<Field, undefined, undefined> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Headers'
  }

  private own(): Map<string, readonly string[]> {
    if (!this.isOwn) {
      this.fields = new Map(this.fields)
      this.isOwn = true
    }
    return this.fields as Map<string, readonly string[]>
  }
}

/**
 * Cookies of several fields are one list too, whose separator is the semicolon (RFC 9113 §8.2.3,
 * RFC 6265 §4.2.1).
 */
function join(name: string, values: readonly string[]): string {
  return values.join(name.length === 6 && name.toLowerCase() === 'cookie' ? '; ' : ', ')
}

function toKey(name: string): string {
  const text = `${name}`
  if (!TOKEN.test(text)) throw new TypeError(`Invalid header name: ${JSON.stringify(text)}`)
  return text.toLowerCase()
}

/** HTTP whitespace (Fetch §2.2). */
function isBlank(code: number): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13
}

function toValue(value: string): string {
  const text = trimOuter(`${value}`, isBlank)
  if (FORBIDDEN_IN_VALUE.test(text)) {
    throw new TypeError(`Invalid header value: ${JSON.stringify(text)}`)
  }
  return text
}
