/** One TCP connection as its user sees it: what it can do (RFC 9293 §3.9.1) and what it tells. */
import { withCodePoint, withHopLimit } from '../../iface/flow-fields.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import type { BulkOperations, PacketBuffer } from '../../storage/buffer.ts'
import { sequenceAdd, sequenceDifference } from '../../wire/sequence.ts'
import { NetError } from '../net-error.ts'
import type { TcpConfiguration } from './configuration.ts'
import type { CongestionControl } from './congestion/congestion-control.ts'
import { dropText, LINGERING } from './linger.ts'
import { planFrames } from './send/frame-limit.ts'
import { endLoan, lend } from './send/send-loan.ts'
import { TcpState, tcpStateName } from './state.ts'
import type { TcpDropCounters } from './statistics.ts'
import { TransmissionControlBlock } from './transmission-control-block.ts'

/** Told of what happens to a socket, never from inside a call of the user's own. */
export interface TcpSocketHandler {
  /** Once, and only of an active open: what a listener accepts is established already. */
  onEstablished?(socket: TcpSocket): void
  /**
   * Offers the next `length` bytes of the stream where the device has put them, as long as nothing
   * waits in the receive buffer; returns how many it has taken. The rest is copied, and onReadable
   * follows. They stay there only during the call, and the device may change them: who decides by
   * them copies them. Nothing but `canSend`, `send` and `closeWrite` may be asked of the socket
   * meanwhile.
   */
  offerData?(socket: TcpSocket, bytes: Uint8Array, offset: number, length: number): number
  /** There are bytes to read that were not there at the last call. */
  onReadable?(socket: TcpSocket): void
  /** After a send that found too little space: half of the buffer is free, or all of it. */
  onWritable?(socket: TcpSocket): void
  /**
   * The peer sends no more: what receivedLength says is the rest. Of a connection that ends with
   * this only onClose tells.
   */
  onPeerFinished?(socket: TcpSocket): void
  /**
   * The stack is about to end: what is in flight shall come to its end, what waits for nothing
   * close. Without it a connection goes on until it is cut off.
   */
  onWindDown?(socket: TcpSocket): void
  /** The next urgentLength() bytes end urgent data, which is read like any other (RFC 6093). */
  onUrgent?(socket: TcpSocket): void
  /** Once: it is over; `error` is null after an orderly close, when unread bytes stay readable. */
  onClose(socket: TcpSocket, error: NetError | null): void
}

export interface TcpScheduling {
  /** The socket has something to send or to tell: look at it in the next dispatch. */
  wake(socket: TcpSocket): void
  /** The socket's next deadline is now `deadlineMs` or later. */
  scheduleDeadline(socket: TcpSocket, deadlineMs: number): void
}

/** What is behind the rings of all sockets. */
export interface TcpMemory {
  /** Windows and limits of queues grow no further. */
  readonly isPressed: boolean
  /** How far the window of a connection with so much memory may reach beyond what is read. */
  allowance(limitBytes: number, capacity: number): number
  /** Sees to it that `neededBytes` from the read position on have a place, if that can be. */
  growReceive(socket: TcpSocket, neededBytes: number): void
  /** How many of `length` bytes the send queue has places for; takes memory if need be. */
  sendRoom(socket: TcpSocket, length: number): number
  /** The socket's user is told to write once there is memory again. */
  wait(socket: TcpSocket): void
  releaseReceive(socket: TcpSocket): void
  /** The socket is at work: it has a path to its peer until it has been idle for a while. */
  attend(socket: TcpSocket): void
}

