/**
 * Transmit records as senders make them: a whole small packet, or headers with the payload in one
 * or two ranges.
 */
import { NO_OFFLOAD, type PacketMeta } from '../../net/phy/offload.ts'
import { createTransmitRecord, type TransmitRecord } from '../../net/phy/transmit-record.ts'
import type { PacketBuffer, PayloadOwner } from '../../net/storage/buffer.ts'
import { createPacketBuffer } from './memory.ts'

export interface RecordOptions {
  /** Bytes of `frame` that are headers; absent = all of it. */
  readonly headerLength?: number
  /** Payload bytes in the first of two ranges; absent = one range. */
  readonly splitAt?: number
  readonly meta?: Partial<PacketMeta>
  readonly owner?: PayloadOwner
  /** Where payload goes that the device is to read. */
  readonly allocate?: (lengthBytes: number) => PacketBuffer
}

export function recordOf(frame: Uint8Array, options: RecordOptions = {}): TransmitRecord {
  const { headerLength = frame.length, allocate = createPacketBuffer } = options
  const record = createTransmitRecord(headerLength)
  record.header.set(frame.subarray(0, headerLength))
  record.headerLength = headerLength
  record.meta = { ...NO_OFFLOAD, ...options.meta }
  const length = frame.length - headerLength
  if (length === 0) return record
  const first = Math.min(options.splitAt ?? length, length)
  // The ranges lie apart, and not at the start of their memory.
  const ranges = [frame.subarray(headerLength, headerLength + first)]
  if (first < length) ranges.push(frame.subarray(headerLength + first))
  const [payload0, payload1] = ranges.map((bytes) => {
    const buffer = allocate(bytes.length + 3)
    buffer.bytes.set(bytes, 3)
    return buffer
  })
  record.payload0 = payload0!
  record.payload0Offset = 3
  record.payload0Length = first
  record.payload1 = payload1 ?? null
  record.payload1Offset = 3
  record.payload1Length = length - first
  record.owner = options.owner ?? { framesInFlight: 0 }
  return record
}
