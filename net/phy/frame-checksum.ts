/**
 * Internet checksums over frames whose bytes lie in several places (RFC 1071 §2, property B for odd
 * splits).
 */
import type { BulkOperations } from '../storage/buffer.ts'
import { addSums, swapSum } from '../wire/checksum.ts'
import type { ReceivedFrame } from './net-device.ts'
import type { TransmitRecord } from './transmit-record.ts'

/** Folded sum of an outgoing frame from byte `start` of its headers to the end of its payload. */
export function sumTransmitRecord(
  record: TransmitRecord,
  start: number,
  bulk: BulkOperations,
): number {
  let summedLength = record.headerLength - start
  let sum = bulk.checksum(record.header, start, summedLength, 0)
  if (record.copiedLength > 0) {
    const part = bulk.checksum(record.copied!, record.copiedOffset, record.copiedLength, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
    summedLength += record.copiedLength
  }
  if (record.payload0Length > 0) {
    const bytes = record.payload0!.bytes
    const part = bulk.checksum(bytes, record.payload0Offset, record.payload0Length, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
    summedLength += record.payload0Length
  }
  if (record.payload1Length > 0) {
    const bytes = record.payload1!.bytes
    const part = bulk.checksum(bytes, record.payload1Offset, record.payload1Length, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
  }
  return sum
}

/**
 * Folded sum of `lengthBytes` of a received frame from `start`, an offset in fragment 0's buffer,
 * added to `initialSum`. The caller has checked that the frame holds them.
 */
export function sumReceivedFrame(
  frame: ReceivedFrame,
  start: number,
  lengthBytes: number,
  bulk: BulkOperations,
  initialSum: number,
): number {
  const first = frame.fragments[0]!
  let length = first.offset + first.length - start
  if (length > lengthBytes) length = lengthBytes
  let sum = bulk.checksum(first.buffer.bytes, start, length, initialSum)
  let summedLength = length
  for (let index = 1; summedLength < lengthBytes && index < frame.fragmentCount; index++) {
    const fragment = frame.fragments[index]!
    length = fragment.length
    if (length > lengthBytes - summedLength) length = lengthBytes - summedLength
    const part = bulk.checksum(fragment.buffer.bytes, fragment.offset, length, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
    summedLength += length
  }
  return sum
}
