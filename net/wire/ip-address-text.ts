/**
 * Textual form of IP addresses: strict parsing (RFC 4291 §2.2, dotted decimal) and canonical output
 * (RFC 5952).
 */
import { type IpAddress, ipv4Address, ipv6Address } from './ip-address.ts'

const DECIMAL_OCTET = /^(0|[1-9][0-9]{0,2})$/
const HEXADECIMAL_GROUP = /^[0-9a-fA-F]{1,4}$/

/**
 * The 32-bit value of a dotted-decimal address, or null: exactly four parts, no leading zeros, no
 * spaces.
 */
function parseDottedDecimal(text: string): number | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  let word = 0
  for (const part of parts) {
    if (!DECIMAL_OCTET.test(part)) return null
    const octet = Number(part)
    if (octet > 255) return null
    word = (word << 8) | octet
  }
  return word
}

/** The 16-bit groups of one side of `::`, the last maybe in dotted decimal; null when malformed. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes('.')) {
      const word = parseDottedDecimal(part)
      if (word === null) return null
      groups.push(word >>> 16, word & 0xffff)
    } else {
      if (!HEXADECIMAL_GROUP.test(part)) return null
      groups.push(Number.parseInt(part, 16))
    }
  }
  return groups
}

function parseIpv6(text: string): IpAddress | null {
  const sides = text.split('::')
  if (sides.length > 2) return null
  const head = parseGroups(sides[0]!, sides.length === 1)
  const tail = sides.length === 2 ? parseGroups(sides[1]!, true) : []
  if (head === null || tail === null) return null
  const missing = 8 - head.length - tail.length
  if (sides.length === 2 ? missing < 1 : missing !== 0) return null
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return ipv6Address(
    (groups[0]! << 16) | groups[1]!,
    (groups[2]! << 16) | groups[3]!,
    (groups[4]! << 16) | groups[5]!,
    (groups[6]! << 16) | groups[7]!,
  )
}

/**
 * The address written in `text`, or null. Strict: no zone identifier, prefix, port, space or octal.
 */
export function parseIpAddress(text: string): IpAddress | null {
  if (text.includes(':')) return parseIpv6(text)
  const word = parseDottedDecimal(text)
  return word === null ? null : ipv4Address(word)
}

export function formatIpv4Word(word: number): string {
  return `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`
}

/**
 * RFC 5952 §4: lower case, no leading zeros, the first longest run of two or more zero groups as
 * `::`.
 */
function formatIpv6Words(word0: number, word1: number, word2: number, word3: number): string {
  // §5: the well-known IPv4-mapped prefix keeps its dotted-decimal tail.
  if ((word0 | word1) === 0 && word2 === 0xffff) return `::ffff:${formatIpv4Word(word3)}`
  const groups: number[] = []
  for (const word of [word0, word1, word2, word3]) groups.push(word >>> 16, word & 0xffff)
  let runStart = -1
  let runLength = 1
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (start + length < 8 && groups[start + length] === 0) length++
    if (length > runLength) {
      runStart = start
      runLength = length
    }
  }
  const hexadecimal = groups.map((group) => group.toString(16))
  if (runStart < 0) return hexadecimal.join(':')
  const head = hexadecimal.slice(0, runStart).join(':')
  return `${head}::${hexadecimal.slice(runStart + runLength).join(':')}`
}

export function formatIpAddress(address: IpAddress): string {
  return address.version === 4
    ? formatIpv4Word(address.word3)
    : formatIpv6Words(address.word0, address.word1, address.word2, address.word3)
}

export interface ScopedAddress {
  readonly address: IpAddress
  /** The zone of RFC 4007 §11, which is the number of an interface; null = none is named. */
  readonly zone: number | null
}

/** An address with or without a zone, `fe80::1%1`; null when the text is neither. */
export function parseScopedAddress(text: string): ScopedAddress | null {
  const percent = text.indexOf('%')
  if (percent < 0) {
    const address = parseIpAddress(text)
    return address === null ? null : { address, zone: null }
  }
  const address = parseIpAddress(text.slice(0, percent))
  const zone = text.slice(percent + 1)
  if (address === null || address.version === 4 || !/^(0|[1-9][0-9]?)$/.test(zone)) return null
  return { address, zone: Number(zone) }
}
