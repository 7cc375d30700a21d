/**
 * Domain names in DNS messages: labels and compression pointers read within strict limits, host
 * names checked and written.
 */

/** RFC 1035 §2.3.4: "names 255 octets or less", the final empty label included. */
const MAX_NAME_OCTETS = 255
/**
 * The two upper bits of a length octet: 11 = a pointer; 01 and 10 are reserved (RFC 1035 §4.1.4,
 * RFC 6891 §5).
 */
const POINTER_BITS = 0xc0
const MAX_LABEL_OCTETS = 63
/**
 * No honest message nests as deep. Each hop costs two octets only, so that a message could hold
 * thousands of them.
 */
const MAX_POINTERS = 32
/** Pointers lead to names, and none begins in the header. */
const HEADER_OCTETS = 12

/**
 * Letters, digits, hyphens, and the underscore of service names (RFC 952, RFC 1123 §2.1, RFC 8552).
 */
const LABEL = /^[a-z0-9_-]{1,63}$/
/** RFC 1035 §2.3.4 less the length octet of the first label and the one at the end. */
const MAX_TEXT_LENGTH = 253
/**
 * RFC 1123 §2.1: a host name "can never have the dotted-decimal form", since its last label is not
 * a number.
 */
const NUMBER = /^[0-9]+$/

/** True for a name in lower case without a final dot that may be asked for. */
export function isHostName(text: string): boolean {
  if (text.length > MAX_TEXT_LENGTH) return false
  const labels = text.split('.')
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels.at(-1)!)
}

/** Writes a name for which isHostName is true; returns the offset behind it. */
export function emitName(target: Uint8Array, offset: number, name: string): number {
  let at = offset
  for (const label of name.split('.')) {
    target[at++] = label.length
    for (let index = 0; index < label.length; index++) target[at++] = label.charCodeAt(index)
  }
  target[at] = 0
  return at + 1
}

/**
 * The offset behind the name at `offset`, or -1 when it does not end within the message. Follows no
 * pointer.
 */
export function skipName(message: Uint8Array, offset: number): number {
  let at = offset
  while (at < message.length) {
    const length = message[at]!
    if (length === 0) return at + 1
    if (length >= POINTER_BITS) return at + 2 <= message.length ? at + 2 : -1
    if (length > MAX_LABEL_OCTETS) return -1
    at += 1 + length
  }
  return -1
}

/**
 * The name at `offset` as text in lower case (RFC 4343), without a final dot; octets that no host
 * name has are written as in RFC 1035 §5.1, `\DDD`. Null when it is malformed: RFC 9267 §2 tells
 * how pointers are to be distrusted. They lead back, each beyond the last, and to none before
 * `first`.
 */
export function readName(
  message: Uint8Array,
  offset: number,
  first = HEADER_OCTETS,
): string | null {
  let text = ''
  let octets = 1
  let start = offset
  let at = offset
  let pointers = 0
  while (at < message.length) {
    const length = message[at]!
    if (length === 0) return text
    if (length >= POINTER_BITS) {
      if (at + 1 >= message.length || ++pointers > MAX_POINTERS) return null
      const target = ((length & 0x3f) << 8) | message[at + 1]!
      if (target >= start || target < first) return null
      start = target
      at = target
      continue
    }
    octets += 1 + length
    const end = at + 1 + length
    if (length > MAX_LABEL_OCTETS || octets > MAX_NAME_OCTETS || end > message.length) return null
    if (text !== '') text += '.'
    for (at++; at < end; at++) text += characterOf(message[at]!)
  }
  return null
}

function characterOf(octet: number): string {
  const character = String.fromCharCode(octet).toLowerCase()
  return LABEL.test(character) ? character : `\\${String(octet).padStart(3, '0')}`
}
