/**
 * The groups one interface has joined in one family, and when to report which: the host's side of IGMPv3 and MLDv2, which is
 * the same but for the messages (RFC 3376 §5 and §7.2, RFC 3810 §6 and §8.2).
 */
import {
  type GroupQuery,
  type GroupRecord,
  MAX_QUERY_SOURCES,
  RecordType,
} from '../wire/group-record.ts'
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import type { RandomSource } from './random-source.ts'
import { TokenBucket } from './token-bucket.ts'

/** An application that wants more is told so. */
export const MAX_GROUPS = 64
/** RFC 3376 §8.1, RFC 3810 §9.1: what a querier has not told otherwise. */
const ROBUSTNESS = 2
/** RFC 3376 §8.11, RFC 3810 §9.11: between the reports of one change, at most. */
const UNSOLICITED_INTERVAL_MS = 1_000
/** RFC 2236 §8.10, RFC 2710 §7.10: the same towards a querier of an older version. */
const OLDER_UNSOLICITED_INTERVAL_MS = 10_000
/** RFC 3376 §8.12, RFC 3810 §9.12: robustness times the default query interval of 125 s, and one response interval of 10 s. */
export const OLDER_QUERIER_PRESENT_MS = 260_000
/** Reports a second, and at once, however many queries ask for them; what is more waits. */
const REPORTS_PER_SECOND = 10
const REPORT_BURST = 20
const RETRY_MS = 100
/** With the device's queue full or the link down. */
const UNSENT_RETRY_MS = 1_000

const NEVER_MS = Number.POSITIVE_INFINITY

/** How reports leave; each tells whether it did. */
export interface MembershipReports {
  /** The version that these reports are of: queriers of others are older. */
  readonly newestVersion: number
  /** Records of one group each that fit a report of the newest version, when they name no sources. */
  maxRecords(): number
  /** Sources that fit a report about one group. */
  maxSources(): number
  report(records: readonly GroupRecord[]): boolean
  /** In the messages of an older version. `isLeaving`: the last one here has left the group. */
  reportInVersion(version: number, group: IpAddress, isLeaving: boolean): boolean
}

interface Membership {
  readonly group: IpAddress
  /** Who has joined; with 0 it stays until routers have been told. */
  users: number
  isReported: boolean
  changesLeft: number
  changeAtMs: number
  /** When to answer a query about this group. */
  responseAtMs: number
  /** Sources that query asked about; none = about the group. */
  sources: IpAddress[]
}

export class GroupMembership {
  nextDeadlineMs = NEVER_MS
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

  constructor(reports: MembershipReports, random: RandomSource) {
    this.reports = reports
    this.random = random
    this.limit = new TokenBucket(REPORTS_PER_SECOND, REPORT_BURST, random)
    this.version = reports.newestVersion
    this.olderUntilMs = new Array<number>(reports.newestVersion).fill(Number.NEGATIVE_INFINITY)
  }

  /** Whether packets to the group are wanted here. */
  isMember(address: IpAddress): boolean {
    const { memberships } = this
    for (let index = 0; index < memberships.length; index++) {
      const { group, users } = memberships[index]!
      if (isSameAddress(group, address)) return users > 0
    }
    return false
  }

  /** Joins at once, and tells routers after `delayMs`. Each join wants a leave. Throws when there are MAX_GROUPS. */
  join(group: IpAddress, nowMs: number, delayMs = 0): void {
    const known = this.find(group)
    if (known !== undefined) {
      if (known.users++ === 0) this.startChange(known, nowMs)
      return
    }
    if (this.memberships.length === MAX_GROUPS) {
      throw new RangeError(`Cannot join a group: the interface is in ${MAX_GROUPS}`)
    }
    const membership: Membership = {
      group,
      users: 1,
      isReported: false,
      changesLeft: 0,
      changeAtMs: NEVER_MS,
      responseAtMs: NEVER_MS,
      sources: [],
    }
    this.memberships.push(membership)
    this.startChange(membership, nowMs + delayMs)
  }

  /** Takes one join back. */
  leave(group: IpAddress, nowMs: number): void {
    const membership = this.find(group)
    if (membership === undefined || membership.users === 0) {
      throw new RangeError('Cannot leave a group: the interface is not in it')
    }
    if (--membership.users > 0) return
    membership.responseAtMs = NEVER_MS
    membership.sources = []
    // Of what nobody was told, nobody is told the end.
    if (membership.isReported) this.startChange(membership, nowMs)
    else this.remove(membership)
    this.updateDeadline()
  }

