/** Hardware addresses of neighbors, with reachability states (RFC 4861 §7.3, RFC 826). */

import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import { NeighborFlag } from '../wire/ndp.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import {
  ContestVerdict,
  closeContest,
  isIncumbent,
  isKnownClaim,
  judgeAnswer,
  judgeSilence,
  openContest,
} from './neighbor-contest.ts'
import { NeighborEntry, NeighborState, unlink } from './neighbor-entry.ts'
import { findVictim } from './neighbor-eviction.ts'
import { type NeighborTimes, reachableTimeOf, retransTimerOf } from './neighbor-times.ts'
import { PathNews } from './path-news.ts'
import type { Solicitor } from './solicitor.ts'

export const MAX_NEIGHBORS = 256

/** RFC 4861 §10. */
export const DELAY_FIRST_PROBE_MS = 5_000
export const MAX_SOLICITATIONS = 3
/**
 * Questions to the group before a neighbor counts as unreachable. RFC 4861 has 3: where a tenth of
 * the frames is lost, one of 140 neighbors that are there would be given up.
 */
export const MAX_GROUP_SOLICITATIONS = 5
/** Who is still wanted is asked after RetransTimer, then twice that, up to this (RFC 7048 §3). */
export const MAX_RETRY_INTERVAL_MS = 4_000

const NEVER_MS = Number.POSITIVE_INFINITY

export class NeighborCache {
  /** Changes whenever a path resolved before may no longer be right. Read only outside. */
  generation = 0
  /** Read only outside. */
  readonly entries: NeighborEntry[] = []
  /** When processTimers has work; may be too early, never too late. */
  nextDeadlineMs = Number.POSITIVE_INFINITY
  private readonly buckets = new Map<number, NeighborEntry>()
  private readonly counters: InterfaceCounters
  private readonly link: NeighborTimes
  private readonly deadline: EarliestDeadline
  private readonly news: PathNews

  constructor(
    counters: InterfaceCounters,
    link: NeighborTimes,
    deadline: EarliestDeadline,
    news = new PathNews(),
  ) {
    this.news = news
    this.deadline = deadline
    this.counters = counters
    this.link = link
  }

  /** Routes or addresses changed: every flow resolves anew before its next packet. */
  invalidatePaths(): void {
    this.news.routes++
    this.generation = (this.generation + 1) | 0
  }

  lookup(address: IpAddress): NeighborEntry | null {
    let entry = this.buckets.get(address.word0 ^ address.word1 ^ address.word2 ^ address.word3)
    while (entry !== undefined) {
      if (isSameAddress(entry.address, address)) return entry
      entry = entry.next
    }
    return null
  }

  /**
   * The entry of a neighbor to be sent to; starts resolution if it is unknown, verification if it
   * is stale. Null when the cache is full of live entries. `isGateway` protects it from eviction.
   */
  use(address: IpAddress, isGateway: boolean, nowMs: number): NeighborEntry | null {
    let entry = this.lookup(address)
    if (entry === null) {
      entry = this.create(address, nowMs, true)
      if (entry === null) return null
      this.startSolicitation(entry, NeighborState.Incomplete, nowMs)
    }
    entry.isGateway = isGateway
    entry.lastUsedMs = nowMs
    if (entry.state === NeighborState.Reachable && nowMs >= entry.reachableUntilMs) {
      entry.state = NeighborState.Stale
    }
    if (entry.state === NeighborState.Stale) {
      if (entry.isContested) {
        this.askBoth(entry, nowMs)
      } else {
        entry.state = NeighborState.Delay
        this.setDeadline(entry, nowMs + DELAY_FIRST_PROBE_MS)
      }
    } else if (entry.state === NeighborState.Failed && entry.deadlineMs === NEVER_MS) {
      // Nobody has wanted it for a while: whoever wants it now gets an attempt of its own.
      entry.unreachable = false
      this.startSolicitation(entry, NeighborState.Incomplete, nowMs)
    }
    return entry
  }

