/** ARP for IPv4 over Ethernet: offsets, parse, emit, format (RFC 826). */
import { formatIpv4Word } from './ip-address-text.ts'
import { emitHardwareAddress, formatHardwareAddress } from './mac-address.ts'

export const ARP_PACKET_LENGTH = 28

export const ArpOperation = {
  Request: 1,
  Reply: 2,
} as const

/** Hardware type 1 (Ethernet), protocol type IPv4; lengths 6 and 4. */
const ETHERNET_IPV4 = 0x00010800
const LENGTHS = 0x0604

/** A record the caller owns. Hardware addresses as words, protocol addresses int32. */
export interface ArpPacket {
  operation: number
  senderHigh: number
  senderLow: number
  senderAddress: number
  targetHigh: number
  targetLow: number
  targetAddress: number
}

export function createArpPacket(): ArpPacket {
  return {
    operation: 0,
    senderHigh: 0,
    senderLow: 0,
    senderAddress: 0,
    targetHigh: 0,
    targetLow: 0,
    targetAddress: 0,
  }
}

/** False when truncated, or for other hardware, protocols or address lengths. */
export function parseArp(view: DataView, offset: number, length: number, out: ArpPacket): boolean {
  if (length < ARP_PACKET_LENGTH) return false
  if (view.getInt32(offset) !== ETHERNET_IPV4 || view.getUint16(offset + 4) !== LENGTHS) {
    return false
  }
  out.operation = view.getUint16(offset + 6)
  out.senderHigh = view.getUint16(offset + 8)
  out.senderLow = view.getInt32(offset + 10)
  out.senderAddress = view.getInt32(offset + 14)
  out.targetHigh = view.getUint16(offset + 18)
  out.targetLow = view.getInt32(offset + 20)
  out.targetAddress = view.getInt32(offset + 24)
  return true
}

export function emitArp(view: DataView, offset: number, packet: ArpPacket): void {
  view.setInt32(offset, ETHERNET_IPV4)
  view.setUint16(offset + 4, LENGTHS)
  view.setUint16(offset + 6, packet.operation)
  emitHardwareAddress(view, offset + 8, packet.senderHigh, packet.senderLow)
  view.setInt32(offset + 14, packet.senderAddress)
  emitHardwareAddress(view, offset + 18, packet.targetHigh, packet.targetLow)
  view.setInt32(offset + 24, packet.targetAddress)
}

export function formatArp(packet: ArpPacket): string {
  const sender = formatIpv4Word(packet.senderAddress)
  const target = formatIpv4Word(packet.targetAddress)
  if (packet.operation === ArpOperation.Request) return `ARP who has ${target} tell ${sender}`
  const hardware = formatHardwareAddress(packet.senderHigh, packet.senderLow)
  if (packet.operation === ArpOperation.Reply) return `ARP ${sender} is at ${hardware}`
  return `ARP operation ${packet.operation} from ${sender} at ${hardware}`
}
