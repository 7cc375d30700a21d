/**
 * The pattern of /bytes/N against its definition (kernel/README.md), from whatever end it is first
 * asked for.
 */
import { describe, expect, it } from 'vitest'
import { PATTERN_BYTES, Pattern } from '../../../../../kernel/userland/services/pattern.ts'
import { createPacketBuffer } from '../../../../support/memory.ts'

function makePattern(): Pattern {
  return new Pattern(createPacketBuffer(PATTERN_BYTES))
}

const expected = Buffer.alloc(PATTERN_BYTES)
for (let k = 0; k < PATTERN_BYTES / 4; k++) expected.writeUInt32BE(k, 4 * k)

describe('Pattern', () => {
  it('holds k mod 2^18 big endian in octets 4k to 4k+3', () => {
    const pattern = makePattern()
    expect(pattern.prepare(0, PATTERN_BYTES)).toBe(PATTERN_BYTES)
    expect(Buffer.from(pattern.buffer.bytes).equals(expected)).toBe(true)
  })

  it('has made every range it gives out, in any order of asking', () => {
    for (const [offset, wanted] of [
      [0, 1],
      [16383, 2],
      [16384, 1],
      [5, 70_000],
      [700_001, 9],
      [PATTERN_BYTES - 1, 1],
    ] as const) {
      const pattern = makePattern()
      const length = pattern.prepare(offset, wanted)
      expect(length).toBe(wanted)
      const made = Buffer.from(pattern.buffer.bytes.subarray(offset, offset + length))
      expect(made.equals(expected.subarray(offset, offset + length))).toBe(true)
    }
  })

  it('makes no more than is asked for, so that a small answer is quick', () => {
    const pattern = makePattern()
    pattern.prepare(0, 100)
    expect(pattern.buffer.bytes.subarray(16384).every((byte) => byte === 0)).toBe(true)
  })

  it('can be made ahead, piece by piece, to its end', () => {
    const pattern = makePattern()
    let pieces = 0
    while (pattern.makeAhead()) pieces++
    expect(pieces).toBe(64)
    expect(Buffer.from(pattern.buffer.bytes).equals(expected)).toBe(true)
    expect(pattern.prepare(1000, 5000)).toBe(5000)
  })

  it('ends a range at the end of the pattern', () => {
    expect(makePattern().prepare(PATTERN_BYTES - 10, 1000)).toBe(10)
  })
})
