/**
 * What a device would read of a transmit record, as plain bytes; throws when the record breaks its
 * promises.
 */
import type { TransmitRecord } from '../../net/phy/transmit-record.ts'
import type { PacketBuffer } from '../../net/storage/buffer.ts'
import { concat } from './frames.ts'

export function gatherRecord(record: TransmitRecord): Uint8Array {
  const { headerLength, copiedLength, payload0Length, payload1Length } = record
  requireThat(headerLength >= 14, 'it has an Ethernet header')
  requireThat(copiedLength === 0 || payload0Length === 0, 'it has copied bytes or ranges')
  requireThat(payload1Length === 0 || payload0Length > 0, 'the first range comes first')
  requireThat(payload0Length === 0 || record.owner !== null, 'ranges have an owner')
  return concat(
    slice(record.header, 0, headerLength),
    slice(record.copied, record.copiedOffset, copiedLength),
    slice(bytesOf(record.payload0), record.payload0Offset, payload0Length),
    slice(bytesOf(record.payload1), record.payload1Offset, payload1Length),
  )
}

function bytesOf(buffer: PacketBuffer | null): Uint8Array | null {
  return buffer === null ? null : buffer.bytes
}

function slice(bytes: Uint8Array | null, offset: number, length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0)
  requireThat(bytes !== null && offset >= 0 && offset + length <= bytes.length, 'ranges exist')
  return bytes!.slice(offset, offset + length)
}

function requireThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`Cannot take a transmit record: not so that ${promise}`)
}
