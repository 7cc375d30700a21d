/**
 * Queries and reports of MLD and IGMP as bytes (RFC 3810 §5, RFC 3376 §4): any bytes are survived,
 * lengths are believed once checked.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emitReport, MAX_QUERY_SOURCES, RecordType } from '../../../../net/wire/group-record.ts'
import { emitIgmp, IgmpType, parseIgmpQuery } from '../../../../net/wire/igmp.ts'
import { ipv4Address, ipv6Address } from '../../../../net/wire/ip-address.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { emitMldv1, parseMldQuery } from '../../../../net/wire/mld.ts'
import { be16, be32, concat, ip } from '../../../support/frames.ts'

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

it('survives any bytes as a query, and notes a bounded number of sources', () => {
  const message = fc.uint8Array({ maxLength: 600 })
  fc.assert(
    fc.property(message, fc.nat({ max: 5 }), fc.boolean(), (bytes, offset, hasGroup) => {
      // A view that ends with the message: a read past it throws.
      const shifted = concat(new Uint8Array(offset), bytes)
      if (hasGroup && bytes.length > 8) {
        shifted[offset + 4] = 0xe1
        shifted[offset + 8] = 0xff
      }
      for (const parse of [parseMldQuery, parseIgmpQuery]) {
        const query = parse(viewOf(shifted), offset, bytes.length)
        if (query === null) continue
        expect(query.sources.length).toBeLessThanOrEqual(MAX_QUERY_SOURCES)
        expect(query.maxResponseMs).toBeGreaterThanOrEqual(0)
        expect(query.maxResponseMs).toBeLessThanOrEqual(8_387_584)
        expect(query.robustness).toBeLessThanOrEqual(7)
      }
    }),
    { numRuns: 10_000 },
  )
})

describe('MLD', () => {
  const query = (code: number, group: string, tail: number[]) =>
    parseMldQuery(
      viewOf(concat([130, 0, 0, 0], be16(code), [0, 0], ip(group), tail)),
      0,
      24 + tail.length,
    )

  it('tells the versions by their lengths (RFC 3810 §8.1)', () => {
    expect(query(1_000, '::', [])).toMatchObject({ version: 1, group: null, maxResponseMs: 1_000 })
    expect(query(1_000, '::', [3, 125, 0, 0])).toMatchObject({ version: 2, robustness: 3 })
    for (const length of [1, 2, 3]) expect(query(0, '::', new Array(length).fill(0))).toBeNull()
    // Version 1 has no floating kind (RFC 2710 §3.4).
    expect(query(65_535, '::', [])).toMatchObject({ maxResponseMs: 65_535 })
  })

  it.each([
    [32_767, 32_767],
    [32_768, 32_768],
    [0x8001, 32_776],
    [0xffff, 8_387_584],
  ])('reads the response code %i as %i ms (RFC 3810 §5.1.3)', (code, maxResponseMs) => {
    expect(query(code, '::', [0, 0, 0, 0])).toMatchObject({ maxResponseMs })
  })

  it('notes the sources it was given, or that there were more', () => {
    const sources = (count: number) => [
      0,
      0,
      ...be16(count),
      ...Array.from({ length: count }, (_, index) => ip(`2001:db8::${index + 1}`)).flat(),
    ]
    const noted = query(0, 'ff05::1', sources(MAX_QUERY_SOURCES))!
    expect(noted.sources.map(formatIpAddress).at(-1)).toBe('2001:db8::16')
    expect(noted.hasMoreSources).toBe(false)
    expect(query(0, 'ff05::1', sources(MAX_QUERY_SOURCES + 1))).toMatchObject({
      sources: [],
      hasMoreSources: true,
    })
  })

  it('writes records and messages of version 1 as drawn (RFC 3810 §5.2, RFC 2710 §3)', () => {
    const bytes = new Uint8Array(100).fill(0xa5)
    const group = ipv6Address(0xff050000, 0, 0, 7)
    const source = ipv6Address(0x20010db8, 0, 0, 9)
    const { ModeIsInclude, ChangeToExclude } = RecordType
    const records = [
      { type: ChangeToExclude, group, sources: [] },
      { type: ModeIsInclude, group, sources: [source] },
    ]
    const length = emitReport(viewOf(bytes), 2, 143, records)
    const head = [143, 0, 0, 0, 0, 0, 0, 2]
    const first = [4, 0, 0, 0, ...ip('ff05::7')]
    const second = [1, 0, 0, 1, ...ip('ff05::7'), ...ip('2001:db8::9')]
    expect([...bytes.subarray(2, 2 + length)]).toEqual([...head, ...first, ...second])
    expect(emitMldv1(viewOf(bytes), 0, 132, group)).toBe(24)
    expect([...bytes.subarray(0, 24)]).toEqual([132, 0, 0, 0, 0, 0, 0, 0, ...ip('ff05::7')])
  })
})

describe('IGMP', () => {
  const query = (code: number, group: string, tail: number[]) =>
    parseIgmpQuery(viewOf(concat([0x11, code, 0, 0], ip(group), tail)), 0, 8 + tail.length)

  it('tells the versions by length and response code (RFC 3376 §7.1)', () => {
    expect(query(0, '0.0.0.0', [])).toMatchObject({ version: 1, maxResponseMs: 10_000 })
    expect(query(100, '0.0.0.0', [])).toMatchObject({ version: 2, maxResponseMs: 10_000 })
    expect(query(255, '0.0.0.0', [])).toMatchObject({ version: 2, maxResponseMs: 25_500 })
    expect(query(100, '0.0.0.0', [2, 125, 0, 0])).toMatchObject({ version: 3, robustness: 2 })
    for (const length of [1, 2, 3]) {
      expect(query(0, '0.0.0.0', new Array(length).fill(0))).toBeNull()
    }
  })

  it.each([
    [127, 12_700],
    [128, 12_800],
    [255, 3_174_400],
  ])(
    'reads the response code %i of version 3 as %i ms (RFC 3376 §4.1.1)',
    (code, maxResponseMs) => {
      expect(query(code, '0.0.0.0', [0, 0, 0, 0])).toMatchObject({ maxResponseMs })
    },
  )

  it('writes records and messages of older versions as drawn (RFC 3376 §4.2, RFC 2236 §2)', () => {
    const bytes = new Uint8Array(60).fill(0xa5)
    const group = ipv4Address(0xef010203)
    const records = [{ type: RecordType.ModeIsInclude, group, sources: [ipv4Address(0x0a000009)] }]
    const length = emitReport(viewOf(bytes), 1, IgmpType.ReportV3, records)
    expect([...bytes.subarray(1, 1 + length)]).toEqual([
      ...[0x22, 0, 0, 0, 0, 0, 0, 1],
      ...[1, 0, 0, 1, 239, 1, 2, 3],
      ...be32(0x0a000009),
    ])
    expect(emitIgmp(viewOf(bytes), 0, 0x17, group)).toBe(8)
    expect([...bytes.subarray(0, 8)]).toEqual([0x17, 0, 0, 0, 239, 1, 2, 3])
  })
})
