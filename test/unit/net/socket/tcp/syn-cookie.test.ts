/**
 * SYN cookies: what they carry, how long they are good, and that nobody makes one who has not been
 * sent it (RFC 4987 §3.6).
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  COOKIE_PERIOD_MS,
  COOKIE_SEGMENT_SIZES,
  type CookieInput,
  cookieOptions,
  SynCookies,
  timestampWithOptions,
} from '../../../../../net/socket/tcp/open/syn-cookie.ts'
import {
  SynOption,
  synMss,
  synScale,
  withSynMss,
} from '../../../../../net/socket/tcp/open/syn-options.ts'
import { ipv4Address, ipv6Address } from '../../../../../net/wire/ip-address.ts'
import { fakeBulk } from '../../../../fakes/fake-bulk.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'

const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
const v4 = int32.map(ipv4Address)
const v6 = fc.tuple(int32, int32, int32, int32).map((words) => ipv6Address(...words))
const ends = fc.oneof(fc.tuple(v4, v4), fc.tuple(v6, v6))
const input: fc.Arbitrary<CookieInput> = fc
  .tuple(ends, int32, int32)
  .map(([[source, destination], ports, receiveSequence]) => ({
    ...{ source, destination, ports, receiveSequence, arrivalIndex: 0 },
  }))
const nowMs = fc.double({ min: 0, max: 1e10, noNaN: true })
const mss = fc.integer({ min: 48, max: 65_535 })
/** Well below the shortest life of a cookie. */
const delayMs = fc.double({ min: 0, max: COOKIE_PERIOD_MS, noNaN: true, maxExcluded: true })

describe('a cookie', () => {
  it('gives back the largest size of the table that is not above the MSS of the SYN, for 64 seconds at least', () => {
    fc.assert(
      fc.property(input, mss, nowMs, delayMs, (ends, size, now, delay) => {
        const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
        const cookie = cookies.sequenceFor(ends, withSynMss(0, size), now)
        const expected = COOKIE_SEGMENT_SIZES.filter((one) => one <= size).at(-1)
        expect(cookies.segmentSizeOf(ends, cookie, now + delay)).toBe(expected)
      }),
      { numRuns: 2000 },
    )
  })

  it('is worth nothing after 128 seconds, also when no other was made meanwhile', () => {
    fc.assert(
      fc.property(input, mss, nowMs, fc.double({ min: 0, max: 1e9, noNaN: true }), (...drawn) => {
        const [ends, size, now, later] = drawn
        const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
        const cookie = cookies.sequenceFor(ends, withSynMss(0, size), now)
        expect(cookies.segmentSizeOf(ends, cookie, now + 2 * COOKIE_PERIOD_MS + later)).toBe(0)
      }),
      { numRuns: 1000 },
    )
  })

  it('stays good over the change of the key, while another period makes its own', () => {
    const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
    const ends = {
      source: ipv4Address(1),
      destination: ipv4Address(2),
      ports: 3,
      receiveSequence: 4,
      arrivalIndex: 0,
    }
    const first = cookies.sequenceFor(ends, withSynMss(0, 1460), COOKIE_PERIOD_MS - 1)
    const second = cookies.sequenceFor(ends, withSynMss(0, 1460), COOKIE_PERIOD_MS)
    expect(first).not.toBe(second)
    const soon = COOKIE_PERIOD_MS + 1
    expect(cookies.segmentSizeOf(ends, first, soon)).toBe(1460)
    expect(cookies.segmentSizeOf(ends, second, soon)).toBe(1460)
    cookies.sequenceFor(ends, withSynMss(0, 1460), 2 * COOKIE_PERIOD_MS)
    expect(cookies.segmentSizeOf(ends, first, 2 * COOKIE_PERIOD_MS)).toBe(0)
    expect(cookies.segmentSizeOf(ends, second, 2 * COOKIE_PERIOD_MS)).toBe(1460)
  })

  it('is of one conversation and one ISN only', () => {
    fc.assert(
      fc.property(input, input, mss, nowMs, (ends, others, size, now) => {
        const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
        const cookie = cookies.sequenceFor(ends, withSynMss(0, size), now)
        for (const one of [
          { ...ends, source: others.source, destination: others.destination },
          { ...ends, ports: ends.ports ^ 1 },
          { ...ends, receiveSequence: (ends.receiveSequence + 1) | 0 },
        ]) {
          expect(cookies.segmentSizeOf(one, cookie, now)).toBe(0)
        }
      }),
      // What matches by chance does so once in 2^28.
      { numRuns: 1000, seed: 7 },
    )
  })

  it('is none of another boot, and none before the first was made', () => {
    const ends = {
      source: ipv4Address(1),
      destination: ipv4Address(2),
      ports: 3,
      receiveSequence: 4,
      arrivalIndex: 0,
    }
    const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
    const other = new SynCookies(new SeededRandom(2), fakeBulk)
    const random = new SeededRandom(3)
    for (const now of [0, 1, COOKIE_PERIOD_MS, 5 * COOKIE_PERIOD_MS]) {
      for (let count = 0; count < 100; count++) {
        expect(other.segmentSizeOf(ends, random.nextInt32(), now)).toBe(0)
      }
      const cookie = cookies.sequenceFor(ends, withSynMss(0, 1460), now)
      expect(other.segmentSizeOf(ends, cookie, now)).toBe(0)
    }
  })

  it('of a link-local peer is of its link, on which no other has the address (RFC 4007 §6)', () => {
    const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
    const numbers = { ports: 3, receiveSequence: 4 }
    const known = (word0: number) => {
      const [source, destination] = [ipv6Address(word0, 0, 0, 1), ipv6Address(word0, 0, 0, 2)]
      const here = { source, destination, ...numbers, arrivalIndex: 0 }
      const cookie = cookies.sequenceFor(here, withSynMss(0, 1460), 0)
      return [0, 1].map((arrivalIndex) =>
        cookies.segmentSizeOf({ ...here, arrivalIndex }, cookie, 0),
      )
    }
    expect(known(0xfe800000 | 0)).toEqual([1460, 0])
    // Others may be reached by another way than their SYN came.
    expect(known(0x20010db8)).toEqual([1460, 1460])
  })

  it('cannot be guessed: of a million that were tried none is good', () => {
    const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
    const random = new SeededRandom(2)
    const ends = {
      source: ipv4Address(1),
      destination: ipv4Address(2),
      ports: 3,
      receiveSequence: 4,
      arrivalIndex: 0,
    }
    cookies.sequenceFor(ends, withSynMss(0, 1460), 0)
    let good = 0
    for (let count = 0; count < 1_000_000; count++) {
      if (cookies.segmentSizeOf(ends, random.nextInt32(), 0) !== 0) good++
    }
    expect(good).toBe(0)
  })

  it('lets every bit of the hash depend on everything: half of them change with any one bit', () => {
    const cookies = new SynCookies(new SeededRandom(1), fakeBulk)
    let changed = 0
    const base = {
      source: ipv4Address(9),
      destination: ipv4Address(2),
      ports: 3,
      receiveSequence: 4,
      arrivalIndex: 0,
    }
    const cookie = cookies.sequenceFor(base, withSynMss(0, 1460), 0)
    for (let bit = 0; bit < 32; bit++) {
      const source = ipv4Address(9 ^ (1 << bit))
      let difference = cookies.sequenceFor({ ...base, source }, withSynMss(0, 1460), 0) ^ cookie
      for (; difference !== 0; difference &= difference - 1) changed++
    }
    expect(changed / 32).toBeGreaterThan(12)
    expect(changed / 32).toBeLessThan(16)
  })
})