  /**
   * What went through it has arrived, and its answers too: RFC 4861 §7.3.1 takes that for a proof
   * "that the path … is working properly", and no question is asked.
   */
  confirmProgress(entry: NeighborEntry, nowMs: number): void {
    if (entry.isUsable() && !entry.isContested) this.confirm(entry, nowMs)
  }

  /** What goes through it is not answered: it is asked at once, not after REACHABLE_TIME. */
  suspect(entry: NeighborEntry, nowMs: number): void {
    const isAsked = !entry.isUsable() || entry.state === NeighborState.Probe
    if (!isAsked && !entry.isContested) this.startSolicitation(entry, NeighborState.Probe, nowMs)
  }

  /**
   * A neighbor asked us something and gave its hardware address (ARP request to us, Neighbor
   * Solicitation with source address option: RFC 4861 §7.2.3).
   */
  learn(address: IpAddress, high: number, low: number, nowMs: number): void {
    const entry = this.lookup(address)
    if (entry !== null) {
      this.claim(entry, high, low, nowMs)
      return
    }
    const created = this.create(address, nowMs, false)
    if (created === null) return
    created.setHardwareAddress(high, low)
    created.state = NeighborState.Stale
  }

  /**
   * A neighbor says unasked where it is: what RFC 826 merges into the table from any ARP packet,
   * and an unsolicited advertisement (RFC 4861 §7.2.5). False when that changes nothing.
   */
  claim(entry: NeighborEntry, high: number, low: number, nowMs: number): boolean {
    if (!entry.isUsable()) {
      entry.setHardwareAddress(high, low)
      this.settle(entry, NeighborState.Stale)
      return true
    }
    const wasAsked = entry.state === NeighborState.Probe
    if (entry.isContested && isIncumbent(entry, high, low)) {
      // RFC 5227 §2.4: a host that sees another use its address may defend it by an announcement.
      if (wasAsked && entry.solicitationsSent === 0) return false
      this.keepIncumbent(entry, wasAsked, nowMs)
      return true
    }
    if (isKnownClaim(entry, high, low)) return false
    this.counters.neighborClaims++
    if (entry.isContested && wasAsked) {
      // It has moved on, or two pretend: the incumbent keeps its say, and the question is put
      // again.
      openContest(entry, high, low)
      this.invalidatePaths()
      return true
    }
    const isIdle =
      entry.state === NeighborState.Stale ||
      (entry.state === NeighborState.Reachable && nowMs >= entry.reachableUntilMs)
    openContest(entry, high, low)
    this.invalidatePaths()
    // An idle one is asked when it is used.
    if (isIdle) this.settle(entry, NeighborState.Stale)
    else this.askBoth(entry, nowMs)
    return true
  }

  /** An ARP reply to us. False when nobody waits for it and it changed nothing. */
  processArpReply(entry: NeighborEntry, high: number, low: number, nowMs: number): boolean {
    if (entry.state === NeighborState.Failed) return this.claim(entry, high, low, nowMs)
    return this.answer(entry, high, low, nowMs)
  }

  /**
   * A Neighbor Advertisement (RFC 4861 §7.2.5). `high` is negative when it carries no target
   * link-layer address. False when it concerns no entry: "There is no need to create an entry if
   * none exists".
   */
  processAdvertisement(
    address: IpAddress,
    flags: number,
    high: number,
    low: number,
    nowMs: number,
  ): boolean {
    const entry = this.lookup(address)
    if (entry === null) return false
    const isSolicited = (flags & NeighborFlag.Solicited) !== 0
    const hasOption = high >= 0
    if (!entry.isUsable() && !hasOption) return false
    entry.isRouter = (flags & NeighborFlag.Router) !== 0
    if (!hasOption) {
      if (isSolicited && !entry.isContested) this.confirm(entry, nowMs)
      return true
    }
    const isOther = entry.isUsable() && !entry.hasHardwareAddress(high, low)
    if (isOther && !entry.isContested && (flags & NeighborFlag.Override) === 0) {
      if (entry.state === NeighborState.Reachable) this.settle(entry, NeighborState.Stale)
      return true
    }
    if (!isSolicited || entry.state === NeighborState.Failed) this.claim(entry, high, low, nowMs)
    else if (isOther || entry.isContested || !entry.isUsable()) this.answer(entry, high, low, nowMs)
    else this.confirm(entry, nowMs)
    return true
  }

