/** Percent-encoding over UTF-8 (WHATWG URL §1.3). */
import { decodeUtf8, encodeUtf8 } from './host-globals.ts'

/**
 * Runs of what must be encoded where: the percent-encode sets of the standard, each in its own
 * place of a URL.
 */
// biome-ignore-start lint/suspicious/noControlCharactersInRegex: control characters are what must be encoded.
export const IN_FRAGMENT = /[\x00-\x20"<>`\x7f-\uffff]+/g
export const IN_QUERY = /[\x00-\x20"#<>'\x7f-\uffff]+/g
export const IN_PATH = /[\x00-\x20"#<>?^`{}\x7f-\uffff]+/g
export const IN_USER_INFORMATION = /[\x00-\x20"#<>?^`{}/:;=@[\]|\\\x7f-\uffff]+/g
// biome-ignore-end lint/suspicious/noControlCharactersInRegex: control characters are what must be encoded.
const IN_FORM = /[^*\-._A-Za-z0-9 ]+/g

function encodeRun(run: string): string {
  let text = ''
  for (const byte of encodeUtf8(run)) {
    text += (byte < 16 ? '%0' : '%') + byte.toString(16).toUpperCase()
  }
  return text
}

/** `set` matches runs: both halves of a surrogate pair lie in the same one. */
export function percentEncode(text: string, set: RegExp): string {
  return text.replace(set, encodeRun)
}

/** application/x-www-form-urlencoded. */
export function encodeForm(text: string): string {
  return text.replace(IN_FORM, encodeRun).replaceAll(' ', '+')
}

const ESCAPES = /(?:%[0-9A-Fa-f]{2})+/g

/** Escaped bytes that are not UTF-8 become U+FFFD, lone surrogates too. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(ESCAPES, (run) => {
    const bytes = new Uint8Array(run.length / 3)
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = Number.parseInt(run.slice(at * 3 + 1, at * 3 + 3), 16)
    }
    return decodeUtf8(bytes, true)
  })
}

export function decodeForm(text: string): string {
  return percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)
}