/** What a socket asks of the protocol it belongs to. */
export interface TcpSocketHost {
  readonly bulk: BulkOperations
  readonly egress: Egress
  readonly scheduler: TcpScheduling
  readonly memory: TcpMemory
  /** The connection ends: forget it and tell its user. */
  finish(socket: TcpSocket, error: NetError | null): void
  /** Ends it from our side: a reset goes out where the state has one (RFC 9293 §3.10.5). */
  abort(socket: TcpSocket, error: NetError): void
  /**
   * In FIN-WAIT-2, when nobody waits for the peer's data any more, a compact record answers from
   * here on: for as long as the peer may still send after close, or after linger once it has all
   * that we had to say, counted from now. False where the connection goes on.
   */
  leaveToRecord(socket: TcpSocket, nowMs: number): boolean
  /** Both FINs are exchanged and ours was acknowledged: the same. */
  enterTimeWait(socket: TcpSocket, nowMs: number): void
  /** <SEQ=sequence><CTL=RST> to the peer, before what the socket sends if it can leave now. */
  sendResetFor(socket: TcpSocket, sequence: number, nowMs: number): void
  countDrop(reason: keyof TcpDropCounters): void
  countReset(): void
  countChallengeAck(): void
  /** The user is gone, and the connection goes on without. */
  orphan(socket: TcpSocket): void
}

/** Where a passively opened connection goes once its handshake is complete. */
export interface TcpAcceptor {
  /** Connections that are complete but for room, which come next. */
  readonly waitingCount: number
  /** Tells the user that accept has something. */
  notify(): void
}

/** Events waiting to be told, one bit each. */
export const SocketEvent = {
  Established: 1,
  Readable: 2,
  Writable: 4,
  PeerFinished: 8,
  Close: 16,
  Urgent: 32,
}

/** What may be queued of lent memory on any path, before it is known how much that takes. */
const LENT_BYTES = 1 << 20

export class TcpSocket extends TransmissionControlBlock {
  handler: TcpSocketHandler | null = null
  /** For the owner's use: services keep their per-connection record here. */
  userData: unknown = null
  readonly host: TcpSocketHost
  /** Of a passive open. */
  acceptor: TcpAcceptor | null = null
  /** The chain of the connection table, and of the sockets to look at. */
  nextInBucket: TcpSocket | null = null
  nextReady: TcpSocket | null = null
  /** Result of peekRange: `readLength` contiguous bytes from `readOffset` of `readBuffer`. */
  readBuffer: PacketBuffer | null = null
  readOffset = 0
  readLength = 0

  constructor(host: TcpSocketHost, configuration: TcpConfiguration, congestion: CongestionControl) {
    super(configuration, congestion)
    this.host = host
  }

  /** Connections to the same port that wait for room, such as this one takes. */
  get waitingBehind(): number {
    return this.acceptor === null ? 0 : this.acceptor.waitingCount
  }

  /** Copies up to `length` received bytes out; 0 = none there (see isPeerFinished). */
  receive(target: Uint8Array, offset: number, length: number): number {
    const ring = this.receiveBuffer
    if (this.receivedLength === 0) return 0
    const count = Math.min(length, this.receivedLength)
    ring.read(this.host.bulk, ring.start, target, offset, count)
    this.consume(count)
    return count
  }

  /** Sets readBuffer, readOffset, readLength to the first contiguous bytes; returns readLength. */
  peekRange(): number {
    const ring = this.receiveBuffer
    if (this.receivedLength === 0) {
      this.readLength = 0
      return 0
    }
    const offset = ring.placeOf(ring.start)
    this.readBuffer = ring.buffer
    this.readOffset = offset
    let length = this.receivedLength
    const contiguous = ring.capacity - offset
    if (length > contiguous) length = contiguous
    this.readLength = length
    return length
  }

  /** Frees the first `length` received bytes, whose window is offered to the peer again. */
  consume(length: number): void {
    const ring = this.receiveBuffer
    if (length < 0 || length > this.receivedLength) {
      throw new RangeError(`Cannot consume ${length} bytes: ${this.receivedLength} are there`)
    }
    ring.start = sequenceAdd(ring.start, length)
    this.receivedLength -= length
    if (this.state === TcpState.Closed) {
      if (this.receivedLength === 0) this.host.memory.releaseReceive(this)
      return
    }
    // A window update of its own once a quarter of the window is free since the last ACK; smaller
    // steps ride on ACKs of data (RFC 9293 §3.8.6.2.2 forbids those below min (buffer / 2, MSS)).
    const allowance = this.host.memory.allowance(this.receiveLimit, ring.capacity)
    const beyond = sequenceDifference(ring.start, this.advertisedEdge)
    if (beyond + allowance < allowance >> 2 || this.isPeerFinished) return
    // The same of the window field: an ACK with an equal one is a duplicate (RFC 5681 §2).
    let offered = 0xffff << this.receiveScale
    if (offered > allowance) offered = allowance
    if (beyond + offered < offered >> 2) return
    this.isAckDue = true
    if (!this.isReady) this.host.scheduler.wake(this)
  }

