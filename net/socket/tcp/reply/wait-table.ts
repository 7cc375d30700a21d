/**
 * Connections that only wait for their end, FIN-WAIT-2 without a user and TIME-WAIT (RFC 9293
 * §3.6.1, MUST-13): compact records that hold no buffers, bounded, the oldest recycled.
 */
import { EarliestDeadline } from '../../../iface/earliest-deadline.ts'
import { ORDINARY_FIELDS } from '../../../iface/flow-fields.ts'
import { NO_INTERFACE } from '../../../iface/host-addresses.ts'
import type { FlowFields } from '../../../iface/protocol-handler.ts'
import type { RecordCopier } from '../../../storage/buffer.ts'
import { type IpAddress, ipv4Address, isSameAddress } from '../../../wire/ip-address.ts'
import { type DeadlineMember, DeadlineQueue } from '../deadline-queue.ts'
import { isOfZone, zoneOfPeer } from '../peer-zone.ts'
import { receiveWindow } from '../receive/receive-room.ts'
import { type ListedRecord, RecordList } from '../record-list.ts'
import { TcpState } from '../state.ts'
import type { TcpSocket } from '../tcp-socket.ts'

/** Written by this file, segment-replier.ts and fin-wait-2.ts. */
export interface WaitRecord extends DeadlineMember, ListedRecord<WaitRecord> {
  /** The peer has acknowledged all of ours; with its FIN, FIN-WAIT-2 becomes TIME-WAIT. */
  state: typeof TcpState.FinWait2 | typeof TcpState.TimeWait
  localAddress: IpAddress
  remoteAddress: IpAddress
  interfaceIndex: number
  peerZone: number
  ipFields: FlowFields
  /** As in received headers, and as in those that we send. */
  ports: number
  sentPorts: number
  /** Of the connection table. */
  hash: number
  nextInBucket: WaitRecord | null
  /** SND.NXT, which is SND.UNA. */
  sendNext: number
  receiveNext: number
  /** RCV.WND, and how the header says it. */
  windowBytes: number
  windowField: number
  /** MAX.SND.WND: how old an ACK may be (RFC 5961 §5.2). */
  maxSendWindow: number
  hasTimestamps: boolean
  timestampOffset: number
  timestampRecent: number
  /** FIN-WAIT-2: what comes is dropped instead of refused; see linger. */
  isLingering: boolean
  /** Something was. */
  isTextLost: boolean
  acknowledgeAllowedMs: number
}

/** What records are copies of, which is a third of what making each field costs. */
const BLANK: WaitRecord = {
  state: TcpState.FinWait2,
  localAddress: ipv4Address(0),
  remoteAddress: ipv4Address(0),
  interfaceIndex: 0,
  peerZone: NO_INTERFACE,
  ipFields: ORDINARY_FIELDS,
  ports: 0,
  sentPorts: 0,
  hash: 0,
  nextInBucket: null,
  sendNext: 0,
  receiveNext: 0,
  windowBytes: 0,
  windowField: 0,
  maxSendWindow: 0,
  hasTimestamps: false,
  timestampOffset: 0,
  timestampRecent: 0,
  isLingering: false,
  isTextLost: false,
  acknowledgeAllowedMs: 0,
  scheduledDeadlineMs: Number.POSITIVE_INFINITY,
  scheduledIndex: -1,
  earlier: null,
  later: null,
}

/** How many records there may be of each state, and how long TIME-WAIT lasts. */
export interface WaitLimits {
  readonly maxFinWait2: number
  readonly maxTimeWait: number
  readonly timeWaitMs: number
}

export class WaitTable {
  /** Of both states. Read only outside. */
  size = 0
  private readonly limits: WaitLimits
  private readonly copier: RecordCopier
  private readonly buckets: (WaitRecord | null)[]
  private readonly mask: number
  private readonly finWait2s: DeadlineQueue<WaitRecord>
  /** All of them wait for equally long: who came first expires first. */
  private readonly timeWaits = new RecordList<WaitRecord>()
  private readonly deadline: EarliestDeadline
  /** What had to make room last, for the next record. */
  private spare: WaitRecord | null = null

  constructor(limits: WaitLimits, copier: RecordCopier, deadline = new EarliestDeadline()) {
    this.limits = limits
    this.copier = copier
    this.finWait2s = new DeadlineQueue(deadline)
    this.deadline = deadline
    // Chains of two on average when there is no room for more.
    let bucketCount = 1
    while (2 * bucketCount < limits.maxFinWait2 + limits.maxTimeWait) bucketCount *= 2
    this.mask = bucketCount - 1
    this.buckets = new Array<WaitRecord | null>(bucketCount).fill(null)
  }

  get finWait2Count(): number {
    return this.finWait2s.size
  }

  get timeWaitCount(): number {
    return this.size - this.finWait2s.size
  }

  /** When the next record expires, or Infinity. */
  get earliest(): number {
    const { first } = this.timeWaits
    const { earliest } = this.finWait2s
    return first === null ? earliest : Math.min(earliest, first.scheduledDeadlineMs)
  }

