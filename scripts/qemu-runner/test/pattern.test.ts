/** The test pattern of bulk transfers against its definition. */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { patternCrc32, patternSha256 } from '../src/index.ts'

it.each([0, 1, 1460, (1 << 20) - 1, (1 << 20) + 8])(
  'the first %i octets: octets 4k..4k+3 hold k mod 2^18, big endian',
  (length) => {
    const expected = Buffer.alloc(length + 4)
    for (let at = 0; at < length; at += 4) expected.writeUInt32BE((at / 4) % (1 << 18), at)
    const octets = expected.subarray(0, length)
    expect(patternSha256(length)).toBe(createHash('sha256').update(octets).digest('hex'))
    expect(patternCrc32(length)).toBe(crc32(octets).toString(16).padStart(8, '0'))
  },
)
