/**
 * The date of a management controller's event log (IPMI 2.0 §31.10, Get SEL Time), whose seconds
 * begin in QEMU when the host's do.
 */
import type { KeyboardControllerStyle } from './keyboard-controller-style.ts'

const STORAGE = 0x0a
const GET_SEL_TIME = 0x48
/** The network function is above two bits of the LUN; an answer's is odd (§7.3). */
const REQUEST = [STORAGE << 2, GET_SEL_TIME]
const RESPONSE_BYTES = 7
const COMPLETION_OK = 0
/** "0xFFFFFFFF indicates an invalid or unspecified time value" (§37). */
const UNSPECIFIED = 0xffffffff
/** "0x00000000 through 0x20000000 are used for timestamping events" before a date is set (§37). */
const LAST_SINCE_START = 0x20000000

/** Seconds since 1970; null when the controller does not know them, or does not answer. */
export function readEventLogTime(bmc: Pick<KeyboardControllerStyle, 'exchange'>): number | null {
  const response = bmc.exchange(REQUEST)
  if (response === null || response.length !== RESPONSE_BYTES) return null
  const [networkFunction, command, completion, ...bytes] = response
  if (networkFunction !== (STORAGE | 1) << 2 || command !== GET_SEL_TIME) return null
  if (completion !== COMPLETION_OK) return null
  const seconds = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
  return seconds > LAST_SINCE_START && seconds < UNSPECIFIED ? seconds : null
}
