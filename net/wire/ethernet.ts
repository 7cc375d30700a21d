/** Ethernet II header: offsets, parse, emit, format (IEEE 802.3, RFC 894). */
import { emitHardwareAddress, formatHardwareAddress } from './mac-address.ts'

export const ETHERNET_HEADER_LENGTH = 14
export const ETHERNET_TYPE_OFFSET = 12

export const EtherType = {
  Ipv4: 0x0800,
  Arp: 0x0806,
  ReverseArp: 0x8035,
  Vlan: 0x8100,
  Ipv6: 0x86dd,
} as const

/** Addresses as words, see mac-address.ts. A record the caller owns. */
export interface EthernetHeader {
  destinationHigh: number
  destinationLow: number
  sourceHigh: number
  sourceLow: number
  /** Below 0x0600 it is an IEEE 802.3 length. */
  etherType: number
}

export function createEthernetHeader(): EthernetHeader {
  return { destinationHigh: 0, destinationLow: 0, sourceHigh: 0, sourceLow: 0, etherType: 0 }
}

/** False when the frame of `length` bytes has no whole header. */
export function parseEthernet(
  view: DataView,
  offset: number,
  length: number,
  out: EthernetHeader,
): boolean {
  if (length < ETHERNET_HEADER_LENGTH) return false
  out.destinationHigh = view.getUint16(offset)
  out.destinationLow = view.getInt32(offset + 2)
  out.sourceHigh = view.getUint16(offset + 6)
  out.sourceLow = view.getInt32(offset + 8)
  out.etherType = view.getUint16(offset + ETHERNET_TYPE_OFFSET)
  return true
}

export function emitEthernet(view: DataView, offset: number, header: EthernetHeader): void {
  emitHardwareAddress(view, offset, header.destinationHigh, header.destinationLow)
  emitHardwareAddress(view, offset + 6, header.sourceHigh, header.sourceLow)
  view.setUint16(offset + ETHERNET_TYPE_OFFSET, header.etherType)
}

export function formatEthernet(header: EthernetHeader): string {
  const source = formatHardwareAddress(header.sourceHigh, header.sourceLow)
  const destination = formatHardwareAddress(header.destinationHigh, header.destinationLow)
  return `Ethernet ${source} > ${destination} type=0x${header.etherType.toString(16).padStart(4, '0')}`
}
