/** IPv6 fixed header: offsets, parse, emit, format (RFC 8200 §3). */
import {
  type AddressRecord,
  createAddressRecord,
  emitIpAddress,
  loadIpv6Address,
} from './ip-address.ts'
import { formatIpAddress } from './ip-address-text.ts'

export const IPV6_HEADER_LENGTH = 40
export const IPV6_PAYLOAD_LENGTH_OFFSET = 4
export const IPV6_NEXT_HEADER_OFFSET = 6
export const IPV6_HOP_LIMIT_OFFSET = 7
export const IPV6_SOURCE_OFFSET = 8
export const IPV6_DESTINATION_OFFSET = 24
/** RFC 8200 §5: every link carries packets of this size; smaller ones need not be believed in. */
export const IPV6_MINIMUM_MTU = 1280

/** A record the caller owns, its addresses included. */
export interface Ipv6Header {
  trafficClass: number
  flowLabel: number
  /** Bytes after the fixed header. */
  payloadLength: number
  nextHeader: number
  hopLimit: number
  readonly source: AddressRecord
  readonly destination: AddressRecord
}

/** A header whose addresses are the caller's records, when it has some. */
export function createIpv6Header(
  source: AddressRecord = createAddressRecord(6),
  destination: AddressRecord = createAddressRecord(6),
): Ipv6Header {
  return {
    trafficClass: 0,
    flowLabel: 0,
    payloadLength: 0,
    nextHeader: 0,
    hopLimit: 64,
    source,
    destination,
  }
}

/**
 * False unless it is version 6 and the payload length fits a packet that has `length` bytes at
 * most.
 */
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
  out.hopLimit = view.getUint8(offset + IPV6_HOP_LIMIT_OFFSET)
  loadIpv6Address(out.source, view, offset + IPV6_SOURCE_OFFSET)
  loadIpv6Address(out.destination, view, offset + IPV6_DESTINATION_OFFSET)
  return true
}

export function emitIpv6(view: DataView, offset: number, header: Ipv6Header): void {
  view.setInt32(offset, 0x60000000 | (header.trafficClass << 20) | header.flowLabel)
  view.setUint16(offset + IPV6_PAYLOAD_LENGTH_OFFSET, header.payloadLength)
  view.setUint16(offset + IPV6_NEXT_HEADER_OFFSET, (header.nextHeader << 8) | header.hopLimit)
  emitIpAddress(view, offset + IPV6_SOURCE_OFFSET, header.source)
  emitIpAddress(view, offset + IPV6_DESTINATION_OFFSET, header.destination)
}

export function formatIpv6(header: Ipv6Header): string {
  const source = formatIpAddress(header.source)
  const destination = formatIpAddress(header.destination)
  return `IPv6 ${source} > ${destination} next=${header.nextHeader} hops=${header.hopLimit} len=${header.payloadLength}`
}
