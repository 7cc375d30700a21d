/** UDP header codec (RFC 768). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFrame } from '../../../../net/wire/frame-text.ts'
import { createUdpHeader, emitUdp, formatUdp, parseUdp } from '../../../../net/wire/udp.ts'
import { uint16 } from '../../../support/arbitraries.ts'
import { datagram } from '../../../support/udp-lab.ts'

describe('UDP header', () => {
  it('parses what it emitted, at any offset, the checksum left to egress', () => {
    fc.assert(
      fc.property(
        uint16,
        uint16,
        fc.integer({ min: 8, max: 0xffff }),
        fc.nat({ max: 9 }),
        (sourcePort, destinationPort, length, offset) => {
          const view = new DataView(new Uint8Array(offset + 8).fill(0xa5).buffer)
          emitUdp(view, offset, sourcePort, destinationPort, length)
          const header = createUdpHeader()
          expect(parseUdp(view, offset, length, header)).toBe(true)
          expect(header).toEqual({ sourcePort, destinationPort, length, checksum: 0xa5a5 })
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('refuses less than a header, and a length below 8 or beyond the packet; takes less than the packet', () => {
    const view = new DataView(new ArrayBuffer(40))
    for (let fieldLength = 0; fieldLength < 50; fieldLength++) {
      view.setUint16(4, fieldLength)
      for (let packetLength = 0; packetLength <= 40; packetLength++) {
        const isValid = packetLength >= 8 && fieldLength >= 8 && fieldLength <= packetLength
        const header = createUdpHeader()
        expect(parseUdp(view, 0, packetLength, header)).toBe(isValid)
        if (isValid) expect(header.length).toBe(fieldLength)
      }
    }
  })

  it('never throws and never reads outside, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
        const header = createUdpHeader()
        if (parseUdp(view, 0, bytes.length, header)) {
          expect(header.length).toBeLessThanOrEqual(bytes.length)
        }
      }),
      { numRuns: 10_000 },
    )
  })

  it('is one line for people', () => {
    const header = { sourcePort: 5000, destinationPort: 7, length: 12, checksum: 0xabcd }
    expect(formatUdp(header)).toBe('UDP 5000 > 7 len=4')
    const frame = datagram(6, [1, 2, 3, 4])
    const text = formatFrame(new DataView(frame.buffer), 0, frame.length, frame.length)
    expect(text).toMatch(/ \| UDP 5000 > 7 len=4$/)
    const cut = formatFrame(new DataView(frame.buffer), 0, 60, frame.length)
    expect(cut).not.toContain('UDP')
  })
})
