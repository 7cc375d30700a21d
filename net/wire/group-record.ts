/** What IGMPv3 and MLDv2 reports say of a group (RFC 3376 §4.2.12, RFC 3810 §5.2.12). */
import type { IpAddress } from './ip-address.ts'

export const RecordType = {
  ModeIsInclude: 1,
  ModeIsExclude: 2,
  ChangeToInclude: 3,
  ChangeToExclude: 4,
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
