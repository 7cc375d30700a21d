/** From SYN to a complete connection of a listener, with the limits that keep floods bounded (RFC 9293 §3.10.7.1-2). */
import { TcpFlag } from '../../../wire/tcp.ts'
import { NetError } from '../../net-error.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { ConnectionTable } from '../connection-table.ts'
import type { ReceivedSegment } from '../receive/received-segment.ts'
import type { SegmentReplier } from '../reply/segment-replier.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpAcceptor, TcpSocket, TcpSocketHost } from '../tcp-socket.ts'
import { establish, openPassively } from './handshake.ts'
import type { TcpListenSocket } from './listen-socket.ts'
import type { ListenerTable } from './listener-table.ts'
import type { SocketFactory } from './socket-factory.ts'

/** What the opener works on, all owned by the protocol. */
export interface PassiveOpenerParts {
  readonly host: TcpSocketHost
  readonly configuration: TcpConfiguration
  readonly statistics: TcpStatistics
  readonly listeners: ListenerTable
  readonly connections: ConnectionTable
  readonly factory: SocketFactory
  readonly replier: SegmentReplier
}

export class PassiveOpener {
  /** Connections whose SYN-ACK nobody has acknowledged, oldest first. */
  readonly halfOpen = new Set<TcpSocket>()
  /**
   * Connections in SYN-RECEIVED that lack only room, a place in the backlog; oldest first. Their peers take them for
   * established, so none of them goes to make room. They cost a control block each, and their number is part of the backlog.
   */
  readonly waiting = new Set<TcpSocket>()
  /** A place in a backlog may have become free since serveWaiting last looked. */
  isRoomFreed = false
  private readonly host: TcpSocketHost
  private readonly configuration: TcpConfiguration
  private readonly statistics: TcpStatistics
  private readonly listeners: ListenerTable
  private readonly connections: ConnectionTable
  private readonly factory: SocketFactory
  private readonly replier: SegmentReplier

  constructor(parts: PassiveOpenerParts) {
    this.host = parts.host
    this.configuration = parts.configuration
    this.statistics = parts.statistics
    this.listeners = parts.listeners
    this.connections = parts.connections
    this.factory = parts.factory
    this.replier = parts.replier
  }

  /** LISTEN and CLOSED (RFC 9293 §3.10.7.1-2). */
  processListen(segment: ReceivedSegment, nowMs: number): void {
    const { header, packet } = segment
    const listener = this.listeners.find(packet, header.destinationPort)
    if ((header.flags & TcpFlag.Rst) !== 0) {
      this.statistics.drops.noSocket++
      return
    }
    if (listener === null || (header.flags & TcpFlag.Ack) !== 0) {
      this.statistics.drops.noSocket++
      this.replier.refuse(segment, nowMs)
      return
    }
    // "This should not be reached": neither RST, ACK nor SYN. FIN with SYN is no connection attempt either.
    if ((header.flags & (TcpFlag.Syn | TcpFlag.Fin)) !== TcpFlag.Syn || header.sourcePort === 0) {
      this.statistics.drops.malformed++
      return
    }
    this.open(listener, segment, nowMs)
  }

  private open(listener: TcpListenSocket, segment: ReceivedSegment, nowMs: number): void {
    const drops = this.statistics.drops
    const { header, packet } = segment
    if (!listener.canQueue()) {
      // Not refused: the peer sends its SYN again.
      drops.backlogFull++
      return
    }
    if (this.halfOpen.size >= this.configuration.maxHalfOpen) this.evictHalfOpen()
    if (this.connections.size >= this.configuration.maxConnections) {
      drops.tooManyConnections++
      return
    }
    const { local, remote } = this.replier.addressesOf(packet)
    const ends = {
      localAddress: local,
      localPort: header.destinationPort,
      remoteAddress: remote,
      remotePort: header.sourcePort,
    }
    const socket = this.factory.create(this.host, ends, true, nowMs)
    socket.acceptor = listener
    openPassively(socket, header, nowMs)
    this.halfOpen.add(socket)
    this.connections.insert(socket)
    this.host.scheduler.wake(socket)
  }

  /** The oldest half-open connection goes, silently: under a flood it is the likeliest never to be completed. */
  private evictHalfOpen(): void {
    for (const oldest of this.halfOpen) {
      this.statistics.halfOpenEvicted++
      this.statistics.drops.synFlood++
      this.host.finish(oldest, null)
      return
    }
  }

  /** Our SYN is acknowledged: ESTABLISHED, or false when the connection waits for room. */
  complete(socket: TcpSocket, nowMs: number): boolean {
    const { acceptor } = socket
    if (acceptor === null) {
      establish(socket, nowMs)
      return true
    }
    if (socket.isAwaitingRoom) {
      socket.timeouts = 0
      if (this.isRoomFreed) this.serveWaiting(nowMs)
      if (!socket.isAwaitingRoom) return true
      this.statistics.drops.backlogFull++
      return false
    }
    if (this.admit(socket, acceptor, nowMs)) return true
    this.statistics.drops.backlogFull++
    // Without a place to wait in it stays half open, and the peer's next segment is another try.
    if (acceptor.canQueue()) {
      socket.isAwaitingRoom = true
      socket.timeouts = 0
      acceptor.waitingCount++
      this.halfOpen.delete(socket)
      this.waiting.add(socket)
    }
    return false
  }

  /** Lets in those that wait, as far as there is room, in the order in which they came; true when there was for one. */
  serveWaiting(nowMs: number): boolean {
    this.isRoomFreed = false
    if (this.waiting.size === 0) return false
    let isAnyServed = false
    for (const socket of this.waiting) {
      const acceptor = socket.acceptor!
      if (!this.admit(socket, acceptor, nowMs)) continue
      socket.isAckDue = true
      isAnyServed = true
    }
    return isAnyServed
  }

  private admit(socket: TcpSocket, acceptor: TcpAcceptor, nowMs: number): boolean {
    if (!acceptor.canAdmit()) return false
    this.leave(socket)
    this.statistics.passiveOpens++
    establish(socket, nowMs)
    acceptor.admit(socket)
    return true
  }

  /** The connection is over. */
  forget(socket: TcpSocket): void {
    this.isRoomFreed = true
    this.leave(socket)
  }

  private leave(socket: TcpSocket): void {
    this.halfOpen.delete(socket)
    if (!socket.isAwaitingRoom) return
    socket.isAwaitingRoom = false
    socket.acceptor!.waitingCount--
    this.waiting.delete(socket)
  }

  /** Forgets the listener and the connections that were on their way to it. */
  close(listener: TcpListenSocket): void {
    this.listeners.remove(listener)
    for (const socket of [...this.halfOpen]) {
      if (socket.acceptor === listener) this.host.finish(socket, null)
    }
    for (const socket of [...this.waiting]) {
      if (socket.acceptor !== listener) continue
      this.host.abort(socket, new NetError('aborted', 'The listener was closed'))
    }
  }
}
