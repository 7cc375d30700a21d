/**
 * The datagrams that arrive in fragments, found by their key, bounded in number, memory and time,
 * each sender in its share.
 */

import { isSameAddress, setAddress } from '../../wire/ip-address.ts'
import type { EarliestDeadline } from '../earliest-deadline.ts'
import type { InterfaceCounters } from '../interface-counters.ts'
import type { IncomingPacket } from '../protocol-handler.ts'
import { DatagramAssembly, type SourceShare } from './datagram-assembly.ts'
import { MAX_REASSEMBLY_PAGES, PAGE_BYTES, PagePool } from './page-pool.ts'

/** Datagrams put together at a time. */
export const MAX_REASSEMBLIES = 64
/** One sender gets at most half of both, datagrams and pages. */
export const MAX_REASSEMBLIES_A_SOURCE = MAX_REASSEMBLIES / 2
const SOURCE_SHARE = 1 / 2
/**
 * From the first fragment that arrives: RFC 8200 §4.5 "within 60 seconds", RFC 1122 §3.3.2 "between
 * 60 and 120 seconds".
 */
export const REASSEMBLY_TIMEOUT_MS = 60_000

export class ReassemblyTable {
  readonly pool: PagePool
  /** When the oldest has had its time; Infinity = there is none. Read only outside. */
  nextDeadlineMs = Number.POSITIVE_INFINITY
  /** The oldest first. Read only outside. */
  readonly active: DatagramAssembly[] = []
  private readonly buckets = new Map<number, DatagramAssembly>()
  private readonly spare: DatagramAssembly[] = []
  private readonly counters: InterfaceCounters
  private readonly deadline: EarliestDeadline

  /** `limitBytes` is for all datagrams together. */
  constructor(
    counters: InterfaceCounters,
    deadline: EarliestDeadline,
    limitBytes = MAX_REASSEMBLY_PAGES * PAGE_BYTES,
  ) {
    this.deadline = deadline
    this.counters = counters
    this.pool = new PagePool(Math.floor(limitBytes / PAGE_BYTES))
  }

  /**
   * The datagram that a fragment belongs to, made when it is the first of it to arrive: RFC 791 has
   * addresses, protocol and identification say which, RFC 8200 addresses and identification (then
   * `protocol` is 0).
   */
  open(
    packet: IncomingPacket,
    protocol: number,
    identification: number,
    nowMs: number,
  ): DatagramAssembly {
    const key = identification ^ packet.source.word3 ^ packet.source.word1 ^ (protocol << 16)
    let found = this.buckets.get(key)
    while (found !== undefined && !isOf(found, packet, protocol, identification)) found = found.next
    if (found !== undefined) return found
    const share = this.shareOf(packet)
    if (share.datagrams >= MAX_REASSEMBLIES_A_SOURCE) this.evictOf(share)
    else if (this.active.length >= MAX_REASSEMBLIES) this.evictOf(this.biggestShare(false))
    const assembly = this.spare.pop() ?? new DatagramAssembly()
    setAddress(assembly.source, packet.source)
    setAddress(assembly.destination, packet.destination)
    assembly.keyProtocol = protocol
    assembly.identification = identification
    assembly.key = key
    assembly.share = share
    share.datagrams++
    assembly.begin(nowMs + REASSEMBLY_TIMEOUT_MS)
    assembly.next = this.buckets.get(key)
    this.buckets.set(key, assembly)
    this.active.push(assembly)
    this.nextDeadlineMs = this.active[0]!.deadlineMs
    this.deadline.note(this.nextDeadlineMs)
    return assembly
  }

  /**
   * Sees that `assembly` may take that many more pages; false, and it is gone, when only its own
   * would make room.
   */
  makeRoom(assembly: DatagramAssembly, pages: number): boolean {
    const { share } = assembly
    while (share.pages + pages > this.pool.limit * SOURCE_SHARE) {
      if (this.evictOf(share) === assembly) return false
    }
    while (this.pool.room < pages) {
      if (this.evictOf(this.biggestShare(true)) === assembly) return false
    }
    return true
  }

  /** Forgets a datagram, complete or not; its memory is free. */
  remove(assembly: DatagramAssembly): void {
    const { active, buckets } = this
    assembly.releasePages(this.pool)
    assembly.share.datagrams--
    let index = active.indexOf(assembly)
    for (; index + 1 < active.length; index++) active[index] = active[index + 1]!
    active.pop()
    this.nextDeadlineMs = active.length === 0 ? Number.POSITIVE_INFINITY : active[0]!.deadlineMs
    const first = buckets.get(assembly.key)!
    if (first === assembly) {
      if (assembly.next === undefined) buckets.delete(assembly.key)
      else buckets.set(assembly.key, assembly.next)
    } else {
      let before = first
      while (before.next !== assembly) before = before.next!
      before.next = assembly.next
    }
    assembly.next = undefined
    this.spare.push(assembly)
  }

  private shareOf(packet: IncomingPacket): SourceShare {
    for (const other of this.active) {
      if (isSameAddress(other.source, packet.source)) return other.share
    }
    return { datagrams: 0, pages: 0 }
  }

  /** Of those who have most, whose datagram is the oldest. */
  private biggestShare(byPages: boolean): SourceShare {
    let biggest = this.active[0]!.share
    for (const { share } of this.active) {
      const isBigger = byPages ? share.pages > biggest.pages : share.datagrams > biggest.datagrams
      if (isBigger) biggest = share
    }
    return biggest
  }

  /** Drops the oldest datagram of a sender and returns it. */
  private evictOf(share: SourceShare): DatagramAssembly {
    const victim = this.active.find((assembly) => assembly.share === share)!
    this.counters.reassemblyEvicted++
    this.remove(victim)
    return victim
  }
}

function isOf(
  assembly: DatagramAssembly,
  packet: IncomingPacket,
  protocol: number,
  identification: number,
): boolean {
  return (
    assembly.identification === identification &&
    assembly.keyProtocol === protocol &&
    isSameAddress(assembly.source, packet.source) &&
    isSameAddress(assembly.destination, packet.destination)
  )
}
