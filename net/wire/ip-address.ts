/**
 * IPv4 and IPv6 addresses as four int32 words: compared without loops or strings, text only at the
 * API edge.
 */

/**
 * An immutable address. IPv4 lies in `word3`, the other words are 0. Words are int32 (may be
 * negative), in network order: word0 holds the first four octets of an IPv6 address.
 */
export interface IpAddress {
  readonly version: 4 | 6
  readonly word0: number
  readonly word1: number
  readonly word2: number
  readonly word3: number
}

/**
 * An address that its owner overwrites, for one packet after the other. Who keeps it beyond that
 * takes a copy (`copyOfAddress`).
 */
export interface AddressRecord {
  version: 4 | 6
  word0: number
  word1: number
  word2: number
  word3: number
}

/** The unspecified address of a family, to be overwritten. */
export function createAddressRecord(version: 4 | 6 = 4): AddressRecord {
  return { version, word0: 0, word1: 0, word2: 0, word3: 0 }
}

/** Makes the record an IPv4 address. `word` is an int32. */
export function setIpv4Address(record: AddressRecord, word: number): void {
  record.word3 = word
  if (record.version === 4) return
  record.version = 4
  record.word0 = 0
  record.word1 = 0
  record.word2 = 0
}

/** Makes the record the IPv6 address that lies in memory. */
export function loadIpv6Address(record: AddressRecord, view: DataView, offset: number): void {
  record.version = 6
  record.word0 = view.getInt32(offset)
  record.word1 = view.getInt32(offset + 4)
  record.word2 = view.getInt32(offset + 8)
  record.word3 = view.getInt32(offset + 12)
}

export function setAddress(record: AddressRecord, address: IpAddress): void {
  record.version = address.version
  record.word0 = address.word0
  record.word1 = address.word1
  record.word2 = address.word2
  record.word3 = address.word3
}

/** An address to keep, from a record that will be overwritten. Allocates. */
export function copyOfAddress(address: IpAddress): IpAddress {
  const { version, word0, word1, word2, word3 } = address
  return { version, word0, word1, word2, word3 }
}

/** An IPv4 address from its 32-bit value, signed or unsigned. */
export function ipv4Address(word: number): IpAddress {
  return { version: 4, word0: 0, word1: 0, word2: 0, word3: word | 0 }
}

/** An IPv6 address from its four 32-bit words in network order, signed or unsigned. */
export function ipv6Address(word0: number, word1: number, word2: number, word3: number): IpAddress {
  return { version: 6, word0: word0 | 0, word1: word1 | 0, word2: word2 | 0, word3: word3 | 0 }
}

/** An address of the given family; IPv4 takes `word3` only. */
export function addressFromWords(
  version: 4 | 6,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): IpAddress {
  return version === 4 ? ipv4Address(word3) : ipv6Address(word0, word1, word2, word3)
}

export const IPV4_UNSPECIFIED: IpAddress = ipv4Address(0)
export const IPV6_UNSPECIFIED: IpAddress = ipv6Address(0, 0, 0, 0)
export const IPV6_LOOPBACK: IpAddress = ipv6Address(0, 0, 0, 1)
export const IPV6_ALL_NODES: IpAddress = ipv6Address(0xff020000, 0, 0, 1)
export const IPV6_ALL_ROUTERS: IpAddress = ipv6Address(0xff020000, 0, 0, 2)

/** No secret: who chooses his address chooses this. */
export function hashAddress({ word0, word1, word2, word3 }: IpAddress): number {
  return word0 ^ word1 ^ word2 ^ word3
}

export function isSameAddress(a: IpAddress, b: IpAddress): boolean {
  return (
    a.word3 === b.word3 &&
    a.version === b.version &&
    (a.version === 4 || (a.word2 === b.word2 && a.word1 === b.word1 && a.word0 === b.word0))
  )
}

/**
 * Total order for sorting: IPv4 before IPv6, then by unsigned value. Negative, zero or positive.
 */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.version !== b.version) return a.version - b.version
  if (a.word0 !== b.word0) return (a.word0 >>> 0) - (b.word0 >>> 0)
  if (a.word1 !== b.word1) return (a.word1 >>> 0) - (b.word1 >>> 0)
  if (a.word2 !== b.word2) return (a.word2 >>> 0) - (b.word2 >>> 0)
  return (a.word3 >>> 0) - (b.word3 >>> 0)
}

/** 224.0.0.0/4 (RFC 5771). */
export function isIpv4MulticastWord(word: number): boolean {
  return word >>> 28 === 14
}

export function isUnspecified(address: IpAddress): boolean {
  return (address.word0 | address.word1 | address.word2 | address.word3) === 0
}

/** IPv4 224.0.0.0/4 or IPv6 ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  return address.version === 4 ? address.word3 >>> 28 === 14 : address.word0 >>> 24 === 0xff
}

/**
 * The limited broadcast address 255.255.255.255; that of a subnet depends on the interface's
 * prefix.
 */
export function isLimitedBroadcast(address: IpAddress): boolean {
  return address.version === 4 && address.word3 === -1
}

/** IPv4 127.0.0.0/8 or IPv6 ::1. */
export function isLoopback(address: IpAddress): boolean {
  return address.version === 4
    ? address.word3 >>> 24 === 127
    : (address.word0 | address.word1 | address.word2) === 0 && address.word3 === 1
}

/** IPv4 169.254.0.0/16 (RFC 3927) or IPv6 fe80::/10. */
export function isLinkLocal(address: IpAddress): boolean {
  return address.version === 4
    ? address.word3 >>> 16 === 0xa9fe
    : address.word0 >>> 22 === 0xfe80 >>> 6
}

/** IPv6 fc00::/7 (RFC 4193). */
export function isUniqueLocal(address: IpAddress): boolean {
  return address.version === 6 && address.word0 >>> 25 === 0xfc >>> 1
}

/** IPv6 ::ffff:0:0/96, which must never appear on the wire. */
export function isIpv4Mapped(address: IpAddress): boolean {
  return address.version === 6 && (address.word0 | address.word1) === 0 && address.word2 === 0xffff
}

/**
 * Neither unspecified, multicast nor broadcast, nor of IPv4's reserved class E: one host's address.
 */
export function isUnicast(address: IpAddress): boolean {
  if (isUnspecified(address) || isMulticast(address)) return false
  return address.version === 6 || address.word3 >>> 28 !== 15
}

/** RFC 4291 §2.7.1: ff02::1:ffXX:XXXX. */
export function solicitedNodeAddress(address: IpAddress): IpAddress {
  return ipv6Address(0xff020000, 0, 1, 0xff000000 | (address.word3 & 0xffffff))
}

/** Copies an IPv6 address, or the four octets of an IPv4 address, into memory in network order. */
export function emitIpAddress(view: DataView, offset: number, address: IpAddress): void {
  if (address.version === 4) {
    view.setInt32(offset, address.word3)
    return
  }
  view.setInt32(offset, address.word0)
  view.setInt32(offset + 4, address.word1)
  view.setInt32(offset + 8, address.word2)
  view.setInt32(offset + 12, address.word3)
}

/** An address object from memory; allocates, so not for the packet path. */
export function readIpAddress(view: DataView, offset: number, version: 4 | 6): IpAddress {
  if (version === 4) return ipv4Address(view.getInt32(offset))
  return ipv6Address(
    view.getInt32(offset),
    view.getInt32(offset + 4),
    view.getInt32(offset + 8),
    view.getInt32(offset + 12),
  )
}
