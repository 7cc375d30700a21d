/**
 * The platform's bulk operations in plain TypeScript: the reference that tests of drivers and
 * kernel run on.
 */
import type { HalBulk } from '../../drivers/hal.ts'
import { checkRange, testBulk } from '../support/memory.ts'
import { fakeSlots } from './fake-slots.ts'
import { internetSum } from './internet-sum.ts'

export const fakeBulk: HalBulk = {
  ...testBulk,
  ...fakeSlots,
  crc32(bytes, offset, lengthBytes, initial) {
    checkRange(bytes, offset, lengthBytes)
    let crc = ~initial
    for (let i = 0; i < lengthBytes; i++) {
      crc ^= bytes[offset + i]!
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1))
    }
    return ~crc >>> 0
  },
  countMatching(bytes, strideBytes, slots, from, to, rules) {
    if (from > to || to > slots.length) throw new RangeError(`Cannot count slots ${from} to ${to}`)
    const alternatives = Array.from({ length: rules.length / 128 }, (_, index) => ({
      pattern: rules.subarray(index * 128, index * 128 + 64),
      mask: rules.subarray(index * 128 + 64, index * 128 + 128),
    }))
    let count = 0
    for (const slot of slots.subarray(from, to)) {
      const at = slot * strideBytes
      const isMeant = alternatives.some(({ pattern, mask }) =>
        testBulk.matches(bytes, at, pattern, mask, 64),
      )
      if (!isMeant) break
      count++
    }
    return count
  },
  countContinuing(bytes, stride, slots, lengths, from, to, mask, layout, unit, maxLength) {
    if (from > to || to > slots.length || to > lengths.length) {
      throw new RangeError(`Cannot count slots ${from} to ${to}`)
    }
    const [header, sequenceAt, lengthAt, bias, sumAt, sumLength, textAt, textBias] =
      layout as unknown as number[]
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const isRight = (at: number, length: number): boolean => {
      if (view.getUint16(at + lengthAt!) + bias! !== length) return false
      if (sumLength !== 0 && internetSum(bytes, at + sumAt!, sumLength!) !== 0xffff) return false
      if (textAt === 0) return true
      const text = length - textAt!
      return internetSum(bytes, at + textAt!, text, length + textBias!) === 0xffff
    }
    const isLike = (at: number) =>
      testBulk.matches(bytes, at, bytes.subarray(slots[from]! * stride), mask, header!)
    if (unit === 0) {
      if (lengths[from] !== header) return 1
      for (let index = from + 1; index < to; index++) {
        const [at, before] = [slots[index]! * stride, slots[index - 1]! * stride]
        if (lengths[index] !== header || !isLike(at)) return index - from
        const step = view.getInt32(at + sequenceAt!) - view.getInt32(before + sequenceAt!)
        if ((step | 0) <= 0 || !isRight(at, header!) || !isRight(before, header!)) {
          return index - from
        }
      }
      return to - from
    }
    const isMisfit = (length: number) => length <= header! || length > stride
    const first = slots[from]! * stride
    let total = lengths[from]!
    if (isMisfit(total) || (total - header!) % unit !== 0) return 1
    const mostText = total - header! === unit ? unit : maxLength
    let sequence = view.getUint32(first + sequenceAt!) + total - header!
    for (let index = from + 1; index < to; index++) {
      const at = slots[index]! * stride
      const length = lengths[index]!
      const text = length - header!
      const isNext =
        !isMisfit(length) &&
        text <= mostText &&
        total + text <= maxLength &&
        view.getUint32(at + sequenceAt!) === sequence >>> 0 &&
        isLike(at)
      if (!isNext || !isRight(at, length) || !isRight(first, lengths[from]!)) return index - from
      total += text
      sequence += text
      if (text % unit !== 0) return index - from + 1
    }
    return to - from
  },
}
