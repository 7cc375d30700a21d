/** Multicast Listener Discovery: queries parsed, reports emitted (RFC 3810 §5, RFC 2710 §3). */
import {
  createGroupQuery,
  fromFloatingPoint,
  type GroupQuery,
  parseQueryExtension,
  QUERY_EXTENSION_LENGTH,
} from './group-record.ts'
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
const MLDV2_QUERY_LENGTH = MLDV1_LENGTH + QUERY_EXTENSION_LENGTH
const MANTISSA_BITS = 12
const MAX_RESPONSE_OFFSET = 4
const GROUP_OFFSET = 8

/**
 * A query of `length` bytes at `offset`, whose checksum is right; null when it breaks the rules.
 */
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
  query.maxResponseMs = fromFloatingPoint(code, MANTISSA_BITS)
  const extension = offset + MLDV1_LENGTH
  return parseQueryExtension(view, extension, length - MLDV1_LENGTH, 6, query) ? query : null
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
