/**
 * NTP as much as a client needs that asks servers for the time (RFC 5905 §7.3, RFC 4330 §4 and §5).
 */

export const NTP_PORT = 123
/** Without extension fields and authentication. */
export const NTP_LENGTH = 48
export const NTP_NONCE_LENGTH = 8

const STRATUM_OFFSET = 1
const ROOT_DELAY_OFFSET = 4
const ROOT_DISPERSION_OFFSET = 8
const REFERENCE_ID_OFFSET = 12
const ORIGINATE_OFFSET = 24
const RECEIVE_OFFSET = 32
const TRANSMIT_OFFSET = 40

const VERSION = 4
const MODE_CLIENT = 3
const MODE_SERVER = 4
const LEAP_UNSYNCHRONIZED = 3
/** RFC 5905 §7.3: 16 is unsynchronized, what is above reserved. */
const MAX_STRATUM = 15
/** RFC 5905 §7.2 MAXDIST: a server may not be farther from true time than that. */
const MAX_ROOT_DISTANCE_US = 1_500_000

const US_PER_SECOND = 1e6
/** From 1900 to 1970. */
const EPOCH_SECONDS = 2_208_988_800
const ERA_SECONDS = 2 ** 32

export interface NtpReply {
  readonly stratum: number
  /** Half of the root delay and the root dispersion together. */
  readonly rootDistanceUs: number
  /** Microseconds since 1970. */
  readonly receiveUs: number
  readonly transmitUs: number
}

/** Why a datagram says nothing about the time; `kiss` has RFC 5905 §7.4's code in it. */
export type NtpRefusal =
  | 'tooShort'
  | 'notOurs'
  | 'notAServer'
  | 'version'
  | 'unsynchronized'
  | 'stratum'
  | 'rootDistance'
  | 'noTime'
  | { readonly kiss: string }

/**
 * A request that tells nothing about us: all fields are zero but for leap, version and mode, and
 * the transmit timestamp is `nonce`, which the answer must repeat (RFC 9109 does the same for the
 * port).
 */
export function createNtpRequest(nonce: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(NTP_LENGTH)
  bytes[0] = (VERSION << 3) | MODE_CLIENT
  bytes.set(nonce.subarray(0, NTP_NONCE_LENGTH), TRANSMIT_OFFSET)
  return bytes
}

/** Reads the answer to the request with that nonce. Allocates. */
export function readNtpReply(bytes: Uint8Array, nonce: Uint8Array): NtpReply | NtpRefusal {
  if (bytes.length < NTP_LENGTH) return 'tooShort'
  // Before all else: who does not know the nonce has not heard the question.
  for (let index = 0; index < NTP_NONCE_LENGTH; index++) {
    if (bytes[ORIGINATE_OFFSET + index] !== nonce[index]) return 'notOurs'
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const mode = bytes[0]! & 7
  const version = (bytes[0]! >> 3) & 7
  if (mode !== MODE_SERVER) return 'notAServer'
  if (version < 1 || version > VERSION) return 'version'
  const stratum = view.getUint8(STRATUM_OFFSET)
  if (stratum === 0) return { kiss: readCode(bytes) }
  if (bytes[0]! >> 6 === LEAP_UNSYNCHRONIZED) return 'unsynchronized'
  if (stratum > MAX_STRATUM) return 'stratum'
  const rootDistanceUs =
    readShortUs(view, ROOT_DELAY_OFFSET) / 2 + readShortUs(view, ROOT_DISPERSION_OFFSET)
  if (rootDistanceUs > MAX_ROOT_DISTANCE_US) return 'rootDistance'
  if (isZero(view, RECEIVE_OFFSET) || isZero(view, TRANSMIT_OFFSET)) return 'noTime'
  const receiveUs = readTimestampUs(view, RECEIVE_OFFSET)
  const transmitUs = readTimestampUs(view, TRANSMIT_OFFSET)
  return transmitUs < receiveUs ? 'noTime' : { stratum, rootDistanceUs, receiveUs, transmitUs }
}

/** Four characters of ASCII; others become dots. */
function readCode(bytes: Uint8Array): string {
  const code = bytes.subarray(REFERENCE_ID_OFFSET, REFERENCE_ID_OFFSET + 4)
  return Array.from(code, (byte) =>
    byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
  ).join('')
}

/** Seconds as 16.16 bits. */
function readShortUs(view: DataView, offset: number): number {
  return (view.getUint32(offset) / 65_536) * US_PER_SECOND
}

function isZero(view: DataView, offset: number): boolean {
  return view.getUint32(offset) === 0 && view.getUint32(offset + 4) === 0
}

/** RFC 4330 §3: with the upper bit set it is 1968 to 2036, without it 2036 to 2104. */
function readTimestampUs(view: DataView, offset: number): number {
  const seconds = view.getUint32(offset)
  const era = seconds >= 0x80000000 ? 0 : ERA_SECONDS
  const fractionUs = Math.floor((view.getUint32(offset + 4) / ERA_SECONDS) * US_PER_SECOND)
  return (seconds + era - EPOCH_SECONDS) * US_PER_SECOND + fractionUs
}
