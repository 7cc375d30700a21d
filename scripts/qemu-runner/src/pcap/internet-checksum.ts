/** The Internet checksum (RFC 1071) for judging captures: fast enough for hundreds of megabytes. */

/**
 * Ones' complement sum of big-endian 16-bit words, an odd last octet padded with zero, plus
 * `initial`; folded, not complemented.
 */
export function onesComplementSum(
  bytes: Buffer,
  offset: number,
  length: number,
  initial: number,
): number {
  let sum = initial
  const end = offset + length
  let at = offset
  for (; at + 1 < end; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!
  if (at < end) sum += bytes[at]! << 8
  // 2^53 holds any capture's sum exactly, so folding can wait until here.
  while (sum > 0xffff) sum = Math.floor(sum / 0x10000) + (sum % 0x10000)
  return sum
}
