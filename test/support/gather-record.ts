/**
 * What a device would read of a transmit record, as plain bytes; throws when the record breaks its
 * promises.
 */
import type { TransmitRecord } from '../../net/phy/transmit-record.ts'
import type { PacketBuffer } from '../../net/storage/buffer.ts'

export function gatherRecord(record: TransmitRecord): Uint8Array {
  const { headerLength, copiedLength, payload0Length, payload1Length } = record
  requireThat(headerLength >= 14, 'it has an Ethernet header')
  requireThat(copiedLength === 0 || payload0Length === 0, 'it has copied bytes or ranges')
  requireThat(payload1Length === 0 || payload0Length > 0, 'the first range comes first')
  requireThat(payload0Length === 0 || record.owner !== null, 'ranges have an owner')
  const frame = new Uint8Array(headerLength + copiedLength + payload0Length + payload1Length)
  let end = put(frame, 0, record.header, 0, headerLength)
  end = put(frame, end, record.copied, record.copiedOffset, copiedLength)
  end = put(frame, end, bytesOf(record.payload0), record.payload0Offset, payload0Length)
  put(frame, end, bytesOf(record.payload1), record.payload1Offset, payload1Length)
  return frame
}

function bytesOf(buffer: PacketBuffer | null): Uint8Array | null {
  return buffer === null ? null : buffer.bytes
}

/** Where it ends in the frame. */
function put(
  frame: Uint8Array,
  at: number,
  bytes: Uint8Array | null,
  offset: number,
  length: number,
): number {
  if (length === 0) return at
  requireThat(bytes !== null && offset >= 0 && offset + length <= bytes.length, 'ranges exist')
  frame.set(bytes!.subarray(offset, offset + length), at)
  return at + length
}

function requireThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`Cannot take a transmit record: not so that ${promise}`)
}
