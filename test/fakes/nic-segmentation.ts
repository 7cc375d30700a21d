/**
 * What a segmenting network card does to one committed frame, with every promise of PacketMeta
 * checked on the way.
 */
import type { DeviceCapabilities } from '../../net/phy/net-device.ts'
import { ChecksumWork } from '../../net/phy/offload.ts'
import type { TransmitRecord } from '../../net/phy/transmit-record.ts'
import { referenceChecksum } from '../../net/wire/checksum.ts'
import { gatherRecord } from '../support/gather-record.ts'

const SYN_RST_URG = 0x26
const FIN_PSH = 0x09

/**
 * The frames on the wire, checksums complete. Throws when the stack broke its side of the contract.
 */
export function segmentFrame(
  record: TransmitRecord,
  capabilities: DeviceCapabilities,
): Uint8Array[] {
  const whole = gatherRecord(record)
  const { segmentationOffloadSize: size, checksumStart: start, checksumOffset } = record.meta
  if (size === 0) {
    requireThat(whole.length <= 14 + capabilities.maxTransmissionUnit, 'frame fits the MTU')
    if (start > 0) {
      requireThat((capabilities.checksum.tcp & ChecksumWork.Transmit) === 0, 'offload was offered')
      complete(whole, start, checksumOffset)
    }
    return [whole]
  }
  const { tcpv4, tcpv6 } = capabilities.segmentation
  const limit = record.meta.ipVersion === 4 ? tcpv4 : tcpv6
  requireThat(
    limit !== undefined && whole.length <= limit,
    `frame of ${whole.length} fits the limit`,
  )
  requireThat(start > 0 && checksumOffset === 16, 'segmentation comes with checksum offload')
  const view = new DataView(whole.buffer)
  const headerLength = start + ((whole[start + 12]! >> 4) << 2)
  const payloadLength = whole.length - headerLength
  requireThat(payloadLength > size, 'payload is larger than one segment')
  requireThat((whole[start + 13]! & SYN_RST_URG) === 0, 'no SYN, RST or URG')
  const frames: Uint8Array[] = []
  for (let offset = 0; offset < payloadLength; offset += size) {
    const length = Math.min(size, payloadLength - offset)
    const piece = new Uint8Array(headerLength + length)
    piece.set(whole.subarray(0, headerLength))
    piece.set(whole.subarray(headerLength + offset, headerLength + offset + length), headerLength)
    requireThat(piece.length <= 14 + capabilities.maxTransmissionUnit, 'segment fits the MTU')
    const pieceView = new DataView(piece.buffer)
    pieceView.setUint32(start + 4, (view.getUint32(start + 4) + offset) >>> 0)
    if (offset + length < payloadLength) piece[start + 13]! &= ~FIN_PSH
    fixIpHeader(piece, pieceView, start, frames.length)
    // Linux: the new seed is the old one minus the old length plus the new one, in ones'
    // complement.
    const seed = pieceView.getUint16(start + 16)
    const oldLength = whole.length - start
    const newLength = piece.length - start
    pieceView.setUint16(start + 16, fold(seed + (~oldLength & 0xffff) + newLength))
    complete(piece, start, 16)
    frames.push(piece)
  }
  return frames
}

function fixIpHeader(piece: Uint8Array, view: DataView, start: number, index: number): void {
  if (piece[14]! >> 4 === 6) {
    view.setUint16(18, piece.length - start)
    return
  }
  view.setUint16(16, piece.length - 14)
  view.setUint16(18, (view.getUint16(18) + index) & 0xffff)
  view.setUint16(24, 0)
  view.setUint16(24, ~referenceChecksum(piece, 14, start - 14, 0) & 0xffff)
}

function complete(bytes: Uint8Array, start: number, offset: number): void {
  const view = new DataView(bytes.buffer)
  const sum = referenceChecksum(bytes, start, bytes.length - start, 0)
  view.setUint16(start + offset, ~sum & 0xffff)
}

function fold(sum: number): number {
  let folded = sum
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16)
  return folded
}

function requireThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`Cannot send frame: not so that ${promise}`)
}
