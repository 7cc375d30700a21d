/** UDP header: offsets, parse, emit, format (RFC 768). */

export const UDP_HEADER_LENGTH = 8
export const UDP_LENGTH_OFFSET = 4
export const UDP_CHECKSUM_OFFSET = 6

/** A record the caller owns and reuses. */
export interface UdpHeader {
  /** 0 = the sender expects no answer (RFC 768, "Fields"). */
  sourcePort: number
  destinationPort: number
  /** Bytes of header and payload: 8..65535. */
  length: number
  /** As on the wire; 0 = the sender computed none. */
  checksum: number
}

export function createUdpHeader(): UdpHeader {
  return { sourcePort: 0, destinationPort: 0, length: UDP_HEADER_LENGTH, checksum: 0 }
}

/**
 * Reads the header at `offset` of `length` bytes of IP payload into `out`. False when there is no
 * whole header or the length field is below 8 or beyond the IP payload; it may be less, the rest is
 * not the datagram's. The checksum is not verified.
 */
export function parseUdp(view: DataView, offset: number, length: number, out: UdpHeader): boolean {
  if (length < UDP_HEADER_LENGTH) return false
  const datagramLength = view.getUint16(offset + UDP_LENGTH_OFFSET)
  if (datagramLength < UDP_HEADER_LENGTH || datagramLength > length) return false
  const ports = view.getInt32(offset)
  out.sourcePort = ports >>> 16
  out.destinationPort = ports & 0xffff
  out.length = datagramLength
  out.checksum = view.getUint16(offset + UDP_CHECKSUM_OFFSET)
  return true
}

/** Writes the header but for its checksum, which is egress's. */
export function emitUdp(
  view: DataView,
  offset: number,
  sourcePort: number,
  destinationPort: number,
  length: number,
): void {
  view.setInt32(offset, (sourcePort << 16) | destinationPort)
  view.setUint16(offset + UDP_LENGTH_OFFSET, length)
}

/** One line for people. */
export function formatUdp(header: UdpHeader): string {
  const { sourcePort, destinationPort, length } = header
  return `UDP ${sourcePort} > ${destinationPort} len=${length - UDP_HEADER_LENGTH}`
}
