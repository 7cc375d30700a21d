/** URLSearchParams (WHATWG URL §6). */
import { decodeForm, encodeForm } from './percent-encoding.ts'
import { toWellFormed } from './well-formed.ts'

type Pair = [name: string, value: string]
export type SearchParamsInit =
  | string
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>

export class URLSearchParams implements Iterable<Pair> {
  protected pairs: Pair[]

  constructor(init: SearchParamsInit | URLSearchParams = '') {
    this.pairs = readInit(init)
  }

  get size(): number {
    return this.pairs.length
  }

  append(name: string, value: string): void {
    this.pairs.push([toWellFormed(name), toWellFormed(value)])
    this.changed()
  }

  delete(name: string, value?: string): void {
    this.pairs = this.pairs.filter((pair) => !matches(pair, name, value))
    this.changed()
  }

  get(name: string): string | null {
    const key = toWellFormed(name)
    for (const pair of this.pairs) if (pair[0] === key) return pair[1]
    return null
  }

  getAll(name: string): string[] {
    const key = toWellFormed(name)
    return this.pairs.filter((pair) => pair[0] === key).map((pair) => pair[1])
  }

  has(name: string, value?: string): boolean {
    return this.pairs.some((pair) => matches(pair, name, value))
  }

  /** In the place of the first of that name; the others go. */
  set(name: string, value: string): void {
    const key = toWellFormed(name)
    const found = this.pairs.find((pair) => pair[0] === key)
    if (found === undefined) {
      this.append(name, value)
      return
    }
    found[1] = toWellFormed(value)
    this.pairs = this.pairs.filter((pair) => pair === found || pair[0] !== key)
    this.changed()
  }

  /** By the code units of the names; equal names keep their order. */
  sort(): void {
    this.pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
    this.changed()
  }

  forEach(
    callback: (value: string, name: string, parameters: URLSearchParams) => void,
    receiver?: unknown,
  ): void {
    for (const [name, value] of this) callback.call(receiver, value, name, this)
  }

  *entries(): Generator<Pair, undefined, undefined> {
    for (let at = 0; at < this.pairs.length; at++) {
      const [name, value] = this.pairs[at]!
      yield [name, value]
    }
    return undefined
  }

  *keys(): Generator<string, undefined, undefined> {
    for (const [name] of this) yield name
    return undefined
  }

  *values(): Generator<string, undefined, undefined> {
    for (const [, value] of this) yield value
    return undefined
  }

  [Symbol.iterator](): Generator<Pair, undefined, undefined> {
    return this.entries()
  }

  toString(): string {
    return this.pairs.map(([name, value]) => `${encodeForm(name)}=${encodeForm(value)}`).join('&')
  }

  get [Symbol.toStringTag](): string {
    return 'URLSearchParams'
  }

  /** The pairs are others now. */
  protected changed(): void {}
}

/** The parameters of a URL: each follows the changes of the other. */
export class UrlQuery extends URLSearchParams {
  private readonly onChange: (query: string) => void

  constructor(query: string, onChange: (query: string) => void) {
    super(query)
    this.onChange = onChange
  }

  /** The URL has another query now. */
  replace(query: string): void {
    this.pairs = parseQuery(query)
  }

  protected override changed(): void {
    this.onChange(this.toString())
  }
}

function matches(pair: Pair, name: string, value: string | undefined): boolean {
  return pair[0] === toWellFormed(name) && (value === undefined || pair[1] === toWellFormed(value))
}

function readInit(init: SearchParamsInit | URLSearchParams): Pair[] {
  if (typeof init !== 'object' || init === null)
    return parseQuery(toWellFormed(init).replace(/^\?/, ''))
  if (!(Symbol.iterator in init)) {
    return Object.entries(init).map(([name, value]) => [toWellFormed(name), toWellFormed(value)])
  }
  const pairs: Pair[] = []
  for (const item of init as Iterable<Iterable<string>>) {
    const pair = [...item]
    if (pair.length !== 2) {
      throw new TypeError('Cannot make URLSearchParams: each pair must be a name and a value')
    }
    pairs.push([toWellFormed(pair[0]), toWellFormed(pair[1])])
  }
  return pairs
}

/** `query` without its question mark. */
function parseQuery(query: string): Pair[] {
  const pairs: Pair[] = []
  for (const piece of query.split('&')) {
    if (piece === '') continue
    const equals = piece.indexOf('=')
    if (equals === -1) pairs.push([decodeForm(piece), ''])
    else pairs.push([decodeForm(piece.slice(0, equals)), decodeForm(piece.slice(equals + 1))])
  }
  return pairs
}
