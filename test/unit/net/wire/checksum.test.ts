/** Internet checksum arithmetic against a BigInt model (RFC 1071, RFC 1624). */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as checksum from '../../../../net/wire/checksum.ts'
import { ipv4Address, ipv6Address } from '../../../../net/wire/ip-address.ts'
import { int32, uint16 } from '../../../support/arbitraries.ts'

/** Sum of big-endian words, mod 65535 with 0 only for all-zero input. */
function modelSum(bytes: Uint8Array, initial: bigint): number {
  let sum = initial
  for (let index = 0; index < bytes.length; index += 2) {
    sum += BigInt(bytes[index]! << 8) + BigInt(bytes[index + 1] ?? 0)
  }
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n)
  return Number(sum)
}

it('sums any bytes from any initial sum like the model', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat({ max: 0xffffffff }),
      (bytes, initial) => {
        expect(checksum.referenceChecksum(bytes, 0, bytes.length, initial)).toBe(
          modelSum(bytes, BigInt(initial)),
        )
      },
    ),
    { numRuns: 5000 },
  )
})

it('sums the RFC 1071 §3 example', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
  expect(checksum.referenceChecksum(bytes, 0, 8, 0)).toBe(0xddf2)
})

it('sums in two parts split anywhere as in one, the second swapped after an odd first', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 99 }), fc.nat({ max: 99 }), (bytes, at) => {
      const split = Math.min(at, bytes.length)
      const first = checksum.referenceChecksum(bytes, 0, split, 0)
      const second = checksum.referenceChecksum(bytes, split, bytes.length - split, 0)
      const aligned = split % 2 === 0 ? second : checksum.swapSum(second)
      expect(checksum.addSums(first, aligned)).toBe(
        checksum.referenceChecksum(bytes, 0, bytes.length, 0),
      )
    }),
    { numRuns: 5000 },
  )
})

it('updates a stored checksum to what a full sum gives (RFC 1624)', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 20, maxLength: 20 }),
      fc.nat(9),
      uint16,
      (bytes, at, word) => {
        // RFC 1624 §3 holds for data that is not all zero, as every header is not.
        bytes[0] = 0x45
        const view = new DataView(bytes.buffer, bytes.byteOffset, 20)
        const index = Math.max(2, 2 * at)
        const before = checksum.complementSum(checksum.referenceChecksum(bytes, 0, 20, 0))
        const updated = checksum.updateChecksum(before, view.getUint16(index), word)
        view.setUint16(index, word)
        expect(updated).toBe(checksum.complementSum(checksum.referenceChecksum(bytes, 0, 20, 0)))
      },
    ),
    { numRuns: 5000 },
  )
})

it('sums pseudo-headers of both families as their bytes', () => {
  fc.assert(
    fc.property(fc.array(int32, { minLength: 8, maxLength: 8 }), fc.nat(255), (words, protocol) => {
      const bytes = new Uint8Array(36)
      const view = new DataView(bytes.buffer)
      words.forEach((word, index) => {
        view.setInt32(4 * index, word)
      })
      view.setUint16(34, protocol)
      const [a, b, c, d, e, f, g, h] = words
      const [source, destination] = [ipv6Address(a!, b!, c!, d!), ipv6Address(e!, f!, g!, h!)]
      expect(checksum.pseudoHeaderSum(source, destination, protocol)).toBe(modelSum(bytes, 0n))
      expect(checksum.pseudoHeaderSum(ipv4Address(a!), ipv4Address(b!), protocol)).toBe(
        modelSum(bytes.subarray(0, 8), BigInt(protocol)),
      )
    }),
    { numRuns: 3000 },
  )
})

it('counts all 32 bits of the transport length', () => {
  expect(checksum.addLengthToSum(0x1234, 70_000)).toBe(0x1234 + 1 + (70_000 & 0xffff))
  expect(checksum.addLengthToSum(0xffff, 65_535)).toBe(0xffff)
})
