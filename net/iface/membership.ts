/**
 * One group of an interface: who wants what of it, and what routers have not been told yet (RFC
 * 3376 §5, RFC 3810 §6).
 */
import { type GroupQuery, type GroupRecord, RecordType } from '../wire/group-record.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import {
  ALL_SOURCES,
  acceptsAny,
  acceptsSource,
  includesAddress,
  mergeFilters,
  NO_SOURCES,
  type SourceFilter,
} from './source-filter.ts'

/** Sources of one group that all listeners together may name. */
export const MAX_GROUP_SOURCES = 128

export const NEVER_MS = Number.POSITIVE_INFINITY

interface SourceChange {
  readonly source: IpAddress
  reportsLeft: number
}

export class Membership {
  readonly group: IpAddress
  /** What all listeners together want. Read only outside. */
  filter: SourceFilter = NO_SOURCES
  /** Somebody has been told of the group. */
  isReported = false
  /** When to tell of changes. */
  changeAtMs = NEVER_MS
  /** When to answer a query about this group. */
  responseAtMs = NEVER_MS
  /** Sources that query asked about; none = about the group. */
  private askedSources: IpAddress[] = []
  /** Joins of all sources by nobody in particular. */
  private joins = 0
  private readonly listeners = new Map<object, SourceFilter>()
  private modeReportsLeft = 0
  private changes: SourceChange[] = []

  constructor(group: IpAddress) {
    this.group = group
  }

  isWanted(): boolean {
    return acceptsAny(this.filter)
  }

  isJoined(): boolean {
    return this.joins > 0
  }

  hasChanges(): boolean {
    return this.modeReportsLeft > 0 || this.changes.length > 0
  }

  join(): void {
    this.joins++
  }

  /** False when there was no join to take back. */
  leave(): boolean {
    if (this.joins === 0) return false
    this.joins--
    return true
  }

  /**
   * What this listener wants from now on; false, and nothing changed, when there would be too many
   * sources.
   */
  setListener(listener: object, filter: SourceFilter): boolean {
    const before = this.listeners.get(listener)
    if (acceptsAny(filter)) this.listeners.set(listener, filter)
    else this.listeners.delete(listener)
    if (this.merge().sources.length <= MAX_GROUP_SOURCES) return true
    if (before === undefined) this.listeners.delete(listener)
    else this.listeners.set(listener, before)
    return false
  }

  /**
   * Notes how what is wanted differs now from what it was, each change to be reported `reports`
   * times. False when there is nothing to tell. `isOlder`: by the messages of an older version,
   * which say of a group that it is wanted or not.
   */
  update(reports: number, isOlder: boolean): boolean {
    const before = this.filter
    const after = this.merge()
    this.filter = after
    if (isOlder) {
      if (acceptsAny(before) === acceptsAny(after)) return false
      this.startModeChange(reports)
    } else if (before.isExclude !== after.isExclude) {
      this.startModeChange(reports)
    } else {
      const differing = [
        ...before.sources.filter((source) => !includesAddress(after.sources, source)),
        ...after.sources.filter((source) => !includesAddress(before.sources, source)),
      ]
      if (differing.length === 0) return false
      this.startSourceChange(differing, reports)
    }
    return true
  }

  /** As if everything that is wanted were wanted anew. */
  announce(reports: number): void {
    if (this.filter.isExclude) this.startModeChange(reports)
    else this.startSourceChange(this.filter.sources, reports)
  }

  /** One report of the changes has been sent; true when there is another to send. */
  countReport(): boolean {
    this.isReported = true
    if (this.modeReportsLeft > 0) this.modeReportsLeft--
    // A change of mode tells of all sources.
    for (const change of this.changes) change.reportsLeft--
    this.changes = this.changes.filter(({ reportsLeft }) => reportsLeft > 0)
    return this.hasChanges()
  }

  cancelChanges(): void {
    this.modeReportsLeft = 0
    this.changes = []
    this.changeAtMs = NEVER_MS
  }

  /**
   * RFC 3376 §5.1, the merged report: of the mode as long as its change is told, then of sources.
   */
  changeRecords(): GroupRecord[] {
    const { group, filter } = this
    if (this.modeReportsLeft > 0) {
      const { ChangeToExclude, ChangeToInclude } = RecordType
      const type = filter.isExclude ? ChangeToExclude : ChangeToInclude
      return [{ type, group, sources: filter.sources }]
    }
    const sources = this.changes.map(({ source }) => source)
    const allowed = sources.filter((source) => acceptsSource(filter, source))
    const blocked = sources.filter((source) => !acceptsSource(filter, source))
    const records: GroupRecord[] = []
    if (allowed.length > 0)
      records.push({ type: RecordType.AllowNewSources, group, sources: allowed })
    if (blocked.length > 0)
      records.push({ type: RecordType.BlockOldSources, group, sources: blocked })
    return records
  }

  /**
   * RFC 3376 §5.2: the whole state, or which of the sources asked about are wanted; none of them =
   * no record.
   */
  stateRecords(): GroupRecord[] {
    const { group, filter, askedSources } = this
    const { ModeIsExclude, ModeIsInclude } = RecordType
    if (askedSources.length === 0) {
      const type = filter.isExclude ? ModeIsExclude : ModeIsInclude
      return [{ type, group, sources: filter.sources }]
    }
    const sources = askedSources.filter((source) => acceptsSource(filter, source))
    return sources.length === 0 ? [] : [{ type: ModeIsInclude, group, sources }]
  }

  /**
   * RFC 3376 §5.2, rules 3 to 5; of more than `mostSources` none is noted, and the answer is about
   * the group.
   */
  scheduleResponse(query: GroupQuery, dueMs: number, mostSources: number): void {
    const isPending = this.responseAtMs !== NEVER_MS
    const isAboutGroup =
      query.hasMoreSources ||
      query.sources.length === 0 ||
      (isPending && this.askedSources.length === 0)
    this.responseAtMs = Math.min(this.responseAtMs, dueMs)
    const asked = [...this.askedSources]
    for (const source of query.sources) if (!includesAddress(asked, source)) asked.push(source)
    this.askedSources = isAboutGroup || asked.length > mostSources ? [] : asked
  }

  /** Answers about the group at `dueMs`, whatever was asked before. */
  respondAt(dueMs: number): void {
    this.responseAtMs = dueMs
    this.askedSources = []
  }

  private merge(): SourceFilter {
    return this.joins > 0 ? ALL_SOURCES : mergeFilters(this.listeners.values())
  }

  private startModeChange(reports: number): void {
    this.modeReportsLeft = reports
    this.changes = []
  }

  private startSourceChange(sources: readonly IpAddress[], reports: number): void {
    for (const source of sources) {
      const known = this.changes.findIndex((change) => includesAddress([source], change.source))
      if (known >= 0) this.changes.splice(known, 1)
      this.changes.push({ source, reportsLeft: reports })
    }
    // Who changes its mind faster than it can be told: the whole state says the same.
    if (this.changes.length > MAX_GROUP_SOURCES) this.startModeChange(reports)
  }
}
