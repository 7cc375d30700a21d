/**
 * Connection attempts in SYN-RECEIVED, found by hash, scheduled by deadline; bounded, and never
 * more memory than at the bound.
 */
import { EarliestDeadline } from '../../../iface/earliest-deadline.ts'
import { NO_INTERFACE } from '../../../iface/host-addresses.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import { isOfZone } from '../peer-zone.ts'
import { RecordList } from '../record-list.ts'
import { SynRecord } from './syn-record.ts'

export class SynQueue {
  size = 0
  /** No deadline comes before this; Infinity = there is none. Read only outside. */
  earliestMs = Number.POSITIVE_INFINITY
  /**
   * One list for each interval of the back-off: what is scheduled last expires last, so that
   * scheduling and expiry cost the same with any number.
   */
  private readonly lists: RecordList<SynRecord>[]
  private readonly intervalsMs: readonly number[]
  private readonly buckets: (SynRecord | null)[]
  private readonly mask: number
  private readonly limit: number
  private readonly deadline: EarliestDeadline
  /** Records of attempts that are over, linked as in a bucket. */
  private spare: SynRecord | null = null

  /** Deadlines are `initialMs` away, then twice as much with each step, up to `maximumMs`. */
  constructor(
    limit: number,
    initialMs: number,
    maximumMs: number,
    deadline = new EarliestDeadline(),
  ) {
    this.deadline = deadline
    this.limit = limit
    let bucketCount = 1
    while (bucketCount < limit) bucketCount *= 2
    this.mask = bucketCount - 1
    this.buckets = new Array<SynRecord | null>(bucketCount).fill(null)
    const intervalsMs = [initialMs]
    while (intervalsMs.at(-1)! < maximumMs) {
      intervalsMs.push(Math.min(intervalsMs.at(-1)! * 2, maximumMs))
    }
    this.intervalsMs = intervalsMs
    this.lists = intervalsMs.map(() => new RecordList<SynRecord>())
  }

  get isFull(): boolean {
    return this.size >= this.limit
  }

  /**
   * `source` is the peer's address, `ports` are as in received headers, `hash` is the
   * conversation's, `arrivalIndex` says by which interface it came.
   */
  find(
    source: IpAddress,
    destination: IpAddress,
    ports: number,
    hash: number,
    interfaceIndex: number,
    arrivalIndex = NO_INTERFACE,
  ): SynRecord | null {
    let record: SynRecord | null = this.buckets[hash & this.mask]!
    for (; record !== null; record = record.nextInBucket) {
      if (record.hash !== hash || record.ports !== ports) continue
      const { source: remote, destination: local } = record
      if (record.interfaceIndex !== interfaceIndex || !isSameAddress(remote, source)) continue
      if (!isSameAddress(local, destination)) continue
      if (isOfZone(source, record.arrivalIndex, arrivalIndex)) return record
    }
    return null
  }

  /** A record to be filled with its ends, then inserted. */
  take(): SynRecord {
    const record = this.spare
    if (record === null) return new SynRecord()
    this.spare = record.nextInBucket
    return record
  }

  /** The record's hash and ports are set. It gets a deadline with `schedule`. */
  insert(record: SynRecord): void {
    const index = record.hash & this.mask
    record.nextInBucket = this.buckets[index]!
    this.buckets[index] = record
    record.interval = -1
    this.size++
  }

  /** Takes the record out; it will be another attempt's. */
  remove(record: SynRecord): void {
    const index = record.hash & this.mask
    let current: SynRecord | null = this.buckets[index]!
    if (current === record) {
      this.buckets[index] = record.nextInBucket
    } else {
      while (current !== null && current.nextInBucket !== record) current = current.nextInBucket
      if (current !== null) current.nextInBucket = record.nextInBucket
    }
    this.unschedule(record)
    record.listener = null
    this.size--
    if (this.size === 0) this.earliestMs = Number.POSITIVE_INFINITY
    record.nextInBucket = this.spare
    this.spare = record
  }

  /**
   * The record's next deadline: `step` intervals of the back-off on, the longest of them at most.
   */
  schedule(record: SynRecord, step: number, nowMs: number): void {
    const { intervalsMs } = this
    this.unschedule(record)
    let interval = intervalsMs.length - 1
    if (step < interval) interval = step
    const deadlineMs = nowMs + intervalsMs[interval]!
    record.interval = interval
    record.deadlineMs = deadlineMs
    this.lists[interval]!.append(record)
    if (deadlineMs < this.earliestMs) this.earliestMs = deadlineMs
    this.deadline.note(deadlineMs)
  }

  /**
   * A record whose deadline has come, or null. It stays where it is until it is scheduled anew or
   * removed.
   */
  due(nowMs: number): SynRecord | null {
    if (this.earliestMs > nowMs) return null
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { first } of this.lists) {
      if (first === null) continue
      if (first.deadlineMs <= nowMs) return first
      if (first.deadlineMs < earliestMs) earliestMs = first.deadlineMs
    }
    this.earliestMs = earliestMs
    return null
  }

  /** All of them, in no order; safe against their being removed meanwhile. */
  values(): SynRecord[] {
    const all: SynRecord[] = []
    for (const { first } of this.lists) {
      for (let record = first; record !== null; record = record.later) all.push(record)
    }
    return all
  }

  private unschedule(record: SynRecord): void {
    if (record.interval < 0) return
    this.lists[record.interval]!.remove(record)
    record.interval = -1
  }
}
