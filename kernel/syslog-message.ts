/** One line of the log as a syslog message (RFC 5424 §6), as bytes. */
import type { LogLevel } from './logger.ts'

export interface LogEntry {
  readonly level: LogLevel
  readonly component: string
  readonly message: string
  /** ISO 8601 with milliseconds, UTC. */
  readonly time: string
}

/** "User-level messages" (§6.2.1). */
const FACILITY = 1
const SEVERITIES: Readonly<Record<LogLevel, number>> = {
  error: 3,
  warn: 4,
  info: 6,
  debug: 7,
  trace: 7,
}
/** What receivers SHOULD be able to take (§6.1); what is longer is cut. */
const MESSAGE_LIMIT_BYTES = 2048
const NO_VALUE = '-'

/** `hostName` is an address, or empty while there is none. */
export function encodeSyslogMessage(
  entry: LogEntry,
  hostName: string,
  encodeText: (text: string) => Uint8Array,
): Uint8Array {
  const { level, component, message, time } = entry
  const priority = FACILITY * 8 + SEVERITIES[level]
  const header = `<${priority}>1 ${time} ${field(hostName, 255)} eremite ${NO_VALUE} ${field(component, 32)}`
  // "If a MSG is encoded in UTF-8, it MUST start with the BOM" (§6.4); ASCII needs none.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII begins with control characters.
  const mark = /^[\x00-\x7f]*$/.test(message) ? '' : '\ufeff'
  const bytes = encodeText(`${header} ${NO_VALUE} ${mark}${message}`)
  return bytes.length <= MESSAGE_LIMIT_BYTES ? bytes : bytes.subarray(0, cutLength(bytes))
}

/** Printable ASCII without spaces, or the sign that there is nothing (§6). */
function field(text: string, limit: number): string {
  return text.replace(/[^\x21-\x7e]/g, '?').slice(0, limit) || NO_VALUE
}

/** Never within a character. */
function cutLength(bytes: Uint8Array): number {
  let length = MESSAGE_LIMIT_BYTES
  while ((bytes[length]! & 0xc0) === 0x80) length--
  return length
}
