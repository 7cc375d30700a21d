/** The base framing of RFC 6455 §5.2: opcodes, close codes, and frames as they are sent. */
import { maskBytes } from './mask.ts'

export const CONTINUATION = 0x0
export const TEXT = 0x1
export const BINARY = 0x2
export const CLOSE = 0x8
export const PING = 0x9
export const PONG = 0xa

/** §7.4.1 and IANA's registry of close codes. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  /** Never sent: the peer gave no code. */
  none: 1005,
  /** Never sent: the connection ended without a Close frame. */
  abnormal: 1006,
  invalidData: 1007,
  tooBig: 1009,
  tryAgainLater: 1013,
} as const

/** §5.5: "All control frames MUST have a payload length of 125 bytes or less". */
export const CONTROL_LENGTH = 125
export const FINAL = 0x80
export const RESERVED = 0x70
export const OPCODE = 0x0f
export const MASKED = 0x80
/** Lengths of the 7-bit field that say that 16 or 64 bits follow. */
export const LENGTH_16 = 126
export const LENGTH_64 = 127
export const KEY_BYTES = 4

/** A whole frame, final; masked when `key` has four bytes. */
export function encodeFrame(
  opcode: number,
  payload: Uint8Array,
  key: Uint8Array | null,
): Uint8Array {
  const { length } = payload
  const lengthBytes = length < LENGTH_16 ? 0 : length < 0x1_0000 ? 2 : 8
  const headBytes = 2 + lengthBytes + (key === null ? 0 : KEY_BYTES)
  const frame = new Uint8Array(headBytes + length)
  const field = lengthBytes === 0 ? length : lengthBytes === 2 ? LENGTH_16 : LENGTH_64
  frame[0] = FINAL | opcode
  frame[1] = field | (key === null ? 0 : MASKED)
  // From the last byte on; a message is shorter than 2^32.
  for (let at = 1 + lengthBytes, rest = length; at > 1 && rest > 0; at--, rest >>>= 8) {
    frame[at] = rest & 0xff
  }
  if (key === null) frame.set(payload, headBytes)
  else {
    frame.set(key, headBytes - KEY_BYTES)
    maskBytes(frame, headBytes, payload, 0, length, key)
  }
  return frame
}
