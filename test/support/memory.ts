/**
 * Packet memory and bulk byte operations as Node has them, strict about ranges like the platform.
 */

import type { BulkOperations, PacketBuffer } from '../../net/storage/buffer.ts'
import { referenceChecksum } from '../../net/wire/checksum.ts'
import { halfSipHash } from './half-sip-hash.ts'

let nextPhysicalAddress = 0x10_0000

export function createPacketBuffer(lengthBytes: number): PacketBuffer {
  const bytes = new Uint8Array(lengthBytes)
  const physicalAddress = nextPhysicalAddress
  nextPhysicalAddress += lengthBytes + 4096
  return { bytes, view: new DataView(bytes.buffer), physicalAddress, lengthBytes }
}

/** Throws RangeError, as the platform does. */
export function checkRange(bytes: Uint8Array, offset: number, lengthBytes: number): void {
  if (
    !Number.isInteger(offset) ||
    !Number.isInteger(lengthBytes) ||
    offset < 0 ||
    lengthBytes < 0 ||
    offset + lengthBytes > bytes.length
  ) {
    throw new RangeError(`Cannot use range ${offset}+${lengthBytes}: array has ${bytes.length}`)
  }
}

type Copier = new (from: object) => object

/** Of each record that was copied: what makes one more. */
const copiers = new WeakMap<object, Copier>()

/** A constructor of its own, since objects that get their fields otherwise are slow for good. */
function copierOf(record: object): Copier {
  const fields = Object.entries(Object.getOwnPropertyDescriptors(record))
  if (Array.isArray(record) || fields.some(([, field]) => !('value' in field))) {
    throw new TypeError('Cannot copy a record: it is not a plain object')
  }
  const copier = new Function(
    'from',
    fields.map(([name]) => `this.${name} = from.${name}`).join('\n'),
  )
  copier.prototype = Object.getPrototypeOf(record)
  copiers.set(record, copier as unknown as Copier)
  return copier as unknown as Copier
}

export const testBulk: BulkOperations = {
  copy(target, targetOffset, source, sourceOffset, lengthBytes) {
    checkRange(target, targetOffset, lengthBytes)
    checkRange(source, sourceOffset, lengthBytes)
    target.set(source.subarray(sourceOffset, sourceOffset + lengthBytes), targetOffset)
  },
  fill(target, offset, value, lengthBytes) {
    checkRange(target, offset, lengthBytes)
    target.fill(value, offset, offset + lengthBytes)
  },
  checksum(bytes, offset, lengthBytes, initialSum) {
    checkRange(bytes, offset, lengthBytes)
    return referenceChecksum(bytes, offset, lengthBytes, initialSum)
  },
  matches(bytes, offset, pattern, mask, lengthBytes) {
    checkRange(bytes, offset, lengthBytes)
    checkRange(pattern, 0, lengthBytes)
    checkRange(mask, 0, lengthBytes)
    for (let i = 0; i < lengthBytes; i++) {
      if (((bytes[offset + i]! ^ pattern[i]!) & mask[i]!) !== 0) return false
    }
    return true
  },
  loadWords(target, bytes, offset, lengthBytes) {
    checkRange(target, 0, lengthBytes)
    checkRange(bytes, offset, lengthBytes)
    for (let i = 0; i < lengthBytes; i++) target[i] = bytes[offset + (i ^ 3)]!
  },
  storeWords(target, offset, words, lengthBytes) {
    checkRange(target, offset, lengthBytes)
    checkRange(words, 0, lengthBytes)
    for (let i = 0; i < lengthBytes; i++) target[offset + i] = words[i ^ 3]!
  },
  keyedHash(key, bytes, lengthBytes) {
    checkRange(key, 0, 8)
    checkRange(bytes, 0, lengthBytes)
    return halfSipHash(key, bytes, lengthBytes)
  },
  copyRecord(record) {
    const known = copiers.get(record) ?? copierOf(record)
    return new known(record) as typeof record
  },
}
