/**
 * The Internet Group Management Protocol: queries parsed, reports emitted (RFC 3376 §4, RFC 2236
 * §2, RFC 1112).
 */
import {
  createGroupQuery,
  fromFloatingPoint,
  type GroupQuery,
  parseQueryExtension,
  QUERY_EXTENSION_LENGTH,
} from './group-record.ts'
import { type IpAddress, ipv4Address, isIpv4MulticastWord } from './ip-address.ts'

export const IgmpType = {
  Query: 0x11,
  ReportV1: 0x12,
  ReportV2: 0x16,
  Leave: 0x17,
  ReportV3: 0x22,
} as const

/** 224.0.0.22: every router that knows version 3. */
export const IGMPV3_ROUTERS: IpAddress = ipv4Address(0xe0000016)
export const IPV4_ALL_ROUTERS: IpAddress = ipv4Address(0xe0000002)
/** A message of version 1 or 2; also where a query's fields of version 3 begin. */
export const IGMP_LENGTH = 8
const IGMPV3_QUERY_LENGTH = IGMP_LENGTH + QUERY_EXTENSION_LENGTH
const MANTISSA_BITS = 4
const TENTH_MS = 100
/** RFC 3376 §7.2.1: what a query of version 1, which does not say, is taken to mean. */
const V1_MAX_RESPONSE_MS = 10_000

/**
 * A query of `length` bytes at `offset`, whose checksum is right; null when it breaks the rules.
 */
export function parseIgmpQuery(view: DataView, offset: number, length: number): GroupQuery | null {
  // RFC 3376 §7.1: "Query messages that do not match any of the above conditions ... MUST be
  // silently ignored."
  const isVersion3 = length >= IGMPV3_QUERY_LENGTH
  if (!isVersion3 && length !== IGMP_LENGTH) return null
  const query = createGroupQuery()
  const group = view.getInt32(offset + 4)
  if (group !== 0) {
    if (!isIpv4MulticastWord(group)) return null
    query.group = ipv4Address(group)
  }
  const code = view.getUint8(offset + 1)
  if (!isVersion3) {
    query.version = code === 0 ? 1 : 2
    query.maxResponseMs = code === 0 ? V1_MAX_RESPONSE_MS : code * TENTH_MS
    return query
  }
  query.version = 3
  query.maxResponseMs = fromFloatingPoint(code, MANTISSA_BITS) * TENTH_MS
  const extension = offset + IGMP_LENGTH
  return parseQueryExtension(view, extension, length - IGMP_LENGTH, 4, query) ? query : null
}

/** Writes a message of version 1 or 2 with a zero checksum; returns its length. */
export function emitIgmp(view: DataView, offset: number, type: number, group: IpAddress): number {
  view.setInt32(offset, type << 24)
  view.setInt32(offset + 4, group.word3)
  return IGMP_LENGTH
}
