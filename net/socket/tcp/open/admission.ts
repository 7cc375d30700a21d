/**
 * Completed handshakes on their way to their listener: who gets in, who waits for a place in the
 * backlog or for buffers.
 */
import { isLinkLocal } from '../../../wire/ip-address.ts'
import type { TcpConfiguration } from '../configuration.ts'
import { openConnectionFlow } from '../connection-flow.ts'
import type { ConnectionTable } from '../connection-table.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpSocket, TcpSocketHost } from '../tcp-socket.ts'
import { establishFromRecord, planPath, setSendSequence, tellEstablished } from './handshake.ts'
import type { TcpListenSocket } from './listen-socket.ts'
import { RecentConnection } from './recent-connection.ts'
import type { SocketFactory } from './socket-factory.ts'
import type { SynRecord } from './syn-record.ts'

export interface AdmissionParts {
  readonly host: TcpSocketHost
  readonly configuration: TcpConfiguration
  readonly statistics: TcpStatistics
  readonly connections: ConnectionTable
  readonly factory: SocketFactory
}

export class Admission {
  /**
   * Half-open records whose SYN-ACK is acknowledged and that lack only room, oldest first: their
   * number is part of the backlog.
   */
  readonly waiting = new Set<SynRecord>()
  /** Room may have been made since those that wait were last served. Read only outside. */
  isRoomFreed = false
  /** The oldest that waits does so for what all listeners share: others have to stand behind it. */
  private isShortForAll = false
  private readonly parts: AdmissionParts
  /** To be told when the device may cut other frames than before, or a listener is closed. */
  readonly recent: RecentConnection

  constructor(parts: AdmissionParts) {
    this.parts = parts
    this.recent = new RecentConnection(parts.host, parts.host.bulk)
  }

  /** A place in a backlog is free, or a connection is over. */
  noteRoom(): void {
    if (this.waiting.size > 0) this.isRoomFreed = true
    else this.isShortForAll = false
  }

  /** True when one more must stand behind those that wait. */
  mustWait(): boolean {
    return this.isShortForAll && this.waiting.size > 0
  }

  /**
   * The connection in ESTABLISHED that the record becomes, in its listener's backlog; null when
   * there is no room, or no way to the peer any more. The record is left as it is, and the listener
   * is for the caller to notify.
   */
  admit(record: SynRecord, nowMs: number): TcpSocket | null {
    const { statistics, connections } = this.parts
    const listener = record.listener!
    if (!listener.canAdmit()) return null
    if (this.hasTooMany()) {
      this.isShortForAll = true
      return null
    }
    const { recent } = this
    const alike = recent.take(record, nowMs)
    const socket = alike ?? this.makeConnection(record, nowMs)
    if (socket === null) return null
    connections.insert(socket, record.hash)
    statistics.passiveOpens++
    listener.admit(socket)
    if (alike === null) recent.note(socket, record)
    return socket
  }

  private makeConnection(record: SynRecord, nowMs: number): TcpSocket | null {
    const { host } = this.parts
    const socket = this.createSocket(record)
    if (socket === null) return null
    socket.acceptor = record.listener
    establishFromRecord(socket, record, nowMs)
    planPath(socket, host.egress)
    // The window that it was not offered before, whatever the header says so far.
    socket.windowStart = ~socket.receiveBuffer.start
    // A peer that was offered none waits for it; one that had to wait is told that it is in.
    if (record.window === 0 || record.isAcknowledged) {
      socket.isAckDue = true
      host.scheduler.wake(socket)
    }
    return socket
  }

  /**
   * There is no room for the record: it waits, if it has a place to wait in; else it stays half
   * open, and its next ACK is another try.
   */
  refuse(record: SynRecord): void {
    const listener = record.listener!
    this.countRefusal(listener)
    if (record.isAcknowledged || !listener.canQueue()) return
    record.isAcknowledged = true
    listener.waitingCount++
    this.waiting.add(record)
  }

  /** Counts why the listener's next connection cannot come in. */
  countRefusal(listener: TcpListenSocket): void {
    const { drops } = this.parts.statistics
    if (!listener.canAdmit()) drops.backlogFull++
    else if (this.hasTooMany()) drops.tooManyConnections++
  }

  /**
   * Lets in those that wait, as far as there is room, in the order in which they came. `onAdmit`
   * takes their records.
   */
  serve(onAdmit: (record: SynRecord) => void, nowMs: number): boolean {
    this.isRoomFreed = false
    if (this.waiting.size === 0) return false
    this.isShortForAll = false
    let isAnyServed = false
    for (const record of this.waiting) {
      if (!record.listener!.canAdmit()) continue
      const socket = this.admit(record, nowMs)
      if (socket === null) {
        if (this.isShortForAll) break
        continue
      }
      tellEstablished(socket)
      onAdmit(record)
      isAnyServed = true
    }
    return isAnyServed
  }

  /** The record's attempt is over, one way or the other. */
  leave(record: SynRecord): void {
    if (!record.isAcknowledged) return
    record.isAcknowledged = false
    record.listener!.waitingCount--
    this.waiting.delete(record)
  }

  hasTooMany(): boolean {
    const { connections, configuration } = this.parts
    return connections.size >= configuration.maxConnections
  }

  private createSocket(record: SynRecord): TcpSocket | null {
    const { host, factory, statistics } = this.parts
    const socket = factory.create(host, record, true)
    const { source, arrivalIndex, interfaceIndex } = record
    socket.ipFields = record.listener!.ipFields
    if (arrivalIndex !== interfaceIndex && isLinkLocal(source)) socket.peerZone = arrivalIndex
    const flow = openConnectionFlow(host.egress, socket)
    if (flow === null) {
      statistics.drops.noRoute++
      return null
    }
    setSendSequence(socket, record.sendSequence)
    flow.record.flowHash = record.hash
    socket.flow = flow
    return socket
  }
}
