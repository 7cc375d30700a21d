/**
 * The test pattern of bulk transfers: octets 4k..4k+3 hold k mod 2^18, big endian; it repeats every
 * MiB.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const PATTERN_PERIOD = 1 << 20

/** One period. */
export function patternBlock(): Buffer {
  const block = Buffer.alloc(PATTERN_PERIOD)
  for (let k = 0; k < PATTERN_PERIOD / 4; k++) block.writeUInt32BE(k, k * 4)
  return block
}

/** SHA-256 of the first `length` octets, hexadecimal. */
export function patternSha256(length: number): string {
  const block = patternBlock()
  const hash = createHash('sha256')
  for (let at = 0; at < length; at += PATTERN_PERIOD) {
    hash.update(block.subarray(0, Math.min(PATTERN_PERIOD, length - at)))
  }
  return hash.digest('hex')
}

/** CRC-32 of the first `length` octets, 8 hexadecimal digits. */
export function patternCrc32(length: number): string {
  const block = patternBlock()
  let crc = 0
  for (let at = 0; at < length; at += PATTERN_PERIOD) {
    crc = crc32(block.subarray(0, Math.min(PATTERN_PERIOD, length - at)), crc)
  }
  return crc.toString(16).padStart(8, '0')
}
