/** The platform's work on many slots in plain TypeScript, strict about ranges like the platform. */
import type { SlotOperations } from '../../drivers/slot-operations.ts'
import { checkRange } from '../support/memory.ts'
import { internetSum } from './internet-sum.ts'

function takeSlots(slots: Uint16Array, from: number, to: number): number[] {
  if (from > to || to > slots.length) throw new RangeError(`Cannot take slots ${from} to ${to}`)
  return [...slots.subarray(from, to)]
}

function checkSlots(slots: readonly number[], stride: number, length: number): void {
  for (const slot of slots) {
    if ((slot + 1) * stride > length) throw new RangeError(`Cannot reach slot ${slot}`)
  }
}

export const fakeSlots: SlotOperations = {
  writeSeries(...args) {
    const [target, stride, at, slots, from, to, header, length, layout, text, textAt, size] = args
    const meant = takeSlots(slots, from, to)
    checkSlots(meant, stride, target.length)
    // What is not summed may go on elsewhere.
    checkRange(text, textAt, layout[5] === 0 ? 0 : size * meant.length)
    checkRange(header, 0, length)
    const places = [...layout.subarray(0, 7)] as [
      number,
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const [sequenceAt, identificationAt, sumAt, sumLength, sumField, textSumAt, textSumField] =
      places
    if (layout.length !== 8 || at + length > stride) throw new RangeError('Cannot write a series')
    for (const place of places) checkRange(header.subarray(0, length), place, 2)
    const first = new DataView(header.buffer, header.byteOffset, length)
    for (const [index, slot] of meant.entries()) {
      const frame = target.subarray(slot * stride + at, slot * stride + at + length)
      frame.set(header.subarray(0, length))
      const view = new DataView(frame.buffer, frame.byteOffset, length)
      view.setUint32(sequenceAt, first.getUint32(sequenceAt) + index * size)
      if (identificationAt !== 0) {
        view.setUint16(identificationAt, first.getUint16(identificationAt) + index * layout[7]!)
      }
      if (sumLength !== 0) {
        view.setUint16(sumField, 0)
        view.setUint16(sumField, ~internetSum(frame, sumAt, sumLength))
      }
      if (textSumAt !== 0) {
        const sum = internetSum(frame, textSumAt, length - textSumAt)
        view.setUint16(textSumField, ~internetSum(text, textAt + index * size, size, sum))
      }
    }
  },
  storeSeries(words, stride, slots, from, to, fields, place, lap) {
    if (place >= lap) throw new RangeError(`Cannot begin at place ${place} of ${lap}`)
    const meant = takeSlots(slots, from, to)
    for (let i = 0; i + 2 < fields.length; i += 3) {
      const [at, first, step] = [fields[i]!, fields[i + 1]!, fields[i + 2]!]
      for (const [index, slot] of meant.entries()) {
        if (slot * stride + at >= words.length) throw new RangeError(`Cannot reach slot ${slot}`)
        words[slot * stride + at] = first + ((place + index) % lap) * step
      }
    }
  },
  markSlots(marks, slots, from, to, mark) {
    const meant = takeSlots(slots, from, to)
    checkSlots(meant, 1, marks.length)
    const changed = meant.filter((slot) => marks[slot] !== mark).length
    for (const slot of meant) marks[slot] = mark
    return changed
  },
  countAlike(marks, slots, from, to) {
    const meant = takeSlots(slots, from, to)
    checkSlots(meant, 1, marks.length)
    const other = meant.findIndex((slot) => marks[slot] !== marks[meant[0]!])
    return other < 0 ? meant.length : other
  },
  pushSlots(ring, start, mask, index, slots, from, to, marks) {
    const meant = takeSlots(slots, from, to)
    checkSlots(meant, 1, marks.length)
    if (start + mask >= ring.length) throw new RangeError('Cannot push slots')
    for (const [offset, slot] of meant.entries()) {
      ring[start + ((index + offset) & mask)] = slot
      marks[slot] = 1
    }
  },
  pullSlots(pairs, start, mask, index, count, marks, slots, lengths, at) {
    if (start + 2 * mask + 1 >= pairs.length || at + count > slots.length) {
      throw new RangeError(`Cannot pull ${count} slots`)
    }
    for (let taken = 0; taken < count; taken++) {
      const place = start + 2 * ((index + taken) & mask)
      const slot = pairs[place]!
      if (slot >= marks.length || marks[slot] === 0) return taken
      marks[slot] = 0
      slots[at + taken] = slot
      lengths[at + taken] = pairs[place + 1]!
    }
    return count
  },
}