  /** Sends due solicitations and gives up on neighbors that do not answer. */
  processTimers(solicitor: Solicitor, nowMs: number): void {
    if (nowMs < this.nextDeadlineMs) return
    this.nextDeadlineMs = Number.POSITIVE_INFINITY
    for (const entry of this.entries) {
      if (nowMs >= entry.deadlineMs) this.processDeadline(entry, solicitor, nowMs)
      if (entry.deadlineMs < this.nextDeadlineMs) this.nextDeadlineMs = entry.deadlineMs
    }
  }

  /** An address may ask now: questions that waited for one are put. */
  resume(nowMs: number): void {
    for (const entry of this.entries) {
      const isAsked = entry.state === NeighborState.Incomplete || entry.state >= NeighborState.Delay
      if (isAsked && entry.deadlineMs === NEVER_MS) this.setDeadline(entry, nowMs)
    }
  }

  private processDeadline(entry: NeighborEntry, solicitor: Solicitor, nowMs: number): void {
    entry.deadlineMs = NEVER_MS
    if (!solicitor.maySolicit(entry)) return
    if (entry.state === NeighborState.Failed) {
      this.askAgain(entry, solicitor, nowMs)
      return
    }
    if (entry.state === NeighborState.Delay) {
      entry.state = NeighborState.Probe
      entry.solicitationsSent = 0
    }
    if (entry.isContested && entry.solicitationsSent > 0) {
      this.invalidatePaths()
      if (judgeSilence(entry)) {
        this.move(entry, entry.newcomerHigh, entry.newcomerLow, nowMs)
        return
      }
    }
    const isProbe = entry.state === NeighborState.Probe
    if (entry.solicitationsSent === (isProbe ? MAX_SOLICITATIONS : MAX_GROUP_SOLICITATIONS)) {
      this.giveUp(entry, nowMs)
      return
    }
    entry.solicitationsSent++
    entry.deadlineMs = nowMs + retransTimerOf(entry, this.link)
    this.ask(entry, solicitor, isProbe && !entry.isContested, nowMs)
  }

  private ask(entry: NeighborEntry, solicitor: Solicitor, isDirect: boolean, nowMs: number): void {
    entry.lastSolicitationMs = nowMs
    this.counters.neighborSolicitationsSent++
    solicitor.solicit(entry, isDirect, nowMs)
  }

  /** As long as somebody wants to send there, and ever more seldom. */
  private askAgain(entry: NeighborEntry, solicitor: Solicitor, nowMs: number): void {
    if (entry.lastUsedMs < entry.lastSolicitationMs) {
      entry.deadlineMs = NEVER_MS
      return
    }
    entry.retryIntervalMs = Math.min(2 * entry.retryIntervalMs, MAX_RETRY_INTERVAL_MS)
    entry.deadlineMs = nowMs + entry.retryIntervalMs
    this.ask(entry, solicitor, false, nowMs)
  }

  private giveUp(entry: NeighborEntry, nowMs: number): void {
    if (entry.state === NeighborState.Probe) {
      // The address it had is no longer right: flows must not use it while the group is asked.
      this.invalidatePaths()
      closeContest(entry)
      entry.isProven = false
      this.startSolicitation(entry, NeighborState.Incomplete, nowMs)
      return
    }
    this.news.neighbors++
    entry.state = NeighborState.Failed
    entry.unreachable = true
    entry.hasFailed = true
    entry.retryIntervalMs = retransTimerOf(entry, this.link)
    entry.deadlineMs = nowMs + entry.retryIntervalMs
    this.counters.neighborUnreachable++
  }

