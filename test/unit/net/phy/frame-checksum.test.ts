/**
 * Checksums over scattered bytes equal those over the bytes in one piece, wherever the splits lie.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sumReceivedFrame, sumTransmitRecord } from '../../../../net/phy/frame-checksum.ts'
import { gatherReceived, gatherTransmit } from '../../../../net/phy/gather.ts'
import { createReceivedFrame } from '../../../../net/phy/received-frame.ts'
import type { PacketBuffer } from '../../../../net/storage/buffer.ts'
import { concat } from '../../../support/frames.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'
import { recordOf } from '../../../support/transmit-records.ts'

function bufferWith(bytes: Uint8Array, offset: number): PacketBuffer {
  const buffer = createPacketBuffer(offset + bytes.length + 2)
  buffer.bytes.fill(0xee)
  buffer.bytes.set(bytes, offset)
  return buffer
}

const piece = fc.uint8Array({ maxLength: 20 })
const initial = fc.nat({ max: 0xffff })

it('of an outgoing frame, header and payload of odd lengths included', () => {
  fc.assert(
    fc.property(
      piece,
      piece,
      piece,
      fc.nat({ max: 20 }),
      fc.nat({ max: 20 }),
      (header, p0, p1, skip, split) => {
        const start = Math.min(skip, header.length)
        const whole = concat(header, p0, p1)
        const record = recordOf(whole, { headerLength: header.length, splitAt: split })
        const copied = recordOf(header)
        Object.assign(copied, { copied: whole, copiedOffset: header.length })
        copied.copiedLength = p0.length + p1.length
        for (const described of [record, copied]) {
          expect(sumTransmitRecord(described, start, testBulk)).toBe(
            testBulk.checksum(whole, start, whole.length - start, 0),
          )
          const gathered = new Uint8Array(whole.length + 1)
          expect(gatherTransmit(described, gathered, 1, testBulk)).toBe(whole.length)
          expect(gathered.subarray(1)).toEqual(whole)
        }
      },
    ),
    { numRuns: 2000 },
  )
})

it('of part of a received frame in fragments of odd lengths', () => {
  const pieces = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9 }), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(
      pieces,
      fc.nat({ max: 8 }),
      fc.nat({ max: 50 }),
      initial,
      (parts, skip, cut, seed) => {
        const frame = createReceivedFrame()
        frame.fragmentCount = parts.length
        parts.forEach((part, index) => {
          Object.assign(frame.fragments[index]!, {
            buffer: bufferWith(part, index),
            offset: index,
            length: part.length,
          })
        })
        const whole = concat(...parts)
        frame.length = whole.length
        const start = Math.min(skip, parts[0]!.length)
        const length = Math.min(cut, whole.length - start)
        expect(sumReceivedFrame(frame, start, length, testBulk, seed)).toBe(
          testBulk.checksum(whole, start, length, seed),
        )
        const gathered = new Uint8Array(whole.length)
        expect(gatherReceived(frame, gathered, 0, testBulk)).toBe(whole.length)
        expect(gathered).toEqual(whole)
      },
    ),
    { numRuns: 2000 },
  )
})
