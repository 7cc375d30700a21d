/**
 * TIME-WAIT (RFC 9293 §3.6.1, MUST-13): compact records that hold no buffers, bounded, the oldest
 * recycled.
 */
import { EarliestDeadline } from '../../../iface/earliest-deadline.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import type { TcpSocket } from '../tcp-socket.ts'

export interface TimeWaitRecord {
  readonly localAddress: IpAddress
  readonly remoteAddress: IpAddress
  /** As in received headers. */
  readonly ports: number
  /** Of the connection table. */
  readonly hash: number
  nextInBucket: TimeWaitRecord | null
  readonly sendNext: number
  readonly receiveNext: number
  readonly windowField: number
  readonly hasTimestamps: boolean
  readonly timestampOffset: number
  timestampRecent: number
  expiresMs: number
  acknowledgeAllowedMs: number
}

export class TimeWaitTable {
  private readonly limit: number
  private readonly deadline: EarliestDeadline
  private readonly durationMs: number
  private readonly buckets: (TimeWaitRecord | null)[]
  private readonly mask: number
  /** In the order of their expiry. */
  private readonly ages = new Set<TimeWaitRecord>()
  /** Read only outside. */
  size = 0
  /** When the next record expires, or Infinity. Read only outside. */
  earliest = Number.POSITIVE_INFINITY

  constructor(limit: number, durationMs: number, deadline = new EarliestDeadline()) {
    this.deadline = deadline
    this.limit = limit
    this.durationMs = durationMs
    let bucketCount = 1
    while (bucketCount < limit) bucketCount *= 2
    this.mask = bucketCount - 1
    this.buckets = new Array<TimeWaitRecord | null>(bucketCount).fill(null)
  }

  /** Makes a record of a connection that is in the connection table; makeRoom comes before. */
  add(socket: TcpSocket, nowMs: number): void {
    const hash = socket.tableHash
    const index = hash & this.mask
    const record: TimeWaitRecord = {
      localAddress: socket.localAddress,
      remoteAddress: socket.remoteAddress,
      ports: socket.receivedPorts,
      hash,
      nextInBucket: this.buckets[index]!,
      sendNext: socket.sendMax,
      receiveNext: socket.receiveNext,
      windowField: 0xffff,
      hasTimestamps: socket.hasTimestamps,
      timestampOffset: socket.timestampOffset,
      timestampRecent: socket.timestampRecent,
      expiresMs: nowMs + this.durationMs,
      acknowledgeAllowedMs: 0,
    }
    this.buckets[index] = record
    this.ages.add(record)
    this.size++
    if (record.expiresMs < this.earliest) this.earliest = record.expiresMs
    this.deadline.note(record.expiresMs)
  }

  /** Makes room for one more; true when the oldest record had to go. */
  makeRoom(): boolean {
    if (this.size < this.limit) return false
    for (const oldest of this.ages) {
      this.remove(oldest)
      break
    }
    return true
  }

  /** `ports` are as in received headers, `hash` is the connection table's. */
  find(remote: IpAddress, local: IpAddress, ports: number, hash: number): TimeWaitRecord | null {
    let record: TimeWaitRecord | null = this.buckets[hash & this.mask]!
    while (
      record !== null &&
      (record.hash !== hash ||
        record.ports !== ports ||
        !isSameAddress(record.remoteAddress, remote) ||
        !isSameAddress(record.localAddress, local))
    ) {
      record = record.nextInBucket
    }
    return record
  }

  /** "restart the 2 MSL time-wait timeout" when the peer's FIN comes again. */
  restart(record: TimeWaitRecord, nowMs: number): void {
    record.expiresMs = nowMs + this.durationMs
    this.ages.delete(record)
    this.ages.add(record)
    this.updateEarliest()
  }

  remove(record: TimeWaitRecord): void {
    const index = record.hash & this.mask
    let current: TimeWaitRecord | null = this.buckets[index]!
    if (current === record) {
      this.buckets[index] = record.nextInBucket
    } else {
      while (current !== null && current.nextInBucket !== record) current = current.nextInBucket
      if (current !== null) current.nextInBucket = record.nextInBucket
    }
    this.ages.delete(record)
    this.size--
    this.updateEarliest()
  }

  expire(nowMs: number): void {
    while (this.earliest <= nowMs) {
      for (const oldest of this.ages) {
        this.remove(oldest)
        break
      }
    }
  }

  private updateEarliest(): void {
    this.earliest = Number.POSITIVE_INFINITY
    for (const oldest of this.ages) {
      this.earliest = oldest.expiresMs
      break
    }
  }
}
