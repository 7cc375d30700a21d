/** Bulk byte operations in plain TypeScript: the reference that tests run on. */
import type { HalBulk } from '../../drivers/hal.ts'

export const fakeBulk: HalBulk = {
  copy(target, targetOffset, source, sourceOffset, lengthBytes) {
    check(target, targetOffset, lengthBytes)
    check(source, sourceOffset, lengthBytes)
    target.set(source.subarray(sourceOffset, sourceOffset + lengthBytes), targetOffset)
  },
  fill(target, offset, value, lengthBytes) {
    check(target, offset, lengthBytes)
    target.fill(value, offset, offset + lengthBytes)
  },
  checksum(bytes, offset, lengthBytes, initialSum) {
    check(bytes, offset, lengthBytes)
    return internetSum(bytes, offset, lengthBytes, initialSum)
  },
  crc32(bytes, offset, lengthBytes, initial) {
    check(bytes, offset, lengthBytes)
    let crc = ~initial
    for (let i = 0; i < lengthBytes; i++) {
      crc ^= bytes[offset + i]!
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
    }
    return ~crc >>> 0
  },
  matches(bytes, offset, pattern, mask, lengthBytes) {
    check(bytes, offset, lengthBytes)
    check(pattern, 0, lengthBytes)
    check(mask, 0, lengthBytes)
    for (let i = 0; i < lengthBytes; i++) {
      if (((bytes[offset + i]! ^ pattern[i]!) & mask[i]!) !== 0) return false
    }
    return true
  },
  loadWords(target, bytes, offset, lengthBytes) {
    check(target, 0, lengthBytes)
    check(bytes, offset, lengthBytes)
    for (let i = 0; i < lengthBytes; i++) target[i] = bytes[offset + (i ^ 3)]!
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

function check(bytes: Uint8Array, offset: number, lengthBytes: number): void {
  if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > bytes.length) {
    throw new RangeError(`Cannot reach ${lengthBytes} bytes at ${offset} of ${bytes.length}`)
  }
}
