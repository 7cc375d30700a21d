/**
 * What IGMPv3 and MLDv2 have in common but for the length of addresses: group records and queries
 * (RFC 3376 §4, RFC 3810 §5).
 */
import { emitIpAddress, type IpAddress, readIpAddress } from './ip-address.ts'

/** Type, checksum, number of records. */
export const REPORT_HEADER_LENGTH = 8
/**
 * What a query of the newest version has beyond an older one, before its sources: S and QRV, QQIC,
 * number of sources.
 */
export const QUERY_EXTENSION_LENGTH = 4

export const RecordType = {
  ModeIsInclude: 1,
  ModeIsExclude: 2,
  ChangeToInclude: 3,
  ChangeToExclude: 4,
  AllowNewSources: 5,
  BlockOldSources: 6,
} as const
export type RecordType = (typeof RecordType)[keyof typeof RecordType]

export interface GroupRecord {
  readonly type: RecordType
  readonly group: IpAddress
  readonly sources: readonly IpAddress[]
}

/** A query of any version of either protocol. */
export interface GroupQuery {
  /** 1 to 3 of IGMP, 1 or 2 of MLD. */
  version: number
  maxResponseMs: number
  /** Null in a general query. */
  group: IpAddress | null
  /** Of a group-and-source query, as many as MAX_QUERY_SOURCES. */
  sources: IpAddress[]
  /** There were more sources than are noted: the answer is about all of them. */
  hasMoreSources: boolean
  /** The querier's robustness variable; 0 = not said. */
  robustness: number
}

/** Sources noted of one query: those of an ordinary application, not all that fit a packet. */
export const MAX_QUERY_SOURCES = 16

export function createGroupQuery(): GroupQuery {
  return {
    version: 0,
    maxResponseMs: 0,
    group: null,
    sources: [],
    hasMoreSources: false,
    robustness: 0,
  }
}

/** Octets of a record without sources, and of a source. */
export function recordLength(version: 4 | 6): number {
  return 4 + addressLength(version)
}

export function addressLength(version: 4 | 6): number {
  return version === 4 ? 4 : 16
}

/** Writes a report of the newest version with a zero checksum; returns its length. */
export function emitReport(
  view: DataView,
  offset: number,
  messageType: number,
  records: readonly GroupRecord[],
): number {
  view.setInt32(offset, messageType << 24)
  view.setInt32(offset + 4, records.length)
  let position = offset + REPORT_HEADER_LENGTH
  for (const { type, group, sources } of records) {
    const size = addressLength(group.version)
    view.setInt32(position, (type << 24) | sources.length)
    emitIpAddress(view, position + 4, group)
    position += 4 + size
    for (const source of sources) {
      emitIpAddress(view, position, source)
      position += size
    }
  }
  return position - offset
}

/**
 * Reads robustness and sources of a query of the newest version, whose extension begins at `offset`
 * with `length` bytes left. False when the sources do not fit, or are of no group.
 */
export function parseQueryExtension(
  view: DataView,
  offset: number,
  length: number,
  version: 4 | 6,
  query: GroupQuery,
): boolean {
  query.robustness = view.getUint8(offset) & 7
  const count = view.getUint16(offset + 2)
  const size = addressLength(version)
  if (QUERY_EXTENSION_LENGTH + count * size > length) return false
  if (count > 0 && query.group === null) return false
  query.hasMoreSources = count > MAX_QUERY_SOURCES
  const noted = query.hasMoreSources ? 0 : count
  for (let index = 0; index < noted; index++) {
    query.sources.push(readIpAddress(view, offset + QUERY_EXTENSION_LENGTH + index * size, version))
  }
  return true
}

/**
 * RFC 3376 §4.1.1, RFC 3810 §5.1.3: a number, or with the highest bit three bits of exponent and
 * the rest of mantissa.
 */
export function fromFloatingPoint(code: number, mantissaBits: number): number {
  if (code < 1 << (mantissaBits + 3)) return code
  const mantissa = (code & ((1 << mantissaBits) - 1)) | (1 << mantissaBits)
  return mantissa << (((code >> mantissaBits) & 7) + 3)
}