describe('the timestamp of a cookie', () => {
  const options = fc
    .tuple(fc.integer({ min: -1, max: 14 }), fc.boolean(), fc.boolean())
    .map(
      ([scale, sackPermitted, ecn]) =>
        SynOption.Timestamps |
        (scale < 0 ? 0 : SynOption.WindowScale | scale) |
        (sackPermitted ? SynOption.SackPermitted : 0) |
        (ecn ? SynOption.Ecn : 0),
    )

  it('carries scale, SACK and ECN', () => {
    fc.assert(
      fc.property(options, mss, int32, delayMs, (offer, size, clock, delay) => {
        const echo = timestampWithOptions(clock, offer)
        const later = (clock + Math.floor(delay)) | 0
        const back = cookieOptions(size, true, echo, later)
        expect(back).toBe(withSynMss(offer, size))
        expect(synMss(back)).toBe(size)
        expect(synScale(back)).toBe((offer & SynOption.WindowScale) === 0 ? 0 : offer & 0xf)
      }),
      { numRuns: 2000 },
    )
  })

  it('is never later than the clock and never goes back, by which RFC 7323 §5.3 would drop what follows', () => {
    fc.assert(
      fc.property(options, int32, fc.nat(1000), (offer, clock, step) => {
        const first = timestampWithOptions(clock, offer)
        const second = timestampWithOptions((clock + step) | 0, offer)
        expect((clock - first) | 0).toBeGreaterThanOrEqual(0)
        expect((clock - first) | 0).toBeLessThan(64)
        expect((second - first) | 0).toBeGreaterThanOrEqual(0)
      }),
      { numRuns: 2000 },
    )
  })

  it('says nothing when it is none of the last two minutes, and without timestamps there are no options', () => {
    const clock = 1_000_000_000
    const echo = timestampWithOptions(clock, SynOption.WindowScale | 7)
    expect(cookieOptions(1460, true, echo, clock + 3 * COOKIE_PERIOD_MS)).toBe(0)
    expect(cookieOptions(1460, true, echo, clock - 100)).toBe(0)
    expect(cookieOptions(1460, true, 0, clock)).toBe(0)
    expect(cookieOptions(1460, false, echo, clock)).toBe(withSynMss(0, 1460))
  })
})
