/** The Internet checksum, bit by bit as RFC 1071 §1 has it: the reference of the fakes. */

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
