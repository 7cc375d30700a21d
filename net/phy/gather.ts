/** Copies the bytes of a frame, wherever they lie, into one place: for tests, captures and links in memory. */
import type { BulkOperations } from '../storage/buffer.ts'
import type { ReceivedFrame, TransmitFrame } from './net-device.ts'

/** Copies the whole frame to `offset` of `target`, which must have room; returns its length. */
export function gatherTransmit(
  frame: TransmitFrame,
  target: Uint8Array,
  offset: number,
  bulk: BulkOperations,
): number {
  let length = frame.headerLength
  bulk.copy(target, offset, frame.header.bytes, frame.headerOffset, length)
  if (frame.payload0Length > 0) {
    const source = frame.payload0!.bytes
    bulk.copy(target, offset + length, source, frame.payload0Offset, frame.payload0Length)
    length += frame.payload0Length
  }
  if (frame.payload1Length > 0) {
    const source = frame.payload1!.bytes
    bulk.copy(target, offset + length, source, frame.payload1Offset, frame.payload1Length)
    length += frame.payload1Length
  }
  return length
}

/** As gatherTransmit for a received frame. */
export function gatherReceived(
  frame: ReceivedFrame,
  target: Uint8Array,
  offset: number,
  bulk: BulkOperations,
): number {
  let length = 0
  for (let index = 0; index < frame.fragmentCount; index++) {
    const fragment = frame.fragments[index]!
    bulk.copy(target, offset + length, fragment.buffer.bytes, fragment.offset, fragment.length)
    length += fragment.length
  }
  return length
}
