/** TCP header codec (RFC 9293 §3.1) and its options. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTcpHeader, emitTcp, formatTcp, parseTcp, TcpFlag } from '../../../../net/wire/tcp.ts'
import { TCP_MAX_SACK_BLOCKS } from '../../../../net/wire/tcp-options.ts'
import { tcpHeader } from '../../../support/arbitraries.ts'

function viewOf(...bytes: number[]): DataView {
  return new DataView(Uint8Array.from(bytes).buffer)
}

/** A header with the given option bytes, whose length must be a multiple of 4. */
function headerWithOptions(...options: number[]): DataView {
  const fixed = [0, 80, 1, 0, 0, 0, 0, 1, 0, 0, 0, 2, (5 + options.length / 4) << 4, 0x10, 1, 0]
  return viewOf(...fixed, 0, 0, 0, 0, ...options)
}

function parseOptions(...options: number[]) {
  const header = createTcpHeader()
  expect(parseTcp(headerWithOptions(...options), 0, 20 + options.length, header)).toBe(true)
  return header
}

describe('TCP header', () => {
  it('parses what it emitted, at any offset', () => {
    fc.assert(
      fc.property(tcpHeader, fc.integer({ min: 0, max: 9 }), (header, offset) => {
        const view = new DataView(new ArrayBuffer(offset + 60))
        const length = emitTcp(view, offset, header)
        const parsed = createTcpHeader()
        expect(parseTcp(view, offset, length, parsed)).toBe(true)
        expect(parsed).toEqual(header)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuses a segment cut anywhere in the header', () => {
    fc.assert(
      fc.property(tcpHeader, (header) => {
        const view = new DataView(new ArrayBuffer(60))
        const length = emitTcp(view, 0, header)
        for (let cut = 0; cut < length; cut++) {
          expect(parseTcp(view, 0, cut, createTcpHeader())).toBe(false)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('refuses a data offset of 0..4 words or beyond the segment', () => {
    const bytes = new Uint8Array(40)
    const view = new DataView(bytes.buffer)
    for (let words = 0; words < 16; words++) {
      bytes[12] = words << 4
      expect(parseTcp(view, 0, 40, createTcpHeader())).toBe(words >= 5 && words <= 10)
    }
  })

  it('never throws and never reads outside, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
        const header = createTcpHeader()
        parseTcp(view, 0, bytes.length, header)
        expect(header.sackBlockCount).toBeLessThanOrEqual(TCP_MAX_SACK_BLOCKS)
      }),
      { numRuns: 5000 },
    )
  })

  it('reads options at any alignment and ignores unknown kinds (MUST-6, MUST-64)', () => {
    const header = parseOptions(1, 253, 4, 9, 9, 2, 4, 5, 180, 3, 3, 7, 4, 2, 1, 0)
    expect(header).toMatchObject({ hasMss: true, mss: 1460, hasWindowScale: true, windowScale: 7 })
    expect(header).toMatchObject({ sackPermitted: true, optionsMalformed: false })
    const shifted = parseOptions(1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6, 1)
    expect(shifted).toMatchObject({ hasTimestamps: true, timestampValue: 5, timestampEcho: 6 })
  })

  it('reads SACK blocks alike wherever they lie, and however long the option says it is', () => {
    const edge = fc.uint8Array({ minLength: 4, maxLength: 4 })
    const timestamps = [8, 10, 0, 0, 0, 5, 0, 0, 0, 6]
    fc.assert(
      fc.property(
        fc.array(edge, { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        (edges, isTimed) => {
          const blocks = edges.flatMap((bytes) => [...bytes])
          const sack = [5, 2 + blocks.length, ...blocks]
          const before = isTimed ? timestamps : []
          // As common stacks lay it out, and behind the padding of both.
          const usual = isTimed ? [1, 1, ...before, 1, 1, ...sack] : [1, 1, ...sack]
          const other = [...before, ...sack, 1, 1]
          if (isTimed) other.push(1, 1)
          const parsed = parseOptions(...usual)
          expect(parsed).toEqual(parseOptions(...other))
          const isWhole = edges.length % 2 === 0
          expect(parsed.sackBlockCount).toBe(isWhole ? edges.length / 2 : 0)
          expect(parsed.hasTimestamps).toBe(isTimed)
        },
      ),
    )
    // One that is followed by others, has no blocks, or is longer than the header.
    expect(parseOptions(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 4, 2, 1, 1)).toMatchObject({
      ...{ sackBlockCount: 1, sackPermitted: true },
    })
    expect(parseOptions(1, 1, 5, 2)).toMatchObject({ sackBlockCount: 0, optionsMalformed: false })
    expect(parseOptions(1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2)).toMatchObject({
      ...{ sackBlockCount: 0, optionsMalformed: true },
    })
  })

  it.each([0, 1, 255, 9])('survives option length %i and ignores the rest (MUST-7)', (length) => {
    const header = parseOptions(2, 4, 2, 24, 77, length, 3, 3)
    expect(header).toMatchObject({ hasMss: true, mss: 536, optionsMalformed: true })
    expect(header.hasWindowScale).toBe(false)
  })

  it('survives an option kind as the last octet', () => {
    expect(parseOptions(1, 1, 1, 2).optionsMalformed).toBe(true)
  })

  it('ignores known options of a wrong length', () => {
    const header = parseOptions(
      2,
      3,
      9,
      3,
      4,
      1,
      1,
      1,
      4,
      3,
      0,
      8,
      3,
      0,
      5,
      9,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    )
    expect(header).toMatchObject({ hasMss: false, hasWindowScale: false, sackPermitted: false })
    expect(header).toMatchObject({ hasTimestamps: false, sackBlockCount: 0 })
  })

  it('stops at End of Option List', () => {
    expect(parseOptions(0, 2, 4, 5).hasMss).toBe(false)
  })

  it('writes zero padding and reserved bits (MUST-69)', () => {
    const bytes = new Uint8Array(60).fill(0xa5)
    const header = createTcpHeader()
    header.hasMss = true
    expect(emitTcp(new DataView(bytes.buffer), 0, header)).toBe(24)
    expect(bytes[12]).toBe(0x60)
    // The checksum field is egress's.
    expect([...bytes.subarray(16, 24)]).toEqual([0xa5, 0xa5, 0, 0, 2, 4, 0, 0])
    expect(bytes[24]).toBe(0xa5)
  })

  it('has one line of text', () => {
    const header = createTcpHeader()
    Object.assign(header, { sourcePort: 80, destinationPort: 9, sequenceNumber: -1, window: 5 })
    header.flags = TcpFlag.Syn | TcpFlag.Ack
    header.hasMss = true
    header.mss = 1460
    expect(formatTcp(header, 3)).toBe(
      'TCP 80 > 9 [SYN,ACK] seq=4294967295 ack=0 win=5 mss=1460 len=3',
    )
  })
})
