/** The platform's bulk operations in plain TypeScript: the reference that tests of drivers and kernel run on. */
import type { HalBulk } from '../../drivers/hal.ts'
import { checkRange, testBulk } from '../support/memory.ts'

export const fakeBulk: HalBulk = {
  ...testBulk,
  crc32(bytes, offset, lengthBytes, initial) {
    checkRange(bytes, offset, lengthBytes)
    let crc = ~initial
    for (let i = 0; i < lengthBytes; i++) {
      crc ^= bytes[offset + i]!
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
    }
    return ~crc >>> 0
  },
}

/** RFC 1071: big-endian 16-bit words, odd last byte padded, folded, not complemented. */
export function internetSum(
  bytes: Uint8Array,
  offset: number,
  lengthBytes: number,
  initialSum = 0,
): number {
  let sum = initialSum
  const end = offset + lengthBytes
  let i = offset
  for (; i + 1 < end; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!
  if (i < end) sum += bytes[i]! << 8
  return foldSum(sum)
}

export function foldSum(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  return folded
}
