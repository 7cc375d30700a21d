/**
 * What sockets and listeners ask of TCP: how a connection ends, who answers for it afterwards, what
 * is counted.
 */
import type { EarliestDeadline } from '../../iface/earliest-deadline.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { NetError } from '../net-error.ts'
import type { TcpConfiguration } from './configuration.ts'
import type { ConnectionTable } from './connection-table.ts'
import { endOrphan, OrphanList } from './memory/orphan-list.ts'
import type { SocketMemory } from './memory/socket-memory.ts'
import { leavePath } from './open/leave-path.ts'
import type { TcpListenHost, TcpListenSocket } from './open/listen-socket.ts'
import type { ListenerTable } from './open/listener-table.ts'
import { PassiveOpener } from './open/passive-opener.ts'
import type { SocketFactory } from './open/socket-factory.ts'
import type { SegmentReplier } from './reply/segment-replier.ts'
import type { WaitTable } from './reply/wait-table.ts'
import type { TcpScheduler } from './scheduler.ts'
import { acceptableSequence } from './send/acceptable-sequence.ts'
import { planFrames } from './send/frame-limit.ts'
import { emitSegments } from './send/segment-emitter.ts'
import { TcpState } from './state.ts'
import { addSocketStatistics, type TcpDropCounters, type TcpStatistics } from './statistics.ts'
import { SocketEvent, type TcpSocket, type TcpSocketHost } from './tcp-socket.ts'

export interface SocketHostParts {
  readonly egress: Egress
  readonly bulk: BulkOperations
  readonly configuration: TcpConfiguration
  readonly statistics: TcpStatistics
  readonly factory: SocketFactory
  readonly memory: SocketMemory
  readonly connections: ConnectionTable
  readonly listeners: ListenerTable
  readonly waits: WaitTable
  readonly replier: SegmentReplier
  readonly scheduler: TcpScheduler
  readonly deadline: EarliestDeadline
}

export class SocketHost implements TcpSocketHost, TcpListenHost {
  readonly egress: Egress
  readonly bulk: BulkOperations
  readonly scheduler: TcpScheduler
  readonly opener: PassiveOpener
  private readonly statistics: TcpStatistics
  readonly memory: SocketMemory
  readonly orphans: OrphanList
  private readonly connections: ConnectionTable
  private readonly waits: WaitTable
  private readonly replier: SegmentReplier

  constructor(parts: SocketHostParts) {
    this.egress = parts.egress
    this.bulk = parts.bulk
    this.scheduler = parts.scheduler
    this.statistics = parts.statistics
    this.memory = parts.memory
    this.orphans = new OrphanList(parts.configuration.maxOrphans)
    this.connections = parts.connections
    this.waits = parts.waits
    this.replier = parts.replier
    this.opener = new PassiveOpener({ host: this, ...parts })
  }

  planFrames(): void {
    this.opener.admission.recent.forget()
    for (const socket of this.connections.values()) planFrames(socket, this.egress)
  }

  onClose(listener: TcpListenSocket): void {
    this.opener.close(listener)
    this.scheduler.requestTurn()
  }

  onAccept(): void {
    this.opener.admission.noteRoom()
    this.scheduler.requestTurn()
  }

  finish(socket: TcpSocket, error: NetError | null): void {
    if (socket.state === TcpState.Closed) return
    if (socket.state === TcpState.SynSent || socket.state === TcpState.SynReceived) {
      this.statistics.failedOpens++
    }
    socket.transition(TcpState.Closed)
    this.forget(socket, error)
  }

  abort(socket: TcpSocket, error: NetError): void {
    if (
      socket.state >= TcpState.SynReceived &&
      socket.state <= TcpState.CloseWait &&
      (socket.flow !== null || socket.state > TcpState.SynReceived)
    ) {
      // <SEQ=SND.NXT><CTL=RST> (§3.10.5); the ACK field makes it acceptable to more receivers.
      this.replier.reset(socket, acceptableSequence(socket), true)
      this.scheduler.requestTurn()
    }
    if (socket.receivedLength > 0) socket.receivedLength = 0
    this.finish(socket, error)
  }

