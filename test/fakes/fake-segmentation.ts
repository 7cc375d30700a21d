/**
 * What a host does to a guest's frame before it reaches the wire: tcp_gso_segment,
 * __udp_gso_segment and skb_checksum_help of Linux, by arithmetic.
 */
import { foldSum, internetSum } from './internet-sum.ts'
import { Violation } from './violation.ts'

export interface NetHeader {
  readonly flags: number
  readonly gsoType: number
  readonly headerLength: number
  readonly gsoSize: number
  readonly checksumStart: number
  readonly checksumOffset: number
  readonly bufferCount: number
}

const FIN_PSH = 0x09
const CWR = 0x80
const UDP_L4 = 5
/** Of Linux before 6.10: more cannot be asked for in one. */
const UDP_MAX_SEGMENTS = 64

export function parseNetHeader(bytes: Uint8Array): NetHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12)
  return {
    flags: view.getUint8(0),
    gsoType: view.getUint8(1),
    headerLength: view.getUint16(2, true),
    gsoSize: view.getUint16(4, true),
    checksumStart: view.getUint16(6, true),
    checksumOffset: view.getUint16(8, true),
    bufferCount: view.getUint16(10, true),
  }
}

/**
 * The frames on the wire, checksums complete. A wrong seed comes out as a wrong checksum, as on
 * Linux.
 */
export function toWireFrames(frame: Uint8Array, header: NetHeader): Uint8Array[] {
  if ((header.gsoType & 0x7f) !== 0) return segment(frame, header)
  const copy = frame.slice()
  if ((header.flags & 1) !== 0) completeChecksum(copy, header.checksumStart, header.checksumOffset)
  return [copy]
}

/**
 * Sums from `start` to the end, pseudo-header sum in the field included, and stores the complement
 * there.
 */
export function completeChecksum(frame: Uint8Array, start: number, offset: number): void {
  const sum = internetSum(frame, start, frame.length - start)
  const value = ~sum & 0xffff
  // A UDP checksum of 0 means none (RFC 768); Linux writes the other zero for all.
  setUint16(frame, start + offset, value === 0 ? 0xffff : value)
}

function segment(frame: Uint8Array, header: NetHeader): Uint8Array[] {
  const start = header.checksumStart
  const isUdp = header.gsoType === UDP_L4
  const transportBytes = isUdp ? 8 : (frame[start + 12]! >> 4) * 4
  const field = start + header.checksumOffset
  const headerBytes = start + transportBytes
  const payloadBytes = frame.length - headerBytes
  const seed = getUint16(frame, field)
  const wholeLength = frame.length - start
  const isV4 = getUint16(frame, 12) === 0x0800
  const segments: Uint8Array[] = []
  for (let at = 0; at < payloadBytes; at += header.gsoSize) {
    const length = Math.min(header.gsoSize, payloadBytes - at)
    const isLast = at + length === payloadBytes
    const out = new Uint8Array(headerBytes + length)
    out.set(frame.subarray(0, headerBytes))
    out.set(frame.subarray(headerBytes + at, headerBytes + at + length), headerBytes)
    const view = new DataView(out.buffer)
    if (isUdp) {
      view.setUint16(start + 4, out.length - start)
    } else {
      view.setUint32(start + 4, (view.getUint32(start + 4) + at) >>> 0)
      if (!isLast) out[start + 13]! &= ~FIN_PSH
      if (at !== 0) out[start + 13]! &= ~CWR
    }
    if (isV4) {
      view.setUint16(16, out.length - 14)
      view.setUint16(18, (view.getUint16(18) + segments.length) & 0xffff)
      view.setUint16(24, 0)
      view.setUint16(24, ~internetSum(out, 14, (out[14]! & 15) * 4) & 0xffff)
    } else {
      view.setUint16(18, out.length - 54)
    }
    // newcheck = check + (new_len - L) in ones' complement; the checksum is ~(newcheck + sum of the
    // segment).
    const newLength = transportBytes + length
    const check = foldSum(seed + newLength + (~wholeLength & 0xffff))
    setUint16(out, field, check)
    const value = ~internetSum(out, start, newLength) & 0xffff
    // __udp_gso_segment: "uh->check = gso_make_checksum(seg, ~check) ? : CSUM_MANGLED_0"
    setUint16(out, field, isUdp && value === 0 ? 0xffff : value)
    segments.push(out)
  }
  return segments
}

