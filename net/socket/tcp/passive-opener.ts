/** From SYN to a complete connection of a listener, with the limits that keep floods bounded (RFC 9293 §3.10.7.1-2). */
import { TcpFlag } from '../../wire/tcp.ts'
import type { TcpConfiguration } from './configuration.ts'
import type { ConnectionTable } from './connection-table.ts'
import { openPassively } from './handshake.ts'
import type { TcpListenSocket } from './listen-socket.ts'
import type { ListenerTable } from './listener-table.ts'
import type { ReceivedSegment } from './received-segment.ts'
import type { SegmentReplier } from './segment-replier.ts'
import type { SocketFactory } from './socket-factory.ts'
import type { TcpStatistics } from './statistics.ts'
import type { TcpSocket, TcpSocketHost } from './tcp-socket.ts'

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
  /** Connections in SYN-RECEIVED, oldest first. */
  readonly halfOpen = new Set<TcpSocket>()
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
    if (!listener.canAdmit()) {
      drops.backlogFull++
      return
    }
    if (!this.factory.bufferPool.canServe()) {
      drops.noBuffer++
      return
    }
    if (this.halfOpen.size >= this.configuration.maxHalfOpen) this.evictHalfOpen()
    if (this.connections.size >= this.configuration.maxConnections) {
      drops.tooManyConnections++
      return
    }
    const { local, remote } = this.replier.addressesOf(packet)
    const socket = this.factory.create(
      this.host,
      local,
      header.destinationPort,
      remote,
      header.sourcePort,
      true,
      nowMs,
    )
    socket.acceptor = listener
    openPassively(socket, header, nowMs)
    this.halfOpen.add(socket)
    this.connections.insert(socket)
    this.host.wake(socket)
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

  /** The handshake is complete: false when neither listener nor pool has room, and the peer's next segment is another try. */
  complete(socket: TcpSocket): boolean {
    const acceptor = socket.acceptor
    if (acceptor === null) return true
    if (!acceptor.canAdmit()) {
      this.statistics.drops.backlogFull++
      return false
    }
    if (!this.factory.giveBuffers(socket)) {
      this.statistics.drops.noBuffer++
      return false
    }
    socket.receiveBuffer!.reset(socket.receiveNext)
    this.halfOpen.delete(socket)
    this.statistics.passiveOpens++
    acceptor.admit(socket)
    return true
  }

  /** Forgets the listener and the connections that were on their way to it. */
  close(listener: TcpListenSocket): void {
    this.listeners.remove(listener)
    for (const socket of [...this.halfOpen]) {
      if (socket.acceptor === listener) this.host.finish(socket, null)
    }
  }
}
