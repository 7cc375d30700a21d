/** `node:querystring`: fields as in forms, with other separators if asked for. */
import { percentDecode } from '../web/percent-encoding.ts'

export type Fields = Readonly<Record<string, unknown>>

export interface ParseOptions {
  /** 1000; 0 for as many as there are. */
  readonly maxKeys?: number
  readonly decodeURIComponent?: (text: string) => string
}

export interface StringifyOptions {
  readonly encodeURIComponent?: (text: string) => string
}

const MOST_KEYS = 1000

/** As encodeURIComponent does it, for lone surrogates, too. */
function escapeText(text: unknown): string {
  return encodeURIComponent(`${text}`)
}

/** Without a prototype; a name that comes again has an array. */
export function parse(
  text: string,
  separator = '&',
  equals = '=',
  options: ParseOptions = {},
): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = Object.create(null)
  if (typeof text !== 'string' || text === '') return fields
  const { maxKeys = MOST_KEYS, decodeURIComponent: decode = percentDecode } = options
  const decoded = (part: string) => {
    const plain = part.replaceAll('+', ' ')
    try {
      return decode(plain)
    } catch {
      return percentDecode(plain)
    }
  }
  const parts = text.split(separator || '&')
  for (const part of maxKeys > 0 ? parts.slice(0, maxKeys) : parts) {
    if (part === '') continue
    const mark = part.indexOf(equals || '=')
    const name = decoded(mark < 0 ? part : part.slice(0, mark))
    const value = mark < 0 ? '' : decoded(part.slice(mark + (equals || '=').length))
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else if (typeof before === 'string') fields[name] = [before, value]
    else before.push(value)
  }
  return fields
}

/** An array becomes a field for each of its values; what is neither text nor number is empty. */
export function stringify(
  fields: Fields | null | undefined,
  separator = '&',
  equals = '=',
  options: StringifyOptions = {},
): string {
  if (typeof fields !== 'object' || fields === null) return ''
  const encode = options.encodeURIComponent ?? escapeText
  const pair = (name: string, value: unknown) =>
    `${encode(name)}${equals || '='}${encode(textOf(value))}`
  return Object.entries(fields)
    .flatMap(([name, value]) =>
      Array.isArray(value) ? value.map((it) => pair(name, it)) : [pair(name, value)],
    )
    .join(separator || '&')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const isPlain = Number.isFinite(value) || typeof value === 'bigint' || typeof value === 'boolean'
  return isPlain ? `${value}` : ''
}

export { escapeText as escape, parse as decode, percentDecode as unescape, stringify as encode }

export default {
  ...{ decode: parse, encode: stringify, escape: escapeText, parse, stringify },
  unescape: percentDecode,
}
