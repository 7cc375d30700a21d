/**
 * Copies the bytes of a frame, wherever they lie, into one place: for tests, captures and links in
 * memory.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import type { ReceivedFrame } from './net-device.ts'
import type { TransmitRecord } from './transmit-record.ts'

/** Copies the whole frame to `offset` of `target`, which must have room; returns its length. */
export function gatherTransmit(
  record: TransmitRecord,
  target: Uint8Array,
  offset: number,
  bulk: BulkOperations,
): number {
  let length = record.headerLength
  bulk.copy(target, offset, record.header, 0, length)
  if (record.copiedLength > 0) {
    bulk.copy(target, offset + length, record.copied!, record.copiedOffset, record.copiedLength)
    length += record.copiedLength
  }
  if (record.payload0Length > 0) {
    const source = record.payload0!.bytes
    bulk.copy(target, offset + length, source, record.payload0Offset, record.payload0Length)
    length += record.payload0Length
  }
  if (record.payload1Length > 0) {
    const source = record.payload1!.bytes
    bulk.copy(target, offset + length, source, record.payload1Offset, record.payload1Length)
    length += record.payload1Length
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

/**
 * Copies `lengthBytes` of a received frame from `start` on, an offset in fragment 0's buffer. The
 * frame holds them.
 */
export function copyReceived(
  frame: ReceivedFrame,
  start: number,
  lengthBytes: number,
  target: Uint8Array,
  targetOffset: number,
  bulk: BulkOperations,
): void {
  let skipped = start - frame.fragments[0]!.offset
  let copied = 0
  for (let index = 0; copied < lengthBytes; index++) {
    const { buffer, offset, length } = frame.fragments[index]!
    if (skipped >= length) {
      skipped -= length
      continue
    }
    const part = Math.min(length - skipped, lengthBytes - copied)
    bulk.copy(target, targetOffset + copied, buffer.bytes, offset + skipped, part)
    copied += part
    skipped = 0
  }
}

/** The 16 bits at `start`, which is as in copyReceived, in whatever buffers they lie. */
export function readReceivedUint16(frame: ReceivedFrame, start: number): number {
  return (readReceivedByte(frame, start) << 8) | readReceivedByte(frame, start + 1)
}

function readReceivedByte({ fragments }: ReceivedFrame, place: number): number {
  let index = 0
  let skipped = place - fragments[0]!.offset
  while (skipped >= fragments[index]!.length) skipped -= fragments[index++]!.length
  const { buffer, offset } = fragments[index]!
  return buffer.bytes[offset + skipped]!
}