/** Pseudo-header sum of a frame's addresses, protocol and `length`, folded, not complemented. */
export function pseudoHeaderSum(frame: Uint8Array, protocol: number, length: number): number {
  const isV4 = getUint16(frame, 12) === 0x0800
  const addresses = isV4 ? internetSum(frame, 26, 8) : internetSum(frame, 22, 32)
  return foldSum(addresses + protocol + Math.floor(length / 65536) + (length & 0xffff))
}

/**
 * Null when IP header and transport checksums of a frame are right (or it carries none), else what
 * is wrong.
 */
export function findChecksumFault(frame: Uint8Array): string | null {
  const type = getUint16(frame, 12)
  let start = 54
  let protocol = frame[20]!
  let end = 54 + getUint16(frame, 18)
  if (type === 0x0800) {
    const ihl = (frame[14]! & 15) * 4
    if (internetSum(frame, 14, ihl) !== 0xffff) return 'IPv4 header checksum'
    if ((getUint16(frame, 20) & 0x3fff) !== 0) return null
    start = 14 + ihl
    protocol = frame[23]!
    end = 14 + getUint16(frame, 16)
  } else if (type !== 0x86dd) {
    return null
  }
  if (end > frame.length) return 'IP length beyond the frame'
  const length = end - start
  if (protocol === 1) return internetSum(frame, start, length) === 0xffff ? null : 'ICMP checksum'
  if (protocol !== 6 && protocol !== 17 && protocol !== 58) return null
  if (protocol === 17 && type === 0x0800 && getUint16(frame, start + 6) === 0) return null
  const sum = internetSum(frame, start, length, pseudoHeaderSum(frame, protocol, length))
  return sum === 0xffff ? null : `checksum of protocol ${protocol}`
}

/**
 * Throws when a frame and its virtio_net_hdr could not be segmented as asked (§5.1.6.2.1, offload
 * rules of Linux).
 */
export function checkSegmentationRequest(frame: Uint8Array, header: NetHeader): void {
  const { checksumStart: start, gsoSize } = header
  const refuse = (reason: string): never => {
    throw new Violation(`segmentation: ${reason}`)
  }
  if ((header.flags & 1) === 0) refuse('NEEDS_CSUM is not set')
  const isUdp = header.gsoType === UDP_L4
  const isV4 = getUint16(frame, 12) === 0x0800
  if (gsoSize < (isUdp ? 1 : 8) || gsoSize === 0xffff) refuse(`gso_size ${gsoSize}`)
  if (header.checksumOffset !== (isUdp ? 6 : 16)) refuse(`csum_offset ${header.checksumOffset}`)
  if (!isUdp && isV4 !== ((header.gsoType & 0x7f) === 1)) refuse('gso_type of the other IP version')
  if (frame[isV4 ? 23 : 20] !== (isUdp ? 17 : 6)) refuse('gso_type of another protocol')
  if (start < (isV4 ? 34 : 54)) refuse(`csum_start ${start}`)
  if (frame.length > 65535) refuse(`frame of ${frame.length} bytes`)
  const ipLength = isV4 ? getUint16(frame, 16) + 14 : getUint16(frame, 18) + 54
  if (ipLength !== frame.length) refuse(`IP length says ${ipLength} of ${frame.length}`)
  const headerBytes = start + (isUdp ? 8 : (frame[start + 12]! >> 4) * 4)
  if (header.headerLength !== headerBytes)
    refuse(`hdr_len ${header.headerLength} of ${headerBytes}`)
  if (frame.length - headerBytes <= gsoSize) refuse('the payload fits one segment')
  if (isUdp) {
    // It subtracts the length that the header says, so that the two must be the same.
    if (getUint16(frame, start + 4) !== frame.length - start) refuse('the UDP length')
    const seed = pseudoHeaderSum(frame, 17, frame.length - start)
    if (getUint16(frame, start + 6) % 0xffff !== seed % 0xffff) {
      refuse('the seed')
    }
    if (frame.length - headerBytes > gsoSize * UDP_MAX_SEGMENTS) refuse('too many datagrams')
    return
  }
  const flags = frame[start + 13]!
  if ((flags & 0x26) !== 0) refuse(`SYN, RST or URG in flags 0x${flags.toString(16)}`)
  if ((flags & CWR) !== 0 && (header.gsoType & 0x80) === 0) refuse('CWR without the ECN bit')
}

function getUint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function setUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8
  bytes[at + 1] = value
}
