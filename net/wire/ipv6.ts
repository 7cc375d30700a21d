/** IPv6 fixed header: offsets, parse, emit, format (RFC 8200 §3). */
import { formatIpv6Words } from './ip-address-text.ts'

export const IPV6_HEADER_LENGTH = 40
export const IPV6_PAYLOAD_LENGTH_OFFSET = 4
export const IPV6_NEXT_HEADER_OFFSET = 6
export const IPV6_SOURCE_OFFSET = 8
export const IPV6_DESTINATION_OFFSET = 24
/** RFC 8200 §5: every link carries packets of this size; smaller ones need not be believed in. */
export const IPV6_MINIMUM_MTU = 1280

/** A record the caller owns. Addresses as int32 words. */
export interface Ipv6Header {
  trafficClass: number
  flowLabel: number
  /** Bytes after the fixed header. */
  payloadLength: number
  nextHeader: number
  hopLimit: number
  source0: number
  source1: number
  source2: number
  source3: number
  destination0: number
  destination1: number
  destination2: number
  destination3: number
}

export function createIpv6Header(): Ipv6Header {
  return {
    trafficClass: 0,
    flowLabel: 0,
    payloadLength: 0,
    nextHeader: 0,
    hopLimit: 64,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    destination0: 0,
    destination1: 0,
    destination2: 0,
    destination3: 0,
  }
}

/** False unless it is version 6 and the payload length fits a packet that has `length` bytes at most. */
export function parseIpv6(
  view: DataView,
  offset: number,
  length: number,
  out: Ipv6Header,
): boolean {
  if (length < IPV6_HEADER_LENGTH) return false
  const first = view.getInt32(offset)
  if (first >>> 28 !== 6) return false
  const payloadLength = view.getUint16(offset + IPV6_PAYLOAD_LENGTH_OFFSET)
  if (IPV6_HEADER_LENGTH + payloadLength > length) return false
  out.trafficClass = (first >>> 20) & 0xff
  out.flowLabel = first & 0xfffff
  out.payloadLength = payloadLength
  out.nextHeader = view.getUint8(offset + IPV6_NEXT_HEADER_OFFSET)
  out.hopLimit = view.getUint8(offset + 7)
  out.source0 = view.getInt32(offset + 8)
  out.source1 = view.getInt32(offset + 12)
  out.source2 = view.getInt32(offset + 16)
  out.source3 = view.getInt32(offset + 20)
  out.destination0 = view.getInt32(offset + 24)
  out.destination1 = view.getInt32(offset + 28)
  out.destination2 = view.getInt32(offset + 32)
  out.destination3 = view.getInt32(offset + 36)
  return true
}

export function emitIpv6(view: DataView, offset: number, header: Ipv6Header): void {
  view.setInt32(offset, 0x60000000 | (header.trafficClass << 20) | header.flowLabel)
  view.setUint16(offset + IPV6_PAYLOAD_LENGTH_OFFSET, header.payloadLength)
  view.setUint16(offset + IPV6_NEXT_HEADER_OFFSET, (header.nextHeader << 8) | header.hopLimit)
  view.setInt32(offset + 8, header.source0)
  view.setInt32(offset + 12, header.source1)
  view.setInt32(offset + 16, header.source2)
  view.setInt32(offset + 20, header.source3)
  view.setInt32(offset + 24, header.destination0)
  view.setInt32(offset + 28, header.destination1)
  view.setInt32(offset + 32, header.destination2)
  view.setInt32(offset + 36, header.destination3)
}

export function formatIpv6(header: Ipv6Header): string {
  const source = formatIpv6Words(header.source0, header.source1, header.source2, header.source3)
  const destination = formatIpv6Words(
    header.destination0,
    header.destination1,
    header.destination2,
    header.destination3,
  )
  return `IPv6 ${source} > ${destination} next=${header.nextHeader} hops=${header.hopLimit} len=${header.payloadLength}`
}