  /** Whoever keeps track of groups may have forgotten them, or has not heard of them: all are reported as if joined anew. */
  announceAll(nowMs: number): void {
    for (const membership of this.memberships) {
      if (membership.users > 0)
        this.startChange(membership, nowMs + this.delayUpTo(UNSOLICITED_INTERVAL_MS))
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
      for (const membership of this.memberships) {
        if (
          membership.users > 0 &&
          (query.group === null || isSameAddress(membership.group, query.group))
        ) {
          // In an older version each group has a delay of its own.
          const ownDueMs =
            query.group === null ? nowMs + this.delayUpTo(query.maxResponseMs) : dueMs
          this.scheduleResponse(membership, query, ownDueMs)
        }
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
    this.memberships = this.memberships.filter(({ users, changesLeft }) => users + changesLeft > 0)
    this.updateDeadline()
  }

  private reportDue(nowMs: number): void {
    const changed = this.memberships.filter(({ changeAtMs }) => changeAtMs <= nowMs)
    this.reportAll(changed, nowMs, recordOfChange, (membership, waitMs) => {
      if (waitMs > 0) membership.changeAtMs = nowMs + waitMs
      else this.countChange(membership, nowMs, UNSOLICITED_INTERVAL_MS)
    })
    if (this.generalResponseAtMs <= nowMs) {
      this.generalResponseAtMs = NEVER_MS
      for (const membership of this.memberships) {
        if (membership.users === 0) continue
        membership.responseAtMs = nowMs
        membership.sources = []
      }
    }
    const asked = this.memberships.filter(({ responseAtMs }) => responseAtMs <= nowMs)
    this.reportAll(asked, nowMs, recordOfState, (membership, waitMs) => {
      membership.responseAtMs = waitMs > 0 ? nowMs + waitMs : NEVER_MS
      if (waitMs === 0) membership.sources = []
    })
  }

  /** Reports as many groups at once as fit; `settle` is told how long each must wait for another attempt, 0 = it was told. */
  private reportAll(
    memberships: readonly Membership[],
    nowMs: number,
    recordOf: (membership: Membership) => GroupRecord,
    settle: (membership: Membership, waitMs: number) => void,
  ): void {
    let start = 0
    while (start < memberships.length) {
      // Sources take more room: a group with some is alone in its report.
      let end = start + 1
      if (memberships[start]!.sources.length === 0) {
        const most = Math.min(memberships.length, start + this.reports.maxRecords())
        while (end < most && memberships[end]!.sources.length === 0) end++
      }
      const part = memberships.slice(start, end)
      const waitMs = this.send(nowMs, () => this.reports.report(part.map(recordOf)))
      for (const membership of part) settle(membership, waitMs)
      start = end
    }
  }

  private reportInOlderVersion(nowMs: number): void {
    for (const membership of this.memberships) {
      const isChange = membership.changeAtMs <= nowMs
      if (!isChange && membership.responseAtMs > nowMs) continue
      const isLeaving = membership.users === 0
      const { version, reports } = this
      const waitMs = this.send(nowMs, () =>
        reports.reportInVersion(version, membership.group, isLeaving),
      )
      if (!isChange) {
        membership.responseAtMs = waitMs > 0 ? nowMs + waitMs : NEVER_MS
      } else if (waitMs > 0) {
        membership.changeAtMs = nowMs + waitMs
      } else {
        // One message says that a group was left.
        if (isLeaving) membership.changesLeft = 1
        this.countChange(membership, nowMs, OLDER_UNSOLICITED_INTERVAL_MS)
      }
    }
  }

  /** 0, or how long to wait before another attempt. */
  private send(nowMs: number, report: () => boolean): number {
    if (!this.limit.take(nowMs)) return RETRY_MS
    return report() ? 0 : UNSENT_RETRY_MS
  }

  private startChange(membership: Membership, atMs: number): void {
    membership.changesLeft = this.robustness
    // What is about to be told anyway is not put off.
    membership.changeAtMs = Math.min(membership.changeAtMs, atMs)
    this.updateDeadline()
  }

  private countChange(membership: Membership, nowMs: number, intervalMs: number): void {
    membership.isReported = true
    membership.changesLeft--
    membership.changeAtMs =
      membership.changesLeft > 0 ? nowMs + 1 + this.delayUpTo(intervalMs - 1) : NEVER_MS
  }

  /** RFC 3376 §5.2, rules 3 to 5. */
  private scheduleResponse(membership: Membership, query: GroupQuery, dueMs: number): void {
    const isPending = membership.responseAtMs !== NEVER_MS
    const isAboutGroup =
      query.sources.length === 0 || (isPending && membership.sources.length === 0)
    membership.responseAtMs = Math.min(membership.responseAtMs, dueMs)
    if (isAboutGroup) {
      membership.sources = []
      return
    }
    const most = Math.min(MAX_QUERY_SOURCES, this.reports.maxSources())
    for (const source of query.sources) {
      if (membership.sources.some((known) => isSameAddress(known, source))) continue
      if (membership.sources.length === most) {
        // More than are noted: an answer about the group says of each source what is asked.
        membership.sources = []
        return
      }
      membership.sources.push(source)
    }
  }

  /** RFC 3376 §7.2.1, RFC 3810 §8.2.1: the oldest version heard lately; with a change of it "all pending" is cancelled. */
  private updateVersion(nowMs: number): void {
    const { newestVersion } = this.reports
    const older = this.olderUntilMs.findIndex((untilMs) => nowMs < untilMs)
    const version = older < 0 ? newestVersion : older
    if (version === this.version) return
    this.version = version
    this.generalResponseAtMs = NEVER_MS
    for (const membership of this.memberships) {
      membership.responseAtMs = NEVER_MS
      membership.sources = []
      // What was never told stays to be told.
      if (membership.isReported) {
        membership.changesLeft = 0
        membership.changeAtMs = NEVER_MS
      }
    }
    this.memberships = this.memberships.filter(({ users, changesLeft }) => users + changesLeft > 0)
  }

  private find(group: IpAddress): Membership | undefined {
    return this.memberships.find((membership) => isSameAddress(membership.group, group))
  }

  private remove(membership: Membership): void {
    this.memberships = this.memberships.filter((other) => other !== membership)
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
  }
}

/** We listen to all sources of a group or to none. */
function recordOfChange({ group, users }: Membership): GroupRecord {
  return {
    type: users > 0 ? RecordType.ChangeToExclude : RecordType.ChangeToInclude,
    group,
    sources: [],
  }
}

/** RFC 3376 §5.2: which of the sources asked about are wanted, all of them, or that all sources of the group are. */
function recordOfState({ group, sources }: Membership): GroupRecord {
  return {
    type: sources.length > 0 ? RecordType.ModeIsInclude : RecordType.ModeIsExclude,
    group,
    sources,
  }
}