  /**
   * Makes a record of a connection in the connection table whose FIN is acknowledged: in FIN-WAIT-2
   * until `deadlineMs`; makeRoomFor comes before.
   */
  addFinWait2(socket: TcpSocket, deadlineMs: number): void {
    const record = this.insert(socket)
    record.state = TcpState.FinWait2
    this.finWait2s.schedule(record, deadlineMs)
  }

  /** The same of one whose peer has ended too. */
  addTimeWait(socket: TcpSocket, nowMs: number): void {
    const record = this.insert(socket)
    record.state = TcpState.TimeWait
    this.append(record, nowMs)
  }

  private append(record: WaitRecord, nowMs: number): void {
    const deadlineMs = nowMs + this.limits.timeWaitMs
    record.scheduledDeadlineMs = deadlineMs
    if (this.timeWaits.first === null) this.deadline.note(deadlineMs)
    this.timeWaits.append(record)
  }

  private insert(socket: TcpSocket): WaitRecord {
    const hash = socket.tableHash
    const index = hash & this.mask
    const windowBytes = receiveWindow(socket)
    const { assembler } = socket
    const record = this.takeRecord()
    record.localAddress = socket.localAddress
    record.remoteAddress = socket.remoteAddress
    record.interfaceIndex = socket.interfaceIndex
    record.peerZone = socket.peerZone
    record.ipFields = socket.ipFields
    record.ports = socket.receivedPorts
    record.sentPorts = socket.sentPorts
    record.hash = hash
    record.nextInBucket = this.buckets[index]!
    record.sendNext = socket.sendMax
    record.receiveNext = socket.receiveNext
    record.windowBytes = windowBytes
    let windowField = windowBytes >> socket.receiveScale
    if (windowField > 0xffff) windowField = 0xffff
    record.windowField = windowField
    record.maxSendWindow = socket.maxSendWindow
    record.hasTimestamps = socket.hasTimestamps
    record.timestampOffset = socket.timestampOffset
    record.timestampRecent = socket.timestampRecent
    record.isLingering = socket.isLingering && !socket.isReceiveClosed
    // What came out of order goes with the socket.
    record.isTextLost = socket.isTextLost || (assembler !== null && assembler.rangeCount > 0)
    this.buckets[index] = record
    this.size++
    return record
  }

  /** The one that made room, else a new one. */
  private takeRecord(): WaitRecord {
    const record = this.spare
    if (record === null) return this.copier.copyRecord(BLANK)
    this.spare = null
    record.acknowledgeAllowedMs = 0
    return record
  }

  /** The peer's FIN has come for a record in FIN-WAIT-2; makeRoomFor comes before. */
  enterTimeWait(record: WaitRecord, nowMs: number): void {
    this.finWait2s.remove(record)
    record.state = TcpState.TimeWait
    this.append(record, nowMs)
  }

  /** "restart the 2 MSL time-wait timeout" when the peer's FIN comes again. */
  restart(record: WaitRecord, nowMs: number): void {
    this.timeWaits.remove(record)
    this.append(record, nowMs)
  }

  /** Makes room for one more in a state; true when the record had to go that was next to. */
  makeRoomFor(state: WaitRecord['state']): boolean {
    const { limits, finWait2s } = this
    const isTimeWait = state === TcpState.TimeWait
    const count = isTimeWait ? this.size - finWait2s.size : finWait2s.size
    if (count < (isTimeWait ? limits.maxTimeWait : limits.maxFinWait2)) return false
    const oldest = isTimeWait ? this.timeWaits.first : finWait2s.due(Number.POSITIVE_INFINITY)
    if (oldest !== null) this.remove(oldest)
    this.spare = oldest
    return true
  }

  /**
   * `ports` are as in received headers, `hash` is the connection table's, `arrivalIndex` says by
   * which interface it came.
   */
  find(
    remote: IpAddress,
    local: IpAddress,
    ports: number,
    hash: number,
    interfaceIndex: number,
    arrivalIndex = NO_INTERFACE,
  ): WaitRecord | null {
    let record: WaitRecord | null = this.buckets[hash & this.mask]!
    while (
      record !== null &&
      (record.hash !== hash ||
        record.ports !== ports ||
        record.interfaceIndex !== interfaceIndex ||
        !isSameAddress(record.remoteAddress, remote) ||
        !isSameAddress(record.localAddress, local) ||
        !isOfZone(remote, zoneOfPeer(record), arrivalIndex))
    ) {
      record = record.nextInBucket
    }
    return record
  }

  remove(record: WaitRecord): void {
    const index = record.hash & this.mask
    let current: WaitRecord | null = this.buckets[index]!
    if (current === record) {
      this.buckets[index] = record.nextInBucket
    } else {
      while (current !== null && current.nextInBucket !== record) current = current.nextInBucket
      if (current !== null) current.nextInBucket = record.nextInBucket
    }
    if (record.state === TcpState.TimeWait) this.timeWaits.remove(record)
    else this.finWait2s.remove(record)
    this.size--
  }

  /** Takes out a record whose time has come; null = there is none any more. */
  takeDue(nowMs: number): WaitRecord | null {
    const { first } = this.timeWaits
    const isDue = first !== null && first.scheduledDeadlineMs <= nowMs
    const record = isDue ? first : this.finWait2s.due(nowMs)
    if (record !== null) this.remove(record)
    return record
  }
}
