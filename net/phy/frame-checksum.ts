/** Internet checksums over frames whose bytes lie in several places (RFC 1071 §2, property B for odd splits). */
import type { BulkOperations } from '../storage/buffer.ts'
import { addSums, swapSum } from '../wire/checksum.ts'
import type { ReceivedFrame, TransmitFrame } from './net-device.ts'

/**
 * Folded sum of an outgoing frame from `headerStart`, an offset in the header buffer, to the end of its
 * payload, added to `initialSum`.
 */
export function sumTransmitFrame(
  frame: TransmitFrame,
  headerStart: number,
  bulk: BulkOperations,
  initialSum: number,
): number {
  const headerLength = frame.headerOffset + frame.headerLength - headerStart
  let sum = bulk.checksum(frame.header.bytes, headerStart, headerLength, initialSum)
  let summedLength = headerLength
  if (frame.payload0Length > 0) {
    const bytes = frame.payload0!.bytes
    const part = bulk.checksum(bytes, frame.payload0Offset, frame.payload0Length, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
    summedLength += frame.payload0Length
  }
  if (frame.payload1Length > 0) {
    const bytes = frame.payload1!.bytes
    const part = bulk.checksum(bytes, frame.payload1Offset, frame.payload1Length, 0)
    sum = addSums(sum, (summedLength & 1) === 0 ? part : swapSum(part))
  }
  return sum
}

/**
 * Folded sum of `lengthBytes` of a received frame from `start`, an offset in fragment 0's buffer, added to
 * `initialSum`. The caller has checked that the frame holds them.
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
