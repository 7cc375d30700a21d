/**
 * Hosts of http URLs: domains of ASCII letters, IPv4 in all its spellings, IPv6 (WHATWG URL §3.5).
 * Domains beyond ASCII are refused, since their mapping needs tables larger than the rest of this
 * guest's web API.
 */
import { percentDecode } from './percent-encoding.ts'

/** The host in its one serialized form, or null when it is none. */
export function parseHost(text: string): string | null {
  if (text.startsWith('[')) {
    if (!text.endsWith(']')) return null
    const groups = parseIpv6(text.slice(1, -1))
    return groups === null ? null : `[${formatIpv6(groups)}]`
  }
  const domain = percentDecode(text).toLowerCase()
  if (!DOMAIN.test(domain)) return null
  return endsInNumber(domain) ? parseIpv4(domain) : domain
}

/** Visible ASCII without the forbidden domain code points. */
const DOMAIN = /^[!"$&'()*+,\-.0-9;=_`a-z{}~]+$/

function withoutRootDot(domain: string): string[] {
  const parts = domain.split('.')
  if (parts.length > 1 && parts.at(-1) === '') parts.pop()
  return parts
}

function endsInNumber(domain: string): boolean {
  return /^([0-9]+|0x[0-9a-f]*)$/.test(withoutRootDot(domain).at(-1)!)
}

/** Decimal, octal with a leading 0, hexadecimal with 0x. */
function parseIpv4Number(text: string): number {
  if (/^0x[0-9a-f]*$/.test(text)) return text === '0x' ? 0 : Number.parseInt(text, 16)
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8)
  return /^(0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN
}

function parseIpv4(domain: string): string | null {
  const numbers = withoutRootDot(domain).map(parseIpv4Number)
  const last = numbers.pop()!
  if (numbers.length > 3 || !(last < 256 ** (4 - numbers.length))) return null
  let address = last
  for (const [index, number] of numbers.entries()) {
    if (!(number <= 255)) return null
    address += number * 256 ** (3 - index)
  }
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256)
  return octets.join('.')
}

const GROUP = /^[0-9a-fA-F]{1,4}$/
const DOTTED_QUAD = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const pieces = text.split(':')
  for (const [index, piece] of pieces.entries()) {
    if (GROUP.test(piece)) {
      groups.push(Number.parseInt(piece, 16))
    } else if (mayEndInIpv4 && index === pieces.length - 1 && DOTTED_QUAD.test(piece)) {
      const [a, b, c, d] = piece.split('.').map(Number)
      groups.push(a! * 256 + b!, c! * 256 + d!)
    } else {
      return null
    }
  }
  return groups
}

/** Eight groups, or null. */
function parseIpv6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const front = parseGroups(halves[0]!, halves.length === 1)
  if (front === null) return null
  if (halves.length === 1) return front.length === 8 ? front : null
  const back = parseGroups(halves[1]!, true)
  if (back === null || front.length + back.length > 7) return null
  return [...front, ...new Array(8 - front.length - back.length).fill(0), ...back]
}

/** The first longest run of two zero groups or more becomes "::". */
function formatIpv6(groups: readonly number[]): string {
  let runStart = -1
  let runLength = 1
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > runLength) {
      runStart = start
      runLength = end - start
    }
  }
  const text = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':')
  return runStart === -1 ? text(0, 8) : `${text(0, runStart)}::${text(runStart + runLength, 8)}`
}
