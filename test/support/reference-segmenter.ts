/**
 * What the wire must see of one TCP super-segment, computed the plain way (RFC 9293, RFC 791,
 * virtio §5.1.6.2).
 */
import { checksumOf, concat } from './frames.ts'

const FIN = 1
const PSH = 8
const CWR = 0x80

function ipHeaderLength(frame: Uint8Array): number {
  return frame[14]! >> 4 === 4 ? 20 : 40
}

function pseudoHeaderOf(frame: Uint8Array, length: number): Uint8Array {
  const addresses = ipHeaderLength(frame) === 20 ? frame.subarray(26, 34) : frame.subarray(22, 54)
  return concat(addresses, [0, 6, length >>> 8, length & 0xff])
}

/** Completes the TCP checksum of one frame. */
export function completeTcp(frame: Uint8Array): Uint8Array {
  const transport = 14 + ipHeaderLength(frame)
  const result = Uint8Array.from(frame)
  const segment = result.subarray(transport)
  segment[16] = 0
  segment[17] = 0
  const checksum = checksumOf(concat(pseudoHeaderOf(frame, segment.length), segment))
  segment[16] = checksum >>> 8
  segment[17] = checksum & 0xff
  return result
}

/** The un-complemented pseudo-header sum that a frame to be completed by a device must hold. */
export function seedOf(frame: Uint8Array): number {
  const transport = 14 + ipHeaderLength(frame)
  return ~checksumOf(pseudoHeaderOf(frame, frame.length - transport)) & 0xffff
}

/** Cuts a super-segment whose TCP checksum field may hold anything into complete frames. */
export function segment(frame: Uint8Array, segmentSize: number): Uint8Array[] {
  const ipLength = ipHeaderLength(frame)
  const transport = 14 + ipLength
  const headerLength = transport + (frame[transport + 12]! >> 4) * 4
  const payload = frame.subarray(headerLength)
  const original = new DataView(frame.buffer, frame.byteOffset)
  const result: Uint8Array[] = []
  for (let start = 0; start < payload.length; start += segmentSize) {
    const bytes = concat(
      frame.subarray(0, headerLength),
      payload.subarray(start, start + segmentSize),
    )
    const view = new DataView(bytes.buffer)
    const isFirst = start === 0
    const isLast = start + segmentSize >= payload.length
    let flags = bytes[transport + 13]!
    if (!isFirst) flags &= ~CWR
    if (!isLast) flags &= ~(FIN | PSH)
    bytes[transport + 13] = flags
    view.setUint32(transport + 4, original.getUint32(transport + 4) + start)
    if (ipLength === 20) {
      view.setUint16(16, bytes.length - 14)
      view.setUint16(18, original.getUint16(18) + result.length)
      view.setUint16(24, 0)
      view.setUint16(24, checksumOf(bytes.subarray(14, 34)))
    } else {
      view.setUint16(18, bytes.length - 54)
    }
    result.push(completeTcp(bytes))
  }
  return result
}