  enterTimeWait(socket: TcpSocket, nowMs: number): void {
    socket.transition(TcpState.TimeWait)
    if (this.waits.makeRoomFor(TcpState.TimeWait)) this.statistics.timeWaitRecycled++
    this.acknowledgeLast(socket, nowMs)
    this.waits.addTimeWait(socket, nowMs)
    this.handOver(socket)
  }

  leaveToRecord(socket: TcpSocket, nowMs: number): boolean {
    if (socket.state !== TcpState.FinWait2) return false
    const { finWait2TimeoutMs, lingerTimeoutMs } = socket.configuration
    let deadlineMs = nowMs
    if (socket.isReceiveClosed) {
      deadlineMs += finWait2TimeoutMs
    } else if (socket.isLingering && socket.receivedLength === 0) {
      // RFC 1122 §4.2.2.13 and RFC 2525 §2.17 want a reset when data that came is lost to the user,
      // so that the peer does not send for ever. But a reset makes many peers throw away what they
      // have not read yet, the answer included, so it comes only after they had time for that.
      deadlineMs += lingerTimeoutMs
    } else {
      return false
    }
    if (this.waits.makeRoomFor(TcpState.FinWait2)) this.statistics.finWait2Recycled++
    this.acknowledgeLast(socket, nowMs)
    this.waits.addFinWait2(socket, deadlineMs)
    this.handOver(socket)
    return true
  }

  /**
   * The record will know of no ACK that is due, nor of one that was delayed: it leaves before, or
   * waits for the device or the neighbor without the connection.
   */
  private acknowledgeLast(socket: TcpSocket, nowMs: number): void {
    if (!socket.isAckDue && socket.receiveNext === socket.lastAcknowledged) return
    if (emitSegments(socket, socket.sendMax, 0, 1, TcpFlag.Ack, nowMs) > 0) return
    this.replier.acknowledgeLast(socket)
    this.scheduler.requestTurn()
  }

  private handOver(socket: TcpSocket): void {
    socket.transition(TcpState.Closed)
    this.forget(socket, null)
  }

  sendResetFor(socket: TcpSocket, sequence: number, nowMs: number): void {
    this.replier.reset(socket, sequence, false)
    const isUnsent = this.replier.dispatch(this.egress, nowMs)
    if (isUnsent) this.scheduler.requestTurn()
  }

  orphan(socket: TcpSocket): void {
    // Nobody will read what has come out of order: the peer may keep it.
    socket.assembler?.clear()
    this.memory.releaseReceive(socket)
    const oldest = this.orphans.add(socket)
    if (oldest === null) return
    this.statistics.orphansEvicted++
    endOrphan(oldest)
  }

  /** At the limit of memory, what no user waits for and no peer takes goes. */
  endStuckOrphans(nowMs: number): void {
    if (this.orphans.size === 0) return
    for (const socket of this.orphans.stuck(nowMs)) {
      this.statistics.orphansEvicted++
      endOrphan(socket)
    }
  }

  /**
   * While memory is scarce: the user of a connection that is over has forgotten what there is to
   * read, or has no use for it.
   */
  dropUnread(nowMs: number): void {
    for (const socket of this.memory.unread.abandoned(nowMs)) {
      this.statistics.unreadDropped++
      socket.error = new NetError('aborted', 'Nobody read what came, and its memory was needed')
      socket.receivedLength = 0
      this.memory.releaseReceive(socket)
    }
  }

  countDrop(reason: keyof TcpDropCounters): void {
    this.statistics.drops[reason]++
  }

  countReset(): void {
    this.statistics.resetsReceived++
  }

  countChallengeAck(): void {
    this.statistics.challengeAcksSent++
  }

  private forget(socket: TcpSocket, error: NetError | null): void {
    this.connections.remove(socket)
    this.scheduler.forget(socket)
    this.opener.admission.noteRoom()
    addSocketStatistics(this.statistics, socket.statistics)
    // See close and linger, whose connections alone become orphans.
    if (socket.isReceiveClosed || socket.isLingering) this.orphans.remove(socket)
    if (error !== null) socket.receivedLength = 0
    this.memory.forget(socket)
    leavePath(socket, this.egress)
    // Whoever keeps the socket keeps what it was, not what it worked with.
    socket.assembler = null
    socket.recovery = null
    socket.loan = null
    socket.error = error
    socket.events |= SocketEvent.Close
    this.scheduler.wake(socket)
  }
}
