/**
 * The text of a head: each octet is one character, "as US-ASCII or a superset" of it, and never
 * part of a multibyte encoding (RFC 9112 §2.2). Read as UTF-8, octets of an upstream server could
 * become characters that are line ends when their low byte is sent on.
 */

/** So many arguments a call may safely have. */
const PIECE_BYTES = 4096

export function decodeOctets(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at += PIECE_BYTES) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + PIECE_BYTES, end)))
  }
  return text
}
