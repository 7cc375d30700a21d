/**
 * The extension header walk: bounded, total, and right about where the transport starts (RFC 8200
 * §4).
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  ChainVerdict,
  createExtensionChain,
  walkExtensionHeaders,
} from '../../../../net/wire/ipv6-extension.ts'
import { concat } from '../../../support/frames.ts'

function walk(nextHeader: number, payload: ArrayLike<number>, offset = 0) {
  const header = new Uint8Array(40)
  header[6] = nextHeader
  const bytes = concat(new Uint8Array(offset), header, payload)
  // A read outside the packet throws; those inside are counted.
  let reads = 0
  const view = new DataView(bytes.buffer)
  view.getUint8 = (position) => {
    reads++
    return DataView.prototype.getUint8.call(view, position)
  }
  const chain = createExtensionChain()
  const verdict = walkExtensionHeaders(view, offset, bytes.length - offset, payload.length, chain)
  return { verdict, chain, reads }
}

it('does bounded work on any bytes, and stays inside', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 43, 44, 60),
      fc.array(fc.constantFrom(0, 1, 2, 43, 44, 60, 255, 6), { maxLength: 600 }),
      (nextHeader, payload) => {
        const { verdict, chain, reads } = walk(nextHeader, payload)
        expect(reads).toBeLessThanOrEqual(40 + 2 * payload.length)
        if (verdict === ChainVerdict.Transport || verdict === ChainVerdict.Fragment) {
          expect(chain.transportOffset).toBeGreaterThanOrEqual(40)
          expect(chain.transportOffset + chain.transportLength).toBe(40 + payload.length)
        }
      },
    ),
    { numRuns: 5000 },
  )
})

it('reads no more than the limits let it, however long the headers are (RFC 8504 §5.3)', () => {
  // 168 octets of padding and 16 options of two octets in eight headers of four: each read once.
  const most = 40 + 8 * 4 + (16 + 8) * 7 + 2 * 16
  const option = fc.oneof(
    fc.constant([0]),
    fc.nat({ max: 5 }).map((length) => [1, length, ...new Array<number>(length).fill(0)]),
    fc.nat({ max: 5 }).map((length) => [0x1e, length, ...new Array<number>(length).fill(0)]),
  )
  const header = fc.array(option, { maxLength: 700 }).map((options) => {
    const bytes = options.flat().slice(0, 2046)
    while ((bytes.length + 2) % 8 !== 0) bytes.push(0)
    return [60, (bytes.length + 2) / 8 - 1, ...bytes]
  })
  fc.assert(
    fc.property(fc.constantFrom(0, 60), fc.array(header, { maxLength: 12 }), (first, headers) => {
      expect(walk(first, headers.flat()).reads).toBeLessThanOrEqual(most)
    }),
    { numRuns: 2000 },
  )
  expect(walk(60, [58, 175, ...new Array<number>(1406).fill(0)])).toMatchObject({
    verdict: ChainVerdict.TooManyOptions,
    reads: 10,
  })
})

it('finds the transport behind headers of any length', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 8 }),
      fc.nat({ max: 9 }),
      (lengths, offset) => {
        const headers = lengths.map((length, index) => {
          const bytes = new Uint8Array(8 * (length + 1))
          bytes[0] = index === lengths.length - 1 ? 17 : 60
          bytes[1] = length
          // One option that fills the header.
          bytes[2] = 0x1e
          bytes[3] = bytes.length - 4
          return bytes
        })
        const payload = concat(...headers, [1, 2, 3])
        const { verdict, chain } = walk(60, payload, offset)
        expect(verdict).toBe(ChainVerdict.Transport)
        expect(chain.protocol).toBe(17)
        expect(chain.transportOffset).toBe(offset + 40 + payload.length - 3)
        expect(chain.transportLength).toBe(3)
        const last = headers.slice(0, -1).reduce((sum, header) => sum + header.length, 0)
        expect(chain.nextHeaderPointer).toBe(40 + last)
      },
    ),
  )
})

it('stops where the contiguous part of a packet ends', () => {
  const bytes = concat(new Uint8Array(40), [6, 0, 1, 4, 0, 0, 0, 0], new Uint8Array(100))
  bytes[6] = 60
  const view = new DataView(bytes.buffer)
  const chain = createExtensionChain()
  expect(walkExtensionHeaders(view, 0, 47, 108, chain)).toBe(ChainVerdict.Malformed)
  expect(walkExtensionHeaders(view, 0, 48, 108, chain)).toBe(ChainVerdict.Transport)
  expect(chain.transportLength).toBe(100)
})
