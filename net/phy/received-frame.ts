/** Makes the record that a receiver reuses for every frame. */
import type { PacketBuffer } from '../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts'
import type { ReceivedFrame } from './net-device.ts'

/** Enough for 65,549 bytes in the smallest buffers whose first holds 2048 bytes. */
export const MAX_RECEIVED_FRAGMENTS = 64

/** What the length field of IPv4 tells of; what is longer was joined (see ReceivedFrame). */
export const LONGEST_IPV4_FRAME = ETHERNET_HEADER_LENGTH + 0xffff
export const LONGEST_IPV6_FRAME = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH + 0xffff

/** Where a device of its own memory keeps a whole frame. */
export interface StoredFrame {
  readonly buffer: PacketBuffer
  length: number
  checksumPartial: boolean
  segmentSize: number
}

/** Hands out a frame that lies in one buffer, from its first byte on. */
export function presentFrame(
  frame: ReceivedFrame,
  stored: StoredFrame,
  checksumVerified: boolean,
): void {
  const first = frame.fragments[0]!
  first.buffer = stored.buffer
  first.offset = 0
  first.length = stored.length
  frame.length = stored.length
  frame.fragmentCount = 1
  frame.meta.checksumVerified = checksumVerified
  frame.meta.checksumPartial = stored.checksumPartial
  frame.meta.segmentSize = stored.segmentSize
}

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
    queueIndex: 0,
  }
}
