/** btoa and atob (HTML §8.3; forgiving-base64 of WHATWG Infra §7). */
import { DOMException } from './dom-exception.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Each character of `text` is one byte. */
export function btoa(text: string): string {
  const input = String(text)
  let result = ''
  for (let at = 0; at < input.length; at += 3) {
    const count = Math.min(3, input.length - at)
    let bits = 0
    for (let index = 0; index < 3; index++) {
      const code = index < count ? input.charCodeAt(at + index) : 0
      if (code > 0xff) throw invalidCharacter('a character is beyond U+00FF')
      bits = (bits << 8) | code
    }
    for (let index = 0; index <= count; index++) {
      result += ALPHABET[(bits >> (18 - 6 * index)) & 63]
    }
    result += '='.repeat(3 - count)
  }
  return result
}

export function atob(text: string): string {
  let input = String(text).replace(/[\t\n\f\r ]/g, '')
  if (input.length % 4 === 0) input = input.replace(/={1,2}$/, '')
  if (input.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(input)) {
    throw invalidCharacter('this is no base64')
  }
  let result = ''
  let bits = 0
  let held = 0
  for (const character of input) {
    bits = ((bits << 6) | ALPHABET.indexOf(character)) & 0xffff
    held += 6
    if (held < 8) continue
    held -= 8
    result += String.fromCharCode((bits >> held) & 255)
  }
  return result
}

function invalidCharacter(why: string): DOMException {
  return new DOMException(`Cannot convert: ${why}`, 'InvalidCharacterError')
}
