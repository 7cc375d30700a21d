/** The codec of DHCPv4 on hostile bytes (RFC 2131 §2, RFC 2132, RFC 3396, RFC 3442). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCidr } from '../../../../net/wire/cidr.ts'
import {
  Dhcpv4Option,
  emitDhcpv4,
  isDhcpv4Transaction,
  parseClasslessRoutes,
  parseDhcpv4,
  readWord,
} from '../../../../net/wire/dhcpv4.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { be32, concat, ip } from '../../../support/frames.ts'

const COOKIE = [0x63, 0x82, 0x53, 0x63]

/** A reply with these options, `file` and `sname`; all else is right. */
function reply(options: ArrayLike<number>, file: number[] = [], sname: number[] = []): Uint8Array {
  const bytes = new Uint8Array(240 + options.length)
  bytes.set([2, 1, 6, 0, ...be32(0x12345678)])
  bytes.set(ip('10.0.0.9'), 16)
  bytes.set([0x52, 0x54, 0, 1, 2, 3], 28)
  bytes.set(sname, 44)
  bytes.set(file, 108)
  bytes.set(COOKIE, 236)
  bytes.set(options, 240)
  return bytes
}

const option = (bytes: Uint8Array, code: number) => {
  const parsed = parseDhcpv4(bytes)
  return parsed === null ? null : [...(parsed.options.get(code) ?? [])]
}

describe('parseDhcpv4', () => {
  it('reads what a client needs', () => {
    const parsed = parseDhcpv4(reply([0, 53, 1, 5, 0, 51, 4, 0, 0, 14, 16, 255]))!
    expect(parsed).toMatchObject({
      ...{ transactionId: 0x12345678, yourAddress: 0x0a000009 },
      ...{ hardwareHigh: 0x5254, hardwareLow: 0x00010203 },
    })
    expect(readWord(parsed.options.get(51)!)).toBe(3600)
  })

  it.each([
    ['239 octets', reply([]).subarray(0, 239)],
    ['nothing', new Uint8Array(0)],
    ['a request', reply([255]).with(0, 1)],
    ['another hardware type', reply([255]).with(1, 6)],
    ['another hardware length', reply([255]).with(2, 16)],
    ['no cookie', reply([255]).with(239, 0)],
    ['an option past the end', reply([53, 2, 5])],
    ['an option without a length', reply([53])],
    ['a length of 255 at the end', reply([53, 1, 5, 12, 255])],
    ['an overload of 0', reply([52, 1, 0, 255])],
    ['an overload of 4', reply([52, 1, 4, 255])],
    ['an overload of two octets', reply([52, 2, 1, 1, 255])],
    ['an option past the end of file', reply([52, 1, 1, 255], [...new Array(126).fill(0), 12, 9])],
    ['an option past the end of sname', reply([52, 1, 2, 255], [], [12, 63, 1])],
  ])('refuses %s', (_what, bytes) => {
    expect(parseDhcpv4(bytes)).toBeNull()
  })

  it('takes padding alone, and options without an end, as they are', () => {
    expect(parseDhcpv4(reply(new Uint8Array(60)))!.options.size).toBe(0)
    expect(option(reply([53, 1, 5]), 53)).toEqual([5])
  })

  it('ignores what is behind the end', () => {
    expect(option(reply([53, 1, 5, 255, 53, 1, 6]), 53)).toEqual([5])
  })

  it('reads file, then sname, where the overload option says so, and what that says there is nothing', () => {
    const file = [12, 1, 0x66, 52, 1, 3, 255]
    const sname = [12, 1, 0x73, 255]
    expect(option(reply([52, 1, 3, 12, 1, 0x6f, 255], file, sname), 12)).toEqual([0x6f, 0x66, 0x73])
    expect(option(reply([52, 1, 1, 255], [12, 1, 0x66, 255], sname), 12)).toEqual([0x66])
    expect(option(reply([52, 1, 2, 255], file, sname), 12)).toEqual([0x73])
    expect(option(reply([255], file, sname), 12)).toEqual([])
  })

  it('joins the parts of a long option in order (RFC 3396 §7)', () => {
    const long = new Array<number>(255).fill(7)
    const bytes = reply([121, 255, ...long, 53, 1, 5, 121, 2, 8, 9, 255])
    expect(option(bytes, 121)).toEqual([...long, 8, 9])
  })

  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (options, sname) => {
          const parsed = parseDhcpv4(reply(options, [], [...sname]))
          if (parsed === null) return
          let length = 0
          for (const value of parsed.options.values()) length += value.length
          expect(length).toBeLessThanOrEqual(options.length + 192)
          for (const value of parsed.options.values()) parseClasslessRoutes(value)
        },
      ),
      { numRuns: 5_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        parseDhcpv4(bytes)
        isDhcpv4Transaction(bytes, 1)
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('emitDhcpv4', () => {
  it('writes what a strict reader finds, at least 300 octets, zeros where nothing is said', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 0, max: 100_000 }),
        fc.boolean(),
        fc.uint8Array({ maxLength: 255 }),
        (transactionId, elapsedSeconds, wantsBroadcast, value) => {
          const bytes = emitDhcpv4({
            ...{ transactionId, elapsedSeconds, wantsBroadcast },
            ...{ hardwareHigh: 0x5254, hardwareLow: 0x00123456, clientAddress: 0x0a000002 },
            options: [
              [Dhcpv4Option.MessageType, Uint8Array.of(1)],
              [Dhcpv4Option.HostName, value],
            ],
          })
          const view = new DataView(bytes.buffer)
          expect(bytes.length).toBeGreaterThanOrEqual(300)
          expect([...bytes.subarray(0, 4)]).toEqual([1, 1, 6, 0])
          expect(view.getInt32(4)).toBe(transactionId)
          expect(view.getUint16(8)).toBe(Math.min(elapsedSeconds, 0xffff))
          expect(view.getUint16(10)).toBe(wantsBroadcast ? 0x8000 : 0)
          expect([...bytes.subarray(12, 28)]).toEqual([10, 0, 0, 2, ...new Array(12).fill(0)])
          expect(isDhcpv4Transaction(bytes, transactionId)).toBe(true)
          const options = parseDhcpv4(bytes.with(0, 2))!.options
          expect([...options.get(12)!]).toEqual([...value])
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('parseClasslessRoutes (RFC 3442)', () => {
  const show = (value: number[]) =>
    parseClasslessRoutes(Uint8Array.from(value))?.map(
      ({ destination, prefixLength, router }) =>
        `${formatCidr({ address: destination, prefixLength })} ${router === null ? '-' : formatIpAddress(router)}`,
    )
  it('reads as many octets of a destination as are significant', () => {
    expect(
      show([
        0, 10, 0, 0, 1, 8, 10, 0, 0, 0, 0, 17, 10, 27, 129, 1, 2, 3, 4, 32, 1, 2, 3, 4, 5, 6, 7, 8,
      ]),
    ).toEqual([
      '0.0.0.0/0 10.0.0.1',
      '10.0.0.0/8 -',
      '10.27.128.0/17 1.2.3.4',
      '1.2.3.4/32 5.6.7.8',
    ])
  })
  it.each([
    [[]],
    [[0]],
    [[0, 1, 2, 3]],
    [[24, 10, 0]],
    [[33, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    [[0, 1, 2, 3, 4, 8]],
  ])('refuses %j', (value) => {
    expect(show(value)).toBeUndefined()
  })
})

it('a reader that is given less than a transaction number says no', () => {
  expect(isDhcpv4Transaction(concat([2, 1, 6, 0], be32(5)), 5)).toBe(false)
})
