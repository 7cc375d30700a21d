/** Header fields of requests and responses, strictly (RFC 9112 §5; RFC 9110 §5.5). */

/** Values by lower-case field name, in order. */
export type FieldMap = ReadonlyMap<string, readonly string[]>

export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that a field must not hold.
const FORBIDDEN_IN_FIELD = /[\x00-\x08\x0a-\x1f\x7f]/

/**
 * The lines of a head without their ends, the start line first; a lone LF ends a line too (RFC 9112
 * §2.2).
 */
export function splitHead(text: string): string[] {
  const lines = text.split('\n')
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!
    if (line.endsWith('\r')) lines[index] = line.slice(0, -1)
  }
  return lines
}

export interface Field {
  /** Lower case. */
  readonly name: string
  readonly value: string
}

/** Adds one field line; the problem in words when it is malformed, else null. */
export function parseField(line: string, fields: Map<string, string[]>): string | null {
  const field = readField(line)
  if (typeof field === 'string') return field
  addField(field, fields)
  return null
}

export function addField({ name, value }: Field, fields: Map<string, string[]>): void {
  const values = fields.get(name)
  if (values === undefined) fields.set(name, [value])
  else values.push(value)
}

/** The field of a line, or the problem in words when it is malformed. */
export function readField(line: string): Field | string {
  // RFC 9112 §5.2: line folding is obsolete and refused.
  if (line.startsWith(' ') || line.startsWith('\t')) return 'a header field is folded'
  if (FORBIDDEN_IN_FIELD.test(line)) return 'a header field holds control characters'
  const colon = line.indexOf(':')
  if (colon === -1) return 'a header field has no colon'
  const name = line.slice(0, colon)
  // RFC 9112 §5.1: no whitespace between name and colon, or two parties may read two requests.
  if (!TOKEN.test(name)) return 'a header field name is not a token'
  return { name: name.toLowerCase(), value: trimOptionalWhitespace(line, colon + 1) }
}

/** Without spaces and tabs at both ends; `trim` would take Unicode spaces too. */
function trimOptionalWhitespace(text: string, from: number): string {
  let start = from
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}

/**
 * Of ASCII letters alone: `toLowerCase` makes a k of the Kelvin sign, and "chun\u212aed" is no
 * coding.
 */
function lowerCase(member: string): string {
  return member.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

/** All members of a comma-separated field, lower case, empty ones left out (RFC 9110 §5.6.1). */
export function listMembers(fields: FieldMap, name: string): string[] {
  const values = fields.get(name)
  if (values === undefined) return []
  const members: string[] = []
  for (const member of values.join(',').split(',')) {
    const trimmed = trimOptionalWhitespace(member, 0)
    if (trimmed !== '') members.push(lowerCase(trimmed))
  }
  return members
}
