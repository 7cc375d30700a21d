/**
 * Spreads group records over reports that each fit a packet (RFC 3376 §4.2.16, RFC 3810 §5.2.15).
 */
import { type GroupRecord, RecordType } from '../wire/group-record.ts'
import type { Membership } from './membership.ts'

/** Octets of records in one report, of a record without sources, and of a source. */
export interface ReportSizes {
  readonly room: number
  readonly recordLength: number
  readonly sourceLength: number
}

export interface PackedReport {
  readonly records: GroupRecord[]
  /** Whose records they are, in part or all. */
  readonly memberships: Membership[]
}

export function packReports(
  memberships: readonly Membership[],
  recordsOf: (membership: Membership) => readonly GroupRecord[],
  sizes: ReportSizes,
): PackedReport[] {
  const { room, recordLength, sourceLength } = sizes
  const reports: PackedReport[] = []
  let left = 0
  for (const membership of memberships) {
    for (const record of recordsOf(membership).flatMap((whole) => split(whole, sizes))) {
      const length = recordLength + record.sources.length * sourceLength
      if (length > left || reports.length === 0) {
        reports.push({ records: [], memberships: [] })
        left = room
      }
      const report = reports.at(-1)!
      report.records.push(record)
      if (report.memberships.at(-1) !== membership) report.memberships.push(membership)
      left -= length
    }
  }
  return reports
}

/**
 * Of mode EXCLUDE there can be one record only: "the remaining source addresses are not reported".
 */
function split(record: GroupRecord, { room, recordLength, sourceLength }: ReportSizes) {
  const { type, group, sources } = record
  const most = Math.max(1, Math.floor((room - recordLength) / sourceLength))
  if (sources.length <= most) return [record]
  if (type === RecordType.ModeIsExclude || type === RecordType.ChangeToExclude) {
    return [{ type, group, sources: sources.slice(0, most) }]
  }
  const parts: GroupRecord[] = []
  for (let start = 0; start < sources.length; start += most) {
    parts.push({ type, group, sources: sources.slice(start, start + most) })
  }
  return parts
}
