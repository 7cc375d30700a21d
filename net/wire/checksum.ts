/**
 * Internet checksum arithmetic (RFC 1071, RFC 1624): pseudo-headers, folding, incremental update,
 * and the slow reference sum.
 */
import type { IpAddress } from './ip-address.ts'

/** Folds a non-negative sum below 2^48 to 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum
  if (folded > 0x7fffffff) folded = (folded % 0x10000) + Math.floor(folded / 0x10000)
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}

/** The value to store for a folded sum. */
export function complementSum(foldedSum: number): number {
  return ~foldedSum & 0xffff
}

/** Ones' complement sum of two folded sums. */
export function addSums(a: number, b: number): number {
  const sum = a + b
  return (sum & 0xffff) + (sum >>> 16)
}

/** RFC 1071 §2 (B): the folded sum of the same bytes shifted by one octet. */
export function swapSum(foldedSum: number): number {
  return ((foldedSum & 0xff) << 8) | (foldedSum >>> 8)
}

/** Adds both 16-bit halves of an int32 word to a running, not yet folded sum. */
export function addWord(sum: number, word: number): number {
  return sum + (word >>> 16) + (word & 0xffff)
}

/**
 * Folded pseudo-header sum of two addresses of one family and the protocol (RFC 9293 §3.1, RFC 8200
 * §8.1); the transport length is not in it yet.
 */
export function pseudoHeaderSum(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
): number {
  let sum = addWord(addWord(protocol, source.word3), destination.word3)
  if (source.version === 4) return foldSum(sum)
  sum = addWord(addWord(addWord(sum, source.word0), source.word1), source.word2)
  sum = addWord(addWord(addWord(sum, destination.word0), destination.word1), destination.word2)
  return foldSum(sum)
}

/**
 * Adds the transport length to a folded pseudo-header sum. The length counts with all its 32 bits:
 * a length cut to 16 bits gives bad checksums for frames above 64 KiB.
 */
export function addLengthToSum(foldedSum: number, lengthBytes: number): number {
  return foldSum(foldedSum + (lengthBytes >>> 16) + (lengthBytes & 0xffff))
}

/** RFC 1624 equation 3: the checksum after one 16-bit word changed from `oldWord` to `newWord`. */
export function updateChecksum(checksum: number, oldWord: number, newWord: number): number {
  let sum = (~checksum & 0xffff) + (~oldWord & 0xffff) + newWord
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/**
 * RFC 1071 sum in plain TypeScript, added to `initialSum` and folded: the reference that tests
 * compare the platform's BulkOperations.checksum with. Two orders of magnitude too slow for the
 * packet path.
 */
export function referenceChecksum(
  bytes: Uint8Array,
  offset: number,
  lengthBytes: number,
  initialSum: number,
): number {
  let sum = foldSum(initialSum)
  const end = offset + lengthBytes
  let position = offset
  for (; position + 1 < end; position += 2) {
    sum += (bytes[position]! << 8) | bytes[position + 1]!
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  if (position < end) sum += bytes[position]! << 8
  return foldSum(sum)
}
