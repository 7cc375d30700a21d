/**
 * IPv4 header: offsets, parse, emit, format; what options are tolerated (RFC 791, RFC 1122 §3.2.1).
 */
import { formatIpv4Word } from './ip-address-text.ts'

export const IPV4_HEADER_LENGTH = 20
export const IPV4_TOTAL_LENGTH_OFFSET = 2
export const IPV4_IDENTIFICATION_OFFSET = 4
export const IPV4_FRAGMENT_OFFSET = 6
export const IPV4_TIME_TO_LIVE_OFFSET = 8
export const IPV4_CHECKSUM_OFFSET = 10
export const IPV4_SOURCE_OFFSET = 12
export const IPV4_DESTINATION_OFFSET = 16
/** RFC 791: every host must accept datagrams of this size. */
export const IPV4_MINIMUM_REASSEMBLY = 576

export const IpProtocol = {
  HopByHop: 0,
  Icmpv4: 1,
  Igmp: 2,
  Tcp: 6,
  Udp: 17,
  Routing: 43,
  Fragment: 44,
  Icmpv6: 58,
  NoNextHeader: 59,
  DestinationOptions: 60,
} as const

export const IPV4_DONT_FRAGMENT = 0x4000
export const IPV4_MORE_FRAGMENTS = 0x2000
export const IPV4_RESERVED_FLAG = 0x8000
/** Of the field with flags and offset: anything but 0 is a fragment. */
export const IPV4_FRAGMENT_FIELDS = 0x3fff

/** A record the caller owns. Addresses int32. */
export interface Ipv4Header {
  headerLength: number
  /** DSCP and ECN. */
  trafficClass: number
  totalLength: number
  identification: number
  /** The whole 16-bit field: three flags and the offset in units of 8 bytes. */
  flagsAndOffset: number
  timeToLive: number
  protocol: number
  source: number
  destination: number
}

export function createIpv4Header(): Ipv4Header {
  return {
    headerLength: IPV4_HEADER_LENGTH,
    trafficClass: 0,
    totalLength: IPV4_HEADER_LENGTH,
    identification: 0,
    flagsAndOffset: IPV4_DONT_FRAGMENT,
    timeToLive: 64,
    protocol: 0,
    source: 0,
    destination: 0,
  }
}

/**
 * Reads the header of a packet that has `length` bytes at most. False unless version, header length
 * and total length are consistent with each other and with `length`. The checksum and options are
 * not looked at.
 */
export function parseIpv4(
  view: DataView,
  offset: number,
  length: number,
  out: Ipv4Header,
): boolean {
  if (length < IPV4_HEADER_LENGTH) return false
  // Whole words: a DataView call costs as much as ten bytecodes.
  const word0 = view.getInt32(offset)
  if (word0 >>> 28 !== 4) return false
  const headerLength = (word0 >>> 22) & 0x3c
  const totalLength = word0 & 0xffff
  if (headerLength < IPV4_HEADER_LENGTH || headerLength > totalLength || totalLength > length) {
    return false
  }
  const word1 = view.getInt32(offset + IPV4_IDENTIFICATION_OFFSET)
  const lifetimeAndProtocol = view.getUint16(offset + IPV4_TIME_TO_LIVE_OFFSET)
  out.headerLength = headerLength
  out.trafficClass = (word0 >>> 16) & 0xff
  out.totalLength = totalLength
  out.identification = word1 >>> 16
  out.flagsAndOffset = word1 & 0xffff
  out.timeToLive = lifetimeAndProtocol >>> 8
  out.protocol = lifetimeAndProtocol & 0xff
  out.source = view.getInt32(offset + IPV4_SOURCE_OFFSET)
  out.destination = view.getInt32(offset + IPV4_DESTINATION_OFFSET)
  return true
}

/** Writes a header without options and with a zero checksum; `headerLength` is taken as 20. */
export function emitIpv4(view: DataView, offset: number, header: Ipv4Header): void {
  view.setUint16(offset, 0x4500 | header.trafficClass)
  view.setUint16(offset + IPV4_TOTAL_LENGTH_OFFSET, header.totalLength)
  view.setUint16(offset + IPV4_IDENTIFICATION_OFFSET, header.identification)
  view.setUint16(offset + IPV4_FRAGMENT_OFFSET, header.flagsAndOffset)
  view.setUint16(offset + IPV4_TIME_TO_LIVE_OFFSET, (header.timeToLive << 8) | header.protocol)
  view.setUint16(offset + IPV4_CHECKSUM_OFFSET, 0)
  view.setInt32(offset + IPV4_SOURCE_OFFSET, header.source)
  view.setInt32(offset + IPV4_DESTINATION_OFFSET, header.destination)
}

