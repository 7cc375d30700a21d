/**
 * Ethernet hardware addresses as a 16-bit and a 32-bit word: compared without loops, text only at
 * the edge.
 */

/** The first two octets, unsigned. */
export function readHardwareHigh(view: DataView, offset: number): number {
  return view.getUint16(offset)
}

/** The last four octets, int32. */
export function readHardwareLow(view: DataView, offset: number): number {
  return view.getInt32(offset + 2)
}

export function emitHardwareAddress(
  view: DataView,
  offset: number,
  high: number,
  low: number,
): void {
  view.setUint16(offset, high)
  view.setInt32(offset + 2, low)
}

export const BROADCAST_HIGH = 0xffff
export const BROADCAST_LOW = -1

/** The group bit: multicast and broadcast addresses (IEEE 802-2014 §8.2.2). */
export function isGroupHardwareAddress(high: number): boolean {
  return (high & 0x0100) !== 0
}

/** True for an address that one station can have: neither a group's nor all zero. */
export function isStationHardwareAddress(high: number, low: number): boolean {
  return (high & 0x0100) === 0 && (high | low) !== 0
}

export function formatHardwareAddress(high: number, low: number): string {
  const digits = high.toString(16).padStart(4, '0') + (low >>> 0).toString(16).padStart(8, '0')
  return digits.replace(/..(?!$)/g, '$&:')
}

/** The six octets written as hexadecimal pairs between colons, or null. */
export function parseHardwareAddress(text: string): Uint8Array | null {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)) return null
  return Uint8Array.from(text.split(':'), (pair) => Number.parseInt(pair, 16))
}

/** RFC 1112 §6.4: the low 23 bits of the group behind 01:00:5e; returns the low word. */
export function ipv4MulticastHardwareLow(group: number): number {
  return 0x5e000000 | (group & 0x7fffff)
}

export const IPV4_MULTICAST_HARDWARE_HIGH = 0x0100

/** RFC 2464 §7: 33:33 and the last four octets of the group. */
export const IPV6_MULTICAST_HARDWARE_HIGH = 0x3333