  /** Drops up to `length` received bytes; returns how many. */
  discard(length: number): number {
    const count = Math.min(length, this.receivedLength)
    if (count > 0) this.consume(count)
    return count
  }

  /** Queues as many bytes as fit; returns how many. If fewer than `length`, onWritable follows. */
  send(source: Uint8Array, offset: number, length: number): number {
    if (!this.canSend()) throw this.sendError()
    if (this.loan !== null) endLoan(this)
    let count = length
    if (length > this.sendSpace) {
      this.waitForSpace()
      count = this.sendSpace
    }
    if (count <= 0) return 0
    const ring = this.sendBuffer
    if (this.loan !== null || count > ring.capacity - ring.heldLength()) {
      const room = this.host.memory.sendRoom(this, count)
      if (room < count) this.waitForMemory()
      if (room === 0) return 0
      count = room
    }
    ring.append(this.host.bulk, source, offset, count)
    this.sendSpace -= count
    if (!this.isReady) this.host.scheduler.wake(this)
    return count
  }

  /** True when `length` bytes can be queued now, all or none: for what must not be cut. */
  canQueue(length: number): boolean {
    if (this.loan !== null) endLoan(this)
    if (!this.canSend() || length > this.sendSpace) return false
    return this.host.memory.sendRoom(this, length) === length
  }

  /**
   * As send, but that the bytes are sent, and sent again if need be, from where they lie:
   * device-visible memory that is never written again. `buffer` is a ring, whose end is followed by
   * its start, of 64 KiB at least; `offset` lies in it. What cannot be lent, mostly because
   * something else still is, gets copied.
   */
  sendLent(buffer: PacketBuffer, offset: number, length: number): number {
    if (!this.canSend()) throw this.sendError()
    const ring = this.sendBuffer
    if (length > this.sendSpace) this.allowLent()
    let count = length
    if (length > this.sendSpace) {
      this.waitForSpace()
      count = this.sendSpace
    }
    if (count <= 0) return 0
    if (!lend(this, buffer, offset, count)) {
      const copied = Math.min(count, buffer.lengthBytes - offset)
      return this.send(buffer.bytes, offset, copied)
    }
    ring.end = sequenceAdd(ring.end, count)
    this.sendSpace -= count
    if (!this.isReady) this.host.scheduler.wake(this)
    return count
  }

  /** No more will be sent: a FIN follows what is queued (RFC 9293 §3.10.4). Receiving goes on. */
  closeWrite(): void {
    switch (this.state) {
      case TcpState.Established:
        this.transition(TcpState.FinWait1)
        break
      case TcpState.CloseWait:
        this.transition(TcpState.LastAck)
        break
      case TcpState.SynSent:
      case TcpState.SynReceived:
        // "Queue this until all preceding SENDs have been segmentized": once established.
        break
      default:
        return
    }
    this.isFinQueued = true
    this.host.scheduler.wake(this)
  }

  /**
   * Done with the connection in both directions. Unread data makes it a reset (SHLD-3: "If such a
   * host issues a CLOSE call while received data is still pending, its TCP SHOULD send a RST to
   * show that data was lost").
   */
  close(): void {
    if (this.isReceiveClosed) return
    this.isReceiveClosed = true
    if (this.state === TcpState.Closed || this.state === TcpState.SynSent) {
      if (this.receivedLength > 0) this.discard(this.receivedLength)
      if (this.state === TcpState.SynSent) this.host.finish(this, null)
      return
    }
    if (this.receivedLength > 0) {
      this.host.abort(this, new NetError('aborted', 'Connection closed with unread data'))
      return
    }
    this.closeWrite()
    this.leaveUser()
  }

