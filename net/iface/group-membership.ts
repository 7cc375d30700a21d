/**
 * The groups of one interface in one family, and when to report which: the host's side of IGMPv3
 * and MLDv2, which is the same but for the messages (RFC 3376 §5 and §7.2, RFC 3810 §6 and §8.2).
 */

import { type GroupQuery, type GroupRecord, MAX_QUERY_SOURCES } from '../wire/group-record.ts'
import { copyOfAddress, type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import { MAX_INTERFACE_ADDRESSES } from './address-table.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import { Membership, NEVER_MS } from './membership.ts'
import type { RandomSource } from './random-source.ts'
import { packReports, type ReportSizes } from './report-packing.ts'
import { acceptsAny, MAX_FILTER_SOURCES, type SourceFilter } from './source-filter.ts'
import { TokenBucket } from './token-bucket.ts'

/** An application that wants more is told so. */
export const MAX_GROUPS = 64
/**
 * How many of them listeners get: the rest is for the solicited-node groups of addresses that come
 * later.
 */
export const MAX_LISTENED_GROUPS = MAX_GROUPS - MAX_INTERFACE_ADDRESSES
/** RFC 3376 §8.1, RFC 3810 §9.1: what a querier has not told otherwise. */
const ROBUSTNESS = 2
/** RFC 3376 §8.11, RFC 3810 §9.11: between the reports of one change, at most. */
const UNSOLICITED_INTERVAL_MS = 1_000
/** RFC 2236 §8.10, RFC 2710 §7.10: the same toward a querier of an older version. */
const OLDER_UNSOLICITED_INTERVAL_MS = 10_000
/**
 * RFC 3376 §8.12, RFC 3810 §9.12: robustness times the default query interval of 125 s, and one
 * response interval of 10 s.
 */
export const OLDER_QUERIER_PRESENT_MS = 260_000
/** Reports a second, and at once, however many queries ask for them; what is more waits. */
const REPORTS_PER_SECOND = 10
const REPORT_BURST = 20
const RETRY_MS = 100
/** With the device's queue full or the link down. */
const UNSENT_RETRY_MS = 1_000

/** How reports leave; each tells whether it did. */
export interface MembershipReports {
  /** The version that these reports are of: queriers of others are older. */
  readonly newestVersion: number
  /** Of reports of the newest version. */
  readonly sizes: ReportSizes
  report(records: readonly GroupRecord[]): boolean
  /** In the messages of an older version. `isLeaving`: the last one here has left the group. */
  reportInVersion(version: number, group: IpAddress, isLeaving: boolean): boolean
}

export class GroupMembership {
  nextDeadlineMs = NEVER_MS
  /** Called when a group has come to be wanted, or not to be any more. */
  onChange: (() => void) | null = null
  private readonly reports: MembershipReports
  private readonly random: RandomSource
  private readonly limit: TokenBucket
  private memberships: Membership[] = []
  /** When to answer a general query of the newest version. */
  private generalResponseAtMs = NEVER_MS
  private robustness = ROBUSTNESS
  /** By version: until when a querier of that version is taken to be there. */
  private readonly olderUntilMs: number[]
  private version: number
  private readonly deadline: EarliestDeadline

  constructor(reports: MembershipReports, random: RandomSource, deadline: EarliestDeadline) {
    this.deadline = deadline
    this.reports = reports
    this.random = random
    this.limit = new TokenBucket(REPORTS_PER_SECOND, REPORT_BURST, random)
    this.version = reports.newestVersion
    this.olderUntilMs = new Array<number>(reports.newestVersion).fill(Number.NEGATIVE_INFINITY)
  }

  /**
   * Whether packets of some source to the group are wanted: of which, sockets judge, since queries
   * come from any.
   */
  isMember(address: IpAddress): boolean {
    const { memberships } = this
    for (let index = 0; index < memberships.length; index++) {
      const membership = memberships[index]!
      if (isSameAddress(membership.group, address)) return membership.isWanted()
    }
    return false
  }

  /** All groups of which some source is wanted. */
  wantedGroups(): IpAddress[] {
    const wanted = this.memberships.filter((membership) => membership.isWanted())
    return wanted.map(({ group }) => group)
  }

  /** Whether the group was joined for no listener in particular. */
  isJoined(group: IpAddress): boolean {
    return this.find(group)?.isJoined() ?? false
  }

  /**
   * Joins all sources at once, and tells routers after `delayMs`. Each join wants a leave. Throws
   * when there are MAX_GROUPS.
   */
  join(group: IpAddress, nowMs: number, delayMs = 0): void {
    const membership = this.find(group) ?? this.add(group)
    membership.join()
    this.update(membership, nowMs, delayMs)
  }

  /** Takes one join back. */
  leave(group: IpAddress, nowMs: number): void {
    const membership = this.find(group)
    if (membership?.leave() !== true) {
      throw new RangeError('Cannot leave a group: the interface is not in it')
    }
    this.update(membership, nowMs, 0)
  }

  /**
   * What `listener` wants of the group from now on (IPMulticastListen of RFC 3376 §2); NO_SOURCES
   * takes all back. Throws, with nothing changed, when there are MAX_LISTENED_GROUPS or too many
   * sources.
   */
  listen(listener: object, group: IpAddress, filter: SourceFilter, nowMs: number): void {
    if (filter.sources.length > MAX_FILTER_SOURCES) {
      throw new RangeError(
        `Cannot listen to a group: a filter has ${MAX_FILTER_SOURCES} sources at most`,
      )
    }
    const known = this.find(group)
    if (known === undefined && !acceptsAny(filter)) return
    if (known === undefined && this.memberships.length >= MAX_LISTENED_GROUPS) {
      throw new RangeError(`Cannot join a group: the interface is in ${this.memberships.length}`)
    }
    const membership = known ?? this.add(group)
    if (!membership.setListener(listener, filter)) {
      this.removeUnused()
      throw new RangeError('Cannot listen to a group: its listeners name too many sources')
    }
    this.update(membership, nowMs, 0)
  }

  /**
   * Whoever keeps track of groups may have forgotten them, or has not heard of them: all are
   * reported as if joined anew.
   */
  announceAll(nowMs: number): void {
    for (const membership of this.memberships) {
      if (!membership.isWanted()) continue
      membership.announce(this.robustness)
      this.scheduleChange(membership, nowMs + this.delayUpTo(UNSOLICITED_INTERVAL_MS))
    }
  }

  processQuery(query: GroupQuery, nowMs: number): void {
    const { newestVersion } = this.reports
    if (query.version < newestVersion) {
      this.olderUntilMs[query.version] = nowMs + OLDER_QUERIER_PRESENT_MS
    } else if (query.robustness > 0) {
      this.robustness = query.robustness
    }
    this.updateVersion(nowMs)
    const delayMs = this.delayUpTo(query.maxResponseMs)
    const dueMs = nowMs + delayMs
    // RFC 3376 §5.2, rule 1: what is due sooner answers this query too.
    if (this.generalResponseAtMs <= dueMs) return
    if (this.version === newestVersion && query.group === null) {
      this.generalResponseAtMs = dueMs
    } else {
      const mostSources = this.mostSources()
      for (const membership of this.memberships) {
        if (!membership.isWanted()) continue
        if (query.group !== null && !isSameAddress(membership.group, query.group)) continue
        // In an older version each group has a delay of its own.
        const ownDueMs = query.group === null ? nowMs + this.delayUpTo(query.maxResponseMs) : dueMs
        membership.scheduleResponse(query, ownDueMs, mostSources)
      }
    }
    this.updateDeadline()
  }

  /** RFC 2236 §3, RFC 2710 §4: in an older version one report of a group is enough on a link. */
  processOthersReport(group: IpAddress, nowMs: number): void {
    this.updateVersion(nowMs)
    if (this.version === this.reports.newestVersion) return
    const membership = this.find(group)
    if (membership !== undefined) membership.responseAtMs = NEVER_MS
    this.updateDeadline()
  }

  processTimers(nowMs: number): void {
    if (nowMs < this.nextDeadlineMs) return
    this.updateVersion(nowMs)
    if (this.version < this.reports.newestVersion) this.reportInOlderVersion(nowMs)
    else this.reportDue(nowMs)
    this.removeUnused()
    this.updateDeadline()
  }

  private reportDue(nowMs: number): void {
    const changed = this.memberships.filter(({ changeAtMs }) => changeAtMs <= nowMs)
    this.reportAll(
      changed,
      nowMs,
      (membership) => membership.changeRecords(),
      (membership, waitMs) => {
        if (waitMs > 0) membership.changeAtMs = nowMs + waitMs
        else this.countReport(membership, nowMs, UNSOLICITED_INTERVAL_MS)
      },
    )
    if (this.generalResponseAtMs <= nowMs) {
      this.generalResponseAtMs = NEVER_MS
      for (const membership of this.memberships) {
        if (membership.isWanted()) membership.respondAt(nowMs)
      }
    }
    const asked = this.memberships.filter(({ responseAtMs }) => responseAtMs <= nowMs)
    this.reportAll(
      asked,
      nowMs,
      (membership) => membership.stateRecords(),
      (membership, waitMs) => {
        if (waitMs > 0) membership.responseAtMs = nowMs + waitMs
        else membership.respondAt(NEVER_MS)
      },
    )
  }

  /**
   * Reports as many groups at once as fit; `settle` is told how long each must wait for another
   * attempt, 0 = it was told.
   */
  private reportAll(
    memberships: readonly Membership[],
    nowMs: number,
    recordsOf: (membership: Membership) => GroupRecord[],
    settle: (membership: Membership, waitMs: number) => void,
  ): void {
    const waits = new Map<Membership, number>()
    for (const report of packReports(memberships, recordsOf, this.reports.sizes)) {
      const waitMs = this.send(nowMs, () => this.reports.report(report.records))
      for (const membership of report.memberships) {
        waits.set(membership, Math.max(waitMs, waits.get(membership) ?? 0))
      }
    }
    for (const membership of memberships) settle(membership, waits.get(membership) ?? 0)
  }

  private reportInOlderVersion(nowMs: number): void {
    for (const membership of this.memberships) {
      const isChange = membership.changeAtMs <= nowMs
      if (!isChange && membership.responseAtMs > nowMs) continue
      const isLeaving = !membership.isWanted()
      const { version, reports } = this
      const waitMs = this.send(nowMs, () =>
        reports.reportInVersion(version, membership.group, isLeaving),
      )
      if (!isChange) {
        membership.responseAtMs = waitMs > 0 ? nowMs + waitMs : NEVER_MS
      } else if (waitMs > 0) {
        membership.changeAtMs = nowMs + waitMs
      } else if (isLeaving) {
        // One message says that a group was left.
        membership.cancelChanges()
      } else {
        this.countReport(membership, nowMs, OLDER_UNSOLICITED_INTERVAL_MS)
      }
    }
  }

  /** 0, or how long to wait before another attempt. */
  private send(nowMs: number, report: () => boolean): number {
    if (!this.limit.take(nowMs)) return RETRY_MS
    return report() ? 0 : UNSENT_RETRY_MS
  }

  private update(membership: Membership, nowMs: number, delayMs: number): void {
    const isOlder = this.version < this.reports.newestVersion
    const wasWanted = membership.isWanted()
    const hasChanged = membership.update(this.robustness, isOlder)
    if (!membership.isWanted()) {
      membership.respondAt(NEVER_MS)
      // Of what nobody was told, nobody is told the end.
      if (!membership.isReported) membership.cancelChanges()
    }
    if (hasChanged && membership.hasChanges()) this.scheduleChange(membership, nowMs + delayMs)
    this.removeUnused()
    this.updateDeadline()
    if (membership.isWanted() !== wasWanted) this.onChange?.()
  }

  /** What is about to be told anyway is not put off. */
  private scheduleChange(membership: Membership, atMs: number): void {
    membership.changeAtMs = Math.min(membership.changeAtMs, atMs)
    this.updateDeadline()
  }

  private countReport(membership: Membership, nowMs: number, intervalMs: number): void {
    membership.changeAtMs = membership.countReport()
      ? nowMs + 1 + this.delayUpTo(intervalMs - 1)
      : NEVER_MS
  }

  /**
   * RFC 3376 §7.2.1, RFC 3810 §8.2.1: the oldest version heard lately; with a change of it "all
   * pending" is canceled.
   */
  private updateVersion(nowMs: number): void {
    const { newestVersion } = this.reports
    const older = this.olderUntilMs.findIndex((untilMs) => nowMs < untilMs)
    const version = older < 0 ? newestVersion : older
    if (version === this.version) return
    this.version = version
    this.generalResponseAtMs = NEVER_MS
    for (const membership of this.memberships) {
      membership.respondAt(NEVER_MS)
      // What was never told stays to be told.
      if (membership.isReported) membership.cancelChanges()
    }
    this.removeUnused()
  }

  private find(group: IpAddress): Membership | undefined {
    return this.memberships.find((membership) => isSameAddress(membership.group, group))
  }

  private add(group: IpAddress): Membership {
    if (this.memberships.length === MAX_GROUPS) {
      throw new RangeError(`Cannot join a group: the interface is in ${MAX_GROUPS}`)
    }
    const membership = new Membership(copyOfAddress(group))
    this.memberships.push(membership)
    return membership
  }

  /** What is not wanted stays until routers have been told. */
  private removeUnused(): void {
    this.memberships = this.memberships.filter(
      (membership) => membership.isWanted() || membership.hasChanges(),
    )
  }

  /** Sources noted of queries about one group: an answer about those fits one report. */
  private mostSources(): number {
    const { room, recordLength, sourceLength } = this.reports.sizes
    return Math.min(MAX_QUERY_SOURCES, Math.floor((room - recordLength) / sourceLength))
  }

  /** Uniformly from 0 to `mostMs`. */
  private delayUpTo(mostMs: number): number {
    return (this.random.nextInt32() >>> 1) % (mostMs + 1)
  }

  private updateDeadline(): void {
    let deadlineMs = this.generalResponseAtMs
    for (const { changeAtMs, responseAtMs } of this.memberships) {
      deadlineMs = Math.min(deadlineMs, changeAtMs, responseAtMs)
    }
    this.nextDeadlineMs = deadlineMs
    this.deadline.note(deadlineMs)
  }
}
