/**
 * Frames for driver tests: Ethernet, IP and TCP headers as a stack would emit them, checksums
 * seeded or complete.
 */

import { pseudoHeaderSum } from './fake-segmentation.ts'
import { internetSum } from './internet-sum.ts'

export interface TcpFrameOptions {
  readonly ipVersion?: 4 | 6
  readonly payloadLength?: number
  /** Bytes of TCP options, a multiple of 4. */
  readonly optionsLength?: number
  readonly sequence?: number
  readonly identification?: number
  /** FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128. */
  readonly flags?: number
  /**
   * `seeded`: the pseudo-header sum with the full length; `complete`: a finished checksum; a
   * number: that value.
   */
  readonly checksum?: 'seeded' | 'complete' | number
}

export interface TcpFrame {
  readonly bytes: Uint8Array
  readonly transportOffset: number
  readonly headerLength: number
}

/** The payload octet at `index` is index * 7 + index >> 8, so that misplaced ranges show. */
export function payloadOctet(index: number): number {
  return (index * 7 + (index >> 8)) & 0xff
}

export function buildTcpFrame(options: TcpFrameOptions = {}): TcpFrame {
  const isV4 = (options.ipVersion ?? 4) === 4
  const payloadLength = options.payloadLength ?? 0
  const optionsLength = options.optionsLength ?? 0
  const transportOffset = isV4 ? 34 : 54
  const headerLength = transportOffset + 20 + optionsLength
  const bytes = new Uint8Array(headerLength + payloadLength)
  const view = new DataView(bytes.buffer)
  bytes.set([0x02, 0, 0, 0, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56])
  const transportLength = bytes.length - transportOffset
  view.setUint16(12, isV4 ? 0x0800 : 0x86dd)
  if (isV4) {
    view.setUint16(14, 0x4500)
    view.setUint16(16, bytes.length - 14)
    view.setUint16(18, options.identification ?? 0x1234)
    view.setUint16(20, 0x4000)
    view.setUint16(22, 0x4006)
    bytes.set([10, 0, 0, 2, 10, 0, 0, 1], 26)
    view.setUint16(24, ~internetSum(bytes, 14, 20) & 0xffff)
  } else {
    view.setUint32(14, 0x60000000)
    view.setUint16(18, transportLength)
    view.setUint16(20, 0x0640)
    bytes.set([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2], 22)
    bytes.set([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 38)
  }
  view.setUint16(transportOffset, 5001)
  view.setUint16(transportOffset + 2, 40000)
  view.setUint32(transportOffset + 4, options.sequence ?? 1000)
  view.setUint32(transportOffset + 8, 2000)
  bytes[transportOffset + 12] = (5 + optionsLength / 4) << 4
  bytes[transportOffset + 13] = options.flags ?? 0x10
  view.setUint16(transportOffset + 14, 0xffff)
  bytes.fill(1, transportOffset + 20, headerLength)
  for (let i = 0; i < payloadLength; i++) bytes[headerLength + i] = payloadOctet(i)
  const seed = pseudoHeaderSum(bytes, 6, transportLength)
  const { checksum = 'complete' } = options
  if (typeof checksum === 'number') view.setUint16(transportOffset + 16, checksum)
  else if (checksum === 'seeded') view.setUint16(transportOffset + 16, seed)
  else {
    const sum = internetSum(bytes, transportOffset, transportLength, seed)
    view.setUint16(transportOffset + 16, ~sum & 0xffff)
  }
  return { bytes, transportOffset, headerLength }
}
