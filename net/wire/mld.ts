/** Multicast Listener Discovery: queries parsed, reports emitted (RFC 3810 §5, RFC 2710 §3). */
import {
  createGroupQuery,
  type GroupQuery,
  type GroupRecord,
  MAX_QUERY_SOURCES,
} from './group-record.ts'
import { Icmpv6Type } from './icmpv6.ts'
import {
  emitIpAddress,
  type IpAddress,
  ipv6Address,
  isMulticast,
  isUnspecified,
  readIpAddress,
} from './ip-address.ts'

/** ff02::16: every router that knows version 2. */
export const MLDV2_ROUTERS: IpAddress = ipv6Address(0xff020000, 0, 0, 0x16)
export const MLD_HOP_LIMIT = 1
/** A message of version 1; also where a query's fields of version 2 begin. */
export const MLDV1_LENGTH = 24
const MLDV2_QUERY_LENGTH = 28
export const MLDV2_REPORT_HEADER_LENGTH = 8
export const MLDV2_RECORD_LENGTH = 20
const MAX_RESPONSE_OFFSET = 4
const GROUP_OFFSET = 8

/** A query of `length` bytes at `offset`, whose checksum is right; null when it breaks the rules. */
export function parseMldQuery(view: DataView, offset: number, length: number): GroupQuery | null {
  // RFC 3810 §8.1: the length tells the version.
  const isVersion1 = length === MLDV1_LENGTH
  if (!isVersion1 && length < MLDV2_QUERY_LENGTH) return null
  const query = createGroupQuery()
  const group = readIpAddress(view, offset + GROUP_OFFSET, 6)
  if (!isUnspecified(group)) {
    if (!isMulticast(group)) return null
    query.group = group
  }
  const code = view.getUint16(offset + MAX_RESPONSE_OFFSET)
  if (isVersion1) {
    query.version = 1
    query.maxResponseMs = code
    return query
  }
  query.version = 2
  query.maxResponseMs = fromFloatingPoint16(code)
  query.robustness = view.getUint8(offset + MLDV1_LENGTH) & 7
  const count = view.getUint16(offset + 26)
  if (MLDV2_QUERY_LENGTH + count * 16 > length) return null
  if (count > 0 && query.group === null) return null
  query.hasMoreSources = count > MAX_QUERY_SOURCES
  const noted = query.hasMoreSources ? 0 : count
  for (let index = 0; index < noted; index++) {
    query.sources.push(readIpAddress(view, offset + MLDV2_QUERY_LENGTH + index * 16, 6))
  }
  return query
}

/** Writes a report of version 2 with a zero checksum; returns its length. */
export function emitMldv2Report(
  view: DataView,
  offset: number,
  records: readonly GroupRecord[],
): number {
  view.setInt32(offset, Icmpv6Type.MulticastListenerReportV2 << 24)
  view.setInt32(offset + 4, records.length)
  let position = offset + MLDV2_REPORT_HEADER_LENGTH
  for (const { type, group, sources } of records) {
    view.setInt32(position, (type << 24) | sources.length)
    emitIpAddress(view, position + 4, group)
    position += MLDV2_RECORD_LENGTH
    for (const source of sources) {
      emitIpAddress(view, position, source)
      position += 16
    }
  }
  return position - offset
}

/** Writes a message of version 1, a report or Done, with a zero checksum; returns its length. */
export function emitMldv1(view: DataView, offset: number, type: number, group: IpAddress): number {
  view.setInt32(offset, type << 24)
  view.setInt32(offset + MAX_RESPONSE_OFFSET, 0)
  emitIpAddress(view, offset + GROUP_OFFSET, group)
  return MLDV1_LENGTH
}

/** The group of a message of version 1; null when it is too short. */
export function parseMldv1Group(view: DataView, offset: number, length: number): IpAddress | null {
  return length < MLDV1_LENGTH ? null : readIpAddress(view, offset + GROUP_OFFSET, 6)
}

/** RFC 3810 §5.1.3: from 32768 on, three bits of exponent and twelve of mantissa. */
function fromFloatingPoint16(code: number): number {
  if (code < 32768) return code
  return ((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3)
}