  private startSolicitation(
    entry: NeighborEntry,
    state: typeof NeighborState.Incomplete | typeof NeighborState.Probe,
    nowMs: number,
  ): void {
    entry.state = state
    entry.solicitationsSent = 0
    // RFC 1122 §2.3.2.1: at most one request a second for one destination.
    const allowedMs = entry.lastSolicitationMs + retransTimerOf(entry, this.link)
    this.setDeadline(entry, Math.max(nowMs, allowedMs))
  }

  private confirm(entry: NeighborEntry, nowMs: number): void {
    entry.reachableUntilMs = nowMs + reachableTimeOf(entry, this.link)
    this.settle(entry, NeighborState.Reachable)
  }

  private settle(
    entry: NeighborEntry,
    state: typeof NeighborState.Reachable | typeof NeighborState.Stale,
  ): void {
    if (!entry.isUsable()) this.news.neighbors++
    entry.state = state
    entry.unreachable = false
    entry.hasFailed = false
    entry.deadlineMs = NEVER_MS
  }

  /** An answer to a question of ours, as far as one was put. False when it changed nothing. */
  private answer(entry: NeighborEntry, high: number, low: number, nowMs: number): boolean {
    if (entry.state === NeighborState.Incomplete) {
      entry.setHardwareAddress(high, low)
      this.confirm(entry, nowMs)
      return true
    }
    if (entry.isContested && entry.state === NeighborState.Probe) {
      const verdict = judgeAnswer(entry, high, low, entry.solicitationsSent)
      if (verdict === ContestVerdict.Incumbent) this.keepIncumbent(entry, true, nowMs)
      else if (verdict === ContestVerdict.Moved) this.move(entry, high, low, nowMs)
      return true
    }
    if (!entry.hasHardwareAddress(high, low) || entry.isContested) {
      return this.claim(entry, high, low, nowMs)
    }
    if (entry.state === NeighborState.Probe) this.confirm(entry, nowMs)
    return entry.state === NeighborState.Reachable
  }

  /** Asks whether a neighbor has moved: at once, or a second after the last question. */
  private askBoth(entry: NeighborEntry, nowMs: number): void {
    this.startSolicitation(entry, NeighborState.Probe, nowMs)
    if (!entry.isProven) this.setDeadline(entry, nowMs)
  }

  private keepIncumbent(entry: NeighborEntry, hasAnswered: boolean, nowMs: number): void {
    this.counters.neighborRemapRefused++
    closeContest(entry)
    entry.setHardwareAddress(entry.incumbentHigh, entry.incumbentLow)
    this.invalidatePaths()
    if (!hasAnswered) return
    entry.isProven = true
    this.confirm(entry, nowMs)
  }

  private move(entry: NeighborEntry, high: number, low: number, nowMs: number): void {
    this.counters.neighborMoves++
    closeContest(entry)
    entry.isProven = false
    entry.setHardwareAddress(high, low)
    this.invalidatePaths()
    this.confirm(entry, nowMs)
  }

  private setDeadline(entry: NeighborEntry, deadlineMs: number): void {
    entry.deadlineMs = deadlineMs
    if (deadlineMs >= this.nextDeadlineMs) return
    this.nextDeadlineMs = deadlineMs
    this.deadline.note(deadlineMs)
  }

  private create(address: IpAddress, nowMs: number, wanted: boolean): NeighborEntry | null {
    if (this.entries.length === MAX_NEIGHBORS) {
      const victim = findVictim(this.entries, nowMs, wanted)
      if (victim < 0) {
        this.counters.neighborCacheFull++
        return null
      }
      this.counters.neighborEvicted++
      this.removeAt(victim)
    }
    const key = address.word0 ^ address.word1 ^ address.word2 ^ address.word3
    const entry = new NeighborEntry(address, key, this.buckets.get(key))
    entry.createdMs = nowMs
    this.buckets.set(key, entry)
    this.entries.push(entry)
    return entry
  }

  private removeAt(index: number): void {
    const entry = this.entries[index]!
    const last = this.entries.pop()!
    if (last !== entry) this.entries[index] = last
    unlink(this.buckets, entry)
    this.generation = (this.generation + 1) | 0
  }
}