/** A header with the Router Alert option and nothing else (RFC 2113). */
export const IPV4_ROUTER_ALERT_HEADER_LENGTH = 24
const ROUTER_ALERT = 0x94040000

/** As emitIpv4, with Router Alert. */
export function emitIpv4WithRouterAlert(view: DataView, offset: number, header: Ipv4Header): void {
  emitIpv4(view, offset, header)
  view.setUint8(offset, 0x46)
  view.setInt32(offset + IPV4_HEADER_LENGTH, ROUTER_ALERT)
}

/** What walking the options found. */
export const Ipv4OptionsVerdict = {
  Acceptable: 0,
  /** A length leaves the header, or a pointer lies before its data. */
  Malformed: 1,
  /**
   * Loose or strict source route: dropped, a declared deviation from RFC 1122 (RFC 7126 §4.3
   * advises it).
   */
  SourceRoute: 2,
} as const
export type Ipv4OptionsVerdict = (typeof Ipv4OptionsVerdict)[keyof typeof Ipv4OptionsVerdict]

const OPTION_END = 0
const OPTION_NO_OPERATION = 1
const OPTION_RECORD_ROUTE = 7
const OPTION_TIMESTAMP = 68
const OPTION_LOOSE_SOURCE_ROUTE = 131
const OPTION_STRICT_SOURCE_ROUTE = 137
const OPTION_ROUTER_ALERT = 148

/**
 * Walks `length` option bytes. Unknown options are fine (RFC 1122 §3.2.1.8); nothing is ever acted
 * upon.
 */
export function checkIpv4Options(
  view: DataView,
  offset: number,
  length: number,
): Ipv4OptionsVerdict {
  const end = offset + length
  let position = offset
  while (position < end) {
    const type = view.getUint8(position)
    if (type === OPTION_END) return Ipv4OptionsVerdict.Acceptable
    if (type === OPTION_NO_OPERATION) {
      position++
      continue
    }
    const optionLength = position + 1 < end ? view.getUint8(position + 1) : 0
    if (optionLength < 2 || position + optionLength > end) return Ipv4OptionsVerdict.Malformed
    if (type === OPTION_LOOSE_SOURCE_ROUTE || type === OPTION_STRICT_SOURCE_ROUTE) {
      return Ipv4OptionsVerdict.SourceRoute
    }
    if (type === OPTION_RECORD_ROUTE || type === OPTION_TIMESTAMP) {
      // RFC 791 §3.1: the smallest legal pointer is 4 for a route, 5 for timestamps.
      const least = type === OPTION_RECORD_ROUTE ? 4 : 5
      if (optionLength < least - 1 || view.getUint8(position + 2) < least) {
        return Ipv4OptionsVerdict.Malformed
      }
    }
    position += optionLength
  }
  return Ipv4OptionsVerdict.Acceptable
}

/** True when the header at `offset`, whose options are acceptable, has Router Alert among them. */
export function hasIpv4RouterAlert(view: DataView, offset: number): boolean {
  const end = offset + ((view.getUint8(offset) & 15) << 2)
  let position = offset + IPV4_HEADER_LENGTH
  while (position < end) {
    const type = view.getUint8(position)
    if (type === OPTION_ROUTER_ALERT) return true
    if (type === OPTION_END) return false
    position += type === OPTION_NO_OPERATION ? 1 : view.getUint8(position + 1)
  }
  return false
}

export function formatIpv4(header: Ipv4Header): string {
  const route = `${formatIpv4Word(header.source)} > ${formatIpv4Word(header.destination)}`
  const offset = (header.flagsAndOffset & 0x1fff) << 3
  const fragment =
    (header.flagsAndOffset & 0x3fff) === 0
      ? ''
      : ` fragment=${offset}${(header.flagsAndOffset & IPV4_MORE_FRAGMENTS) === 0 ? '' : '+'}`
  return `IPv4 ${route} proto=${header.protocol} ttl=${header.timeToLive} len=${header.totalLength}${fragment}`
}
