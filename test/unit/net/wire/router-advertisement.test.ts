/**
 * Router Advertisements, whatever their options (RFC 4861 §4.2, §4.6); the lists of names in them
 * (RFC 8106 §5.2).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDomainList } from '../../../../net/wire/domain-list.ts'
import { isValidNdp } from '../../../../net/wire/ndp.ts'
import {
  emitRouterSolicitation,
  parseRouterAdvertisement,
} from '../../../../net/wire/router-advertisement.ts'
import { createPacketBuffer } from '../../../support/memory.ts'
import { advertisement, prefixOption } from '../../../support/router-messages.ts'

const HEADERS = 54

describe('parseRouterAdvertisement', () => {
  it('says infinity for all ones, and tells flags and preference', () => {
    const frame = advertisement(
      { flags: 0xc8, lifetime: 1, curHopLimit: 9 },
      prefixOption({ valid: 0xffffffff, preferred: 5, flags: 0x40, length: 255 }),
    ).subarray(HEADERS)
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
    expect(parseRouterAdvertisement(view, 0, frame.length)).toMatchObject({
      ...{ hopLimit: 9, isManaged: true, hasOtherConfiguration: true, preference: 1 },
      ...{ lifetimeSeconds: 1, mtu: 0, linkLayerHigh: -1 },
      prefixes: [
        {
          ...{ prefixLength: 255, isOnLink: false, isAutonomous: true },
          ...{ validSeconds: Number.POSITIVE_INFINITY, preferredSeconds: 5 },
        },
      ],
    })
  })

  it('takes whatever options a valid message has, in memory that ends where the message does', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            type: fc.constantFrom(1, 3, 5, 24, 25, 31, 200),
            units: fc.integer({ min: 0, max: 9 }),
            filler: fc.uint8Array({ minLength: 72, maxLength: 72 }),
          }),
          { maxLength: 12 },
        ),
        fc.integer({ min: 0, max: 7 }),
        (options, cut) => {
          const bytes = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0]
          for (const { type, units, filler } of options) {
            bytes.push(type, units, ...filler.subarray(0, Math.max(units * 8 - 2, 0)))
          }
          const length = Math.max(16, bytes.length - cut)
          const { view, bytes: memory } = createPacketBuffer(5 + length)
          memory.set(bytes.slice(0, length), 5)
          if (!isValidNdp(view, 5, length, 255)) return
          const parsed = parseRouterAdvertisement(view, 5, length)
          expect(parsed.prefixes.length * 32).toBeLessThanOrEqual(length)
        },
      ),
      { numRuns: 10_000 },
    )
  })
})

it('emitRouterSolicitation writes a valid one, with and without our hardware address', () => {
  const view = new DataView(new ArrayBuffer(30))
  expect(emitRouterSolicitation(view, 7, -1, 0)).toBe(8)
  expect(isValidNdp(view, 7, 8, 255)).toBe(true)
  expect(emitRouterSolicitation(view, 7, 0x5254, 0x00123456)).toBe(16)
  expect(isValidNdp(view, 7, 16, 255)).toBe(true)
  expect([...new Uint8Array(view.buffer, 15, 8)]).toEqual([1, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56])
})

describe('parseDomainList', () => {
  it('never throws, never returns what is no name, and does no more than there are bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const names = parseDomainList(bytes, 0, bytes.length)
        for (const name of names ?? []) expect(name).toMatch(/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/)
      }),
      { numRuns: 10_000 },
    )
  })

  it('leaves out names of more than 253 characters and labels with odd characters', () => {
    const label = [63, ...new Array<number>(63).fill(0x61)]
    const long = [...label, ...label, ...label, ...label, 0]
    const list = [...long, 1, 0x2e, 0, 2, 0x2d, 0x61, 0, 1, 0x62, 0, 0, 0]
    expect(parseDomainList(Uint8Array.from(list), 0, list.length)).toEqual(['b'])
  })
})