  /**
   * As close, for whoever has just said something that the peer shall read: what is queued arrives
   * before any reset, and what comes is dropped. Whether the peer finishes, resets, goes on sending
   * or takes nothing: it ends by itself. No more events.
   */
  linger(): void {
    this.handler = LINGERING
    this.isLingering = true
    dropText(this)
    if (this.isPeerFinished || this.state === TcpState.Closed || this.state === TcpState.SynSent) {
      this.close()
      return
    }
    this.closeWrite()
    this.leaveUser()
  }

  private leaveUser(): void {
    this.host.orphan(this)
    // Its turn, which knows the time, makes a record of it.
    if (this.state === TcpState.FinWait2 && !this.isReady) this.host.scheduler.wake(this)
  }

  /** Drops everything queued and sends a reset (RFC 9293 §3.10.5). */
  abort(): void {
    if (this.state === TcpState.Closed) return
    this.host.abort(this, new NetError('aborted', 'Connection aborted by this side'))
  }

  /** True turns Nagle's algorithm off (MUST-17). */
  setNoDelay(noDelay: boolean): void {
    this.noDelay = noDelay
    if (noDelay) this.host.scheduler.wake(this)
  }

  /** False: every segment makes a frame of its own from now on, cut here. */
  setSegmentationOffload(segmentationOffload: boolean): void {
    this.segmentationOffload = segmentationOffload
    planFrames(this, this.host.egress)
  }

  /** The time to live or hop limit of what is sent from now on (MUST-49); 64 before. */
  setHopLimit(hopLimit: number): void {
    this.ipFields = withHopLimit(this.ipFields, hopLimit)
    this.flow?.setHopLimit(hopLimit)
  }

  /** The Differentiated Services code point, 0 to 63, of what is sent from now on (MUST-48). */
  setDifferentiatedServices(codePoint: number): void {
    this.ipFields = withCodePoint(this.ipFields, codePoint)
    this.flow?.setDifferentiatedServices(codePoint)
  }

  /** Probes after `idleMs` of silence, two hours by default (MUST-28); 0 = off (MUST-25). */
  setKeepAlive(idleMs: number = this.configuration.keepAliveIdleMs): void {
    this.keepAliveIdleMs = idleMs
    this.keepAliveProbesSent = 0
    if (this.state === TcpState.Closed) return
    if (idleMs > 0) {
      this.idleDeadlineMs = this.lastReceivedMs + idleMs
      this.host.scheduler.scheduleDeadline(this, this.idleDeadlineMs)
    } else {
      this.idleDeadlineMs = Number.POSITIVE_INFINITY
    }
  }

  /** R2 of RFC 9293 §3.8.3: after so long without acknowledgment it is given up. */
  setUserTimeout(timeoutMs: number): void {
    this.userTimeoutMs = timeoutMs
    // What could not leave waits for the time that was.
    if (this.isHeldBack) this.host.scheduler.wake(this)
  }

  /** onWritable will follow. Where only the device holds bytes, no ACK will come to free them. */
  private waitForSpace(): void {
    this.isWriteBlocked = true
    if (this.isReleaseDue && !this.isReady) this.host.scheduler.wake(this)
  }

  /** onWritable will follow once there is memory again, or an ACK has made room. */
  private waitForMemory(): void {
    this.isWriteBlocked = true
    this.isShortOfMemory = true
    this.host.memory.wait(this)
  }

  private allowLent(): void {
    const { sendLimit } = this
    if (sendLimit >= LENT_BYTES) return
    this.sendLimit = Math.max(sendLimit, Math.min(LENT_BYTES, this.configuration.lentBytes))
    this.sendSpace += this.sendLimit - sendLimit
  }

  private sendError(): Error {
    if (this.error !== null) return this.error
    return new NetError('closed', `Cannot send: state is ${tcpStateName(this.state)}`)
  }
}
