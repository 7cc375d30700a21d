/**
 * Lists of domain names as routers and DHCP servers send them (RFC 8106 §5.2, RFC 8415 §10, RFC
 * 3397).
 */
import { readName, skipName } from './dns-name.ts'

const MAX_LABEL_OCTETS = 63
/** RFC 1035 §2.3.4, as text without the final dot. */
const MAX_NAME_LENGTH = 253
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/i

/**
 * The names between two offsets. Null when a label goes beyond the end, is a compression pointer,
 * or a name has no end; names that are no host names (RFC 1123 §2.1) are left out. Zeros behind the
 * last name are padding.
 */
export function parseDomainList(bytes: Uint8Array, start: number, end: number): string[] | null {
  const names: string[] = []
  let labels: string[] = []
  let position = start
  while (position < end) {
    const length = bytes[position++]!
    if (length === 0) {
      const name = labels.join('.')
      if (name !== '' && isDomainName(name)) names.push(name.toLowerCase())
      labels = []
      continue
    }
    if (length > MAX_LABEL_OCTETS || position + length > end) return null
    labels.push(String.fromCharCode(...bytes.subarray(position, position + length)))
    position += length
  }
  return labels.length === 0 ? names : null
}

/**
 * The first names, at most so many, of DHCP's domain search option, whose pointers count from its
 * beginning (RFC 3397 §2). Null when one of them is malformed; names that are no host names are
 * left out.
 */
export function parseSearchOption(value: Uint8Array, most: number): string[] | null {
  const names: string[] = []
  for (let offset = 0; offset < value.length && names.length < most; ) {
    const name = readName(value, offset, 0)
    offset = skipName(value, offset)
    if (name === null || offset < 0) return null
    if (name !== '' && isDomainName(name)) names.push(name)
  }
  return names
}

/**
 * Letters, digits, hyphens and underscores in labels of 1 to 63, 253 characters in all, no final
 * dot.
 */
export function isDomainName(text: string): boolean {
  return (
    text.length <= MAX_NAME_LENGTH &&
    text.split('.').every((label) => label.length <= MAX_LABEL_OCTETS && LABEL.test(label))
  )
}
