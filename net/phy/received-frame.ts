/** Makes the record that a receiver reuses for every frame. */
import type { PacketBuffer } from '../storage/buffer.ts'
import type { ReceivedFrame } from './net-device.ts'

/** Enough for 65,549 bytes in the smallest buffers whose first holds 2048 bytes. */
export const MAX_RECEIVED_FRAGMENTS = 64

/** A frame with all fragments in place; a device only sets their fields. */
export function createReceivedFrame(): ReceivedFrame {
  const bytes = new Uint8Array(0)
  const buffer: PacketBuffer = {
    bytes,
    view: new DataView(bytes.buffer),
    physicalAddress: 0,
    lengthBytes: 0,
  }
  return {
    length: 0,
    fragmentCount: 0,
    fragments: Array.from({ length: MAX_RECEIVED_FRAGMENTS }, () => ({
      buffer,
      offset: 0,
      length: 0,
    })),
    meta: { checksumVerified: false, checksumPartial: false, segmentSize: 0 },
  }
}
