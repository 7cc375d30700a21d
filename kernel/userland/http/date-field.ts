/** The Date field of responses, made once a second (RFC 9110 §6.6.1). */

/**
 * A machine without a clock counts from 1970 on, one with a clock knows dates from 2000 on
 * (boot/machine/clock.c). Without a clock a server "MUST NOT generate a Date header field".
 */
const FIRST_KNOWN_SECOND = Date.UTC(2000) / 1000

let cachedSecond = -1
let cachedField = ''

/** The field with its line end, empty when the machine does not know the date. */
export function dateField(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== cachedSecond) {
    cachedSecond = second
    // ECMA-262 §21.4.4.43 gives the form that RFC 9110 §5.6.7 asks for.
    const isKnown = second >= FIRST_KNOWN_SECOND
    cachedField = isKnown ? `date: ${new Date(second * 1000).toUTCString()}\r\n` : ''
  }
  return cachedField
}
