/** The Internet Group Management Protocol: queries parsed, reports emitted (RFC 3376 §4, RFC 2236 §2, RFC 1112). */
import {
  createGroupQuery,
  type GroupQuery,
  type GroupRecord,
  MAX_QUERY_SOURCES,
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
export const IGMP_CHECKSUM_OFFSET = 2
/** A message of version 1 or 2; also where a query's fields of version 3 begin. */
export const IGMP_LENGTH = 8
const IGMPV3_QUERY_LENGTH = 12
export const IGMPV3_REPORT_HEADER_LENGTH = 8
export const IGMPV3_RECORD_LENGTH = 8
const TENTH_MS = 100
/** RFC 3376 §7.2.1: what a query of version 1, which does not say, is taken to mean. */
const V1_MAX_RESPONSE_MS = 10_000

/** A query of `length` bytes at `offset`, whose checksum is right; null when it breaks the rules. */
export function parseIgmpQuery(view: DataView, offset: number, length: number): GroupQuery | null {
  // RFC 3376 §7.1: "Query messages that do not match any of the above conditions ... MUST be silently ignored."
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
  query.maxResponseMs = fromFloatingPoint8(code) * TENTH_MS
  query.robustness = view.getUint8(offset + 8) & 7
  const count = view.getUint16(offset + 10)
  if (IGMPV3_QUERY_LENGTH + count * 4 > length) return null
  if (count > 0 && query.group === null) return null
  query.hasMoreSources = count > MAX_QUERY_SOURCES
  const noted = query.hasMoreSources ? 0 : count
  for (let index = 0; index < noted; index++) {
    query.sources.push(ipv4Address(view.getInt32(offset + IGMPV3_QUERY_LENGTH + index * 4)))
  }
  return query
}

/** Writes a report of version 3 with a zero checksum; returns its length. */
export function emitIgmpv3Report(
  view: DataView,
  offset: number,
  records: readonly GroupRecord[],
): number {
  view.setInt32(offset, IgmpType.ReportV3 << 24)
  view.setInt32(offset + 4, records.length)
  let position = offset + IGMPV3_REPORT_HEADER_LENGTH
  for (const { type, group, sources } of records) {
    view.setInt32(position, (type << 24) | sources.length)
    view.setInt32(position + 4, group.word3)
    position += IGMPV3_RECORD_LENGTH
    for (const source of sources) {
      view.setInt32(position, source.word3)
      position += 4
    }
  }
  return position - offset
}

/** Writes a message of version 1 or 2 with a zero checksum; returns its length. */
export function emitIgmp(view: DataView, offset: number, type: number, group: IpAddress): number {
  view.setInt32(offset, type << 24)
  view.setInt32(offset + 4, group.word3)
  return IGMP_LENGTH
}

/** RFC 3376 §4.1.1: from 128 on, three bits of exponent and four of mantissa. */
function fromFloatingPoint8(code: number): number {
  if (code < 128) return code
  return ((code & 0xf) | 0x10) << (((code >> 4) & 7) + 3)
}
