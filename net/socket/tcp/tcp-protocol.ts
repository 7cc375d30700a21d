/**
 * TCP: opens sockets and listeners, and finds out whose each segment is (RFC 9293
 * §3.10).
 */
import type { EarliestDeadline } from '../../iface/earliest-deadline.ts'
import { ORDINARY_FIELDS } from '../../iface/flow-fields.ts'
import type {
  Egress,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { BufferAllocator, BulkOperations } from '../../storage/buffer.ts'
import { type IpAddress, isLinkLocal } from '../../wire/ip-address.ts'
import { TCP_HEADER_LENGTH, TCP_MAX_HEADER_LENGTH } from '../../wire/tcp.ts'
import { NetError } from '../net-error.ts'
import { DEFAULT_TCP_CONFIGURATION, type TcpConfiguration } from './configuration.ts'
import type { CongestionControl } from './congestion/congestion-control.ts'
import { congestionFactory } from './congestion/congestion-factory.ts'
import { ConnectionTable } from './connection-table.ts'
import { applyError } from './error-report.ts'
import { MemorySweep } from './memory/memory-sweep.ts'
import { SocketMemory } from './memory/socket-memory.ts'
import type { TcpConnectOptions } from './open/connect-options.ts'
import { setSendSequence, TCP_PROTOCOL } from './open/handshake.ts'
import { type TcpListenOptions, TcpListenSocket } from './open/listen-socket.ts'
import { ListenerTable } from './open/listener-table.ts'
import type { PassiveOpener } from './open/passive-opener.ts'
import { PortChooser } from './open/port-chooser.ts'
import { SocketFactory } from './open/socket-factory.ts'
import type { SynRecord } from './open/syn-record.ts'
import { processExpectedEnd } from './receive/expected-end.ts'
import { processPredicted } from './receive/header-prediction.ts'
import { processSegment } from './receive/receive.ts'
import { createReceivedSegment, loadSegment } from './receive/received-segment.ts'
import { SegmentReplier } from './reply/segment-replier.ts'
import { WaitTable } from './reply/wait-table.ts'
import { TcpScheduler } from './scheduler.ts'
import { SocketHost } from './socket-host.ts'
import { TcpState } from './state.ts'
import { addSocketStatistics, createTcpStatistics, type TcpStatistics } from './statistics.ts'
import type { TcpSocket } from './tcp-socket.ts'
import { windDown } from './wind-down.ts'

export interface TcpProtocolOptions {
  egress: Egress
  allocator: BufferAllocator
  bulk: BulkOperations
  random: RandomSource
  configuration?: Partial<TcpConfiguration>
  /** A congestion control for each new connection; what the configuration says by default. */
  congestion?: () => CongestionControl
}

export class TcpProtocol implements ProtocolHandler {
  readonly protocol = TCP_PROTOCOL
  readonly configuration: TcpConfiguration
  /** Counters of what has ended; readStatistics adds the living connections. */
  readonly statistics: TcpStatistics = createTcpStatistics()
  readonly memory: SocketMemory
  readonly egress: Egress
  readonly bulk: BulkOperations
  private readonly factory: SocketFactory
  private readonly ports: PortChooser
  private readonly connections: ConnectionTable
  private readonly listeners = new ListenerTable()
  private readonly waits: WaitTable
  private readonly replier: SegmentReplier
  /** Of all that the host does by time. */
  private readonly deadline: EarliestDeadline
  private readonly scheduler: TcpScheduler
  private readonly sweep: MemorySweep
  private readonly host: SocketHost
  private readonly opener: PassiveOpener
  private readonly segment = createReceivedSegment()
  /** Segments of connections that header prediction did not take: the rare ones are counted. */
  private slowSegments = 0
  /** What can be header of the segment that has just come, in host order, and as bytes. */
  private readonly words = new Int32Array(TCP_MAX_HEADER_LENGTH / 4)
  private readonly wordBytes = new Uint8Array(this.words.buffer)

  constructor(options: TcpProtocolOptions) {
    const wanted = { ...DEFAULT_TCP_CONFIGURATION, ...options.configuration }
    const { allocator, egress, bulk, random } = options
    const createCongestion = options.congestion ?? congestionFactory(wanted.congestionControl, bulk)
    const { statistics } = this
    const { deadline } = egress
    this.deadline = deadline
    this.scheduler = new TcpScheduler(deadline)
    const memory = new SocketMemory(allocator, wanted, statistics, createCongestion, deadline)
    const configuration = {
      ...wanted,
      sendBufferBytes: Math.min(wanted.sendBufferBytes, memory.largestBytes),
      receiveBufferBytes: Math.min(wanted.receiveBufferBytes, memory.largestBytes),
    }
    this.configuration = configuration
    this.memory = memory
    this.sweep = new MemorySweep(memory)
    this.egress = egress
    this.bulk = bulk
    this.factory = new SocketFactory(configuration, memory, random, bulk)
    const { secrets } = this.factory
    this.connections = new ConnectionTable(secrets.tableKey, bulk)
    this.waits = new WaitTable(configuration, bulk, deadline)
    this.replier = new SegmentReplier(egress, configuration, statistics, bulk)
    const { factory, connections, listeners, scheduler, waits, replier } = this
    this.host = new SocketHost({
      ...{ egress, bulk, configuration, statistics, factory, connections, listeners },
      ...{ memory, waits, replier, scheduler, deadline },
    })
    this.opener = this.host.opener
    this.ports = new PortChooser(secrets, this.connections, this.waits, this.listeners)
  }

  /** After a change of what the device may cut. */
  planFrames(): void {
    this.host.planFrames()
  }

  // --- What users ask for ------------------------------------------------------------------------

  /** Throws NetError 'address-in-use' when another listener has the port. */
  listen(options: TcpListenOptions): TcpListenSocket {
    const listener = new TcpListenSocket(options, this.host)
    if (!this.listeners.add(listener)) {
      throw new NetError('address-in-use', `Cannot listen: port ${options.port} is in use`)
    }
    return listener
  }

  /**
   * Begins an active open. Throws NetError 'unreachable', 'address-in-use' or 'exhausted' when it
   * cannot even begin.
   */
  connect(options: TcpConnectOptions, nowMs: number): TcpSocket {
    const { address, port } = options
    const { localAddress = null, ipFields = ORDINARY_FIELDS, interfaceIndex } = options
    const flow = this.egress.openFlow(
      ...([address, localAddress, TCP_PROTOCOL, ipFields, interfaceIndex] as const),
    )
    if (flow === null) throw new NetError('unreachable', 'Cannot connect: no route to the peer')
    const localPort = options.localPort ?? this.ports.choose(flow, port)
    if (localPort === 0 || this.ports.isTaken(flow, localPort, port)) {
      throw new NetError('address-in-use', 'Cannot connect: no free port')
    }
    if (this.connections.size >= this.configuration.maxConnections) {
      throw new NetError('exhausted', 'Cannot connect: too many connections')
    }
    const ends = {
      localAddress: flow.source,
      localPort,
      remoteAddress: address,
      remotePort: port,
      interfaceIndex: flow.interfaceIndex,
    }
    const socket = this.factory.create(this.host, ends, false)
    const numbered = { ...ends, arrivalIndex: flow.zone }
    setSendSequence(socket, this.factory.secrets.initialSequence(numbered, nowMs))
    socket.timestampOffset = this.factory.secrets.timestampOffset(numbered)
    if (isLinkLocal(address)) socket.peerZone = flow.zone
    socket.ipFields = ipFields
    socket.flow = flow
    flow.progress = socket
    socket.handler = options.handler ?? null
    socket.transition(TcpState.SynSent)
    socket.isSynDue = true
    socket.progressMs = nowMs
    this.statistics.activeOpens++
    this.connections.insert(socket)
    flow.record.flowHash = socket.tableHash
    this.scheduler.wake(socket)
    return socket
  }

  /**
   * Begins the end of all connections: none comes in, and users are asked to bring theirs to an
   * end.
   */
  windDown(): void {
    windDown(this.listeners, this.connections.values())
  }

  /** Totals of all connections, ended and living. A fresh record. */
  readStatistics(): TcpStatistics {
    const total = { ...this.statistics, drops: { ...this.statistics.drops } }
    for (const socket of this.connections.values()) addSocketStatistics(total, socket.statistics)
    total.fastPathSegments = total.segmentsReceived - this.slowSegments
    return total
  }

  get connectionCount(): number {
    return this.connections.size
  }

  get halfOpenCount(): number {
    return this.opener.queue.size
  }

  /** Connections whose users are gone and which still have something to say. */
  get orphanCount(): number {
    return this.host.orphans.size
  }

  /** Those that wait for their peer's FIN only. */
  get finWait2Count(): number {
    return this.waits.finWait2Count
  }

  get timeWaitCount(): number {
    return this.waits.timeWaitCount
  }

  /** The living connection between these, or null. */
  findConnection(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    interfaceIndex = 0,
    arrivalIndex?: number,
  ): TcpSocket | null {
    const ends = [local, localPort, remote, remotePort, interfaceIndex] as const
    return this.connections.findByAddresses(...ends, arrivalIndex)
  }

  /** The connection attempt of a listener's peer between these that is half open, or null. */
  findHalfOpen(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    interfaceIndex = 0,
    arrivalIndex?: number,
  ): SynRecord | null {
    const ends = [local, localPort, remote, remotePort, interfaceIndex] as const
    if (this.findConnection(...ends, arrivalIndex) !== null) return null
    const ports = (remotePort << 16) | localPort
    const { soughtHash } = this.connections
    const { queue } = this.opener
    return queue.find(remote, local, ports, soughtHash, interfaceIndex, arrivalIndex)
  }

  /** Living connections, for status pages. */
  sockets(): Iterable<TcpSocket> {
    return this.connections.values()
  }

  // --- ProtocolHandler ---------------------------------------------------------------------------

  process(packet: IncomingPacket, nowMs: number): boolean {
    const { words } = this
    const length = packet.transportLength
    if (length < TCP_HEADER_LENGTH) {
      this.statistics.drops.malformed++
      return true
    }
    const { buffer } = packet.frame.fragments[0]!
    const loaded = length < TCP_MAX_HEADER_LENGTH ? length & ~3 : TCP_MAX_HEADER_LENGTH
    this.bulk.loadWords(this.wordBytes, buffer.bytes, packet.transportOffset, loaded)
    const ports = words[0]!
    const { connections } = this
    let socket = connections.last
    if (socket === null || socket.receivedPorts !== ports || socket !== packet.connection) {
      socket = connections.find(packet, ports)
    }
    if (socket !== null && !packet.toGroup) {
      socket.statistics.segmentsReceived++
      if (processPredicted(socket, packet, words, length, nowMs)) return true
      if (processExpectedEnd(socket, words, length, nowMs)) return true
      this.slowSegments++
    } else if (socket === null && !packet.toGroup) {
      if (this.opener.processExpected(packet, connections.soughtHash, words, nowMs)) return true
    }
    this.processSlowly(packet, ports, socket, nowMs)
    return true
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    const { scheduler, opener, memory, deadline } = this
    if (nowMs >= deadline.ms) this.processTimers(nowMs)
    if (memory.waiting.wakeCount > 0) {
      this.sweep.wakeWaiting()
      // Those that are left have theirs in the next turn.
      deadline.isUrgent = true
    }
    const { halfOpen, admission } = opener
    let isBlocked = halfOpen.isUrgent && halfOpen.dispatch(nowMs)
    if (scheduler.runReady(egress, nowMs, this.onBlockedSyn)) isBlocked = true
    // At the end, since what its users have done in their turn may have made room.
    scheduler.isFresh = scheduler.hasMore || (admission.isRoomFreed && halfOpen.serveWaiting(nowMs))
    if (scheduler.isFresh) deadline.isUrgent = true
    if (this.replier.hasWaiting() && this.replier.dispatch(egress, nowMs)) isBlocked = true
    return isBlocked
  }

  nextDeadlineMs(nowMs: number): number {
    const { scheduler, memory } = this
    if (scheduler.isFresh || memory.waiting.wakeCount > 0) return nowMs
    const timersMs = Math.min(scheduler.deadlines.earliest, this.waits.earliest)
    return Math.min(timersMs, memory.sweepDueMs, this.opener.queue.earliestMs)
  }

  processError(error: TransportError, _nowMs: number): void {
    const { source, sourcePort, destination, destinationPort } = error
    const { interfaceIndex: own, arrivalIndex: by } = error
    const ends = [source, sourcePort, destination, destinationPort, own, by] as const
    const socket = this.findConnection(...ends)
    if (socket !== null) {
      applyError(socket, error)
      return
    }
    const record = this.findHalfOpen(...ends)
    if (record !== null) this.opener.halfOpen.processError(record, error)
  }

  private processTimers(nowMs: number): void {
    const { scheduler, waits, memory } = this
    const { halfOpen, queue } = this.opener
    const { deadlines } = scheduler
    if (deadlines.earliest <= nowMs) scheduler.fireDeadlines(nowMs)
    if (waits.earliest <= nowMs) this.replier.expireWaiting(waits, nowMs)
    if (memory.sweepDueMs <= nowMs) this.tendMemory(nowMs)
    if (queue.earliestMs <= nowMs) halfOpen.expireDue(nowMs)
  }

  private tendMemory(nowMs: number): void {
    this.sweep.run(nowMs)
    if (this.memory.isAtLimit) this.host.endStuckOrphans(nowMs)
    if (this.memory.isPressed) this.host.dropUnread(nowMs)
  }

  // --- Incoming segments -------------------------------------------------------------------------

  private processSlowly(
    packet: IncomingPacket,
    ports: number,
    socket: TcpSocket | null,
    nowMs: number,
  ): void {
    const { segment } = this
    const { drops } = this.statistics
    if (!loadSegment(segment, packet, this.words)) {
      drops.malformed++
      return
    }
    // MUST-57: "A TCP implementation MUST silently discard an incoming SYN segment that is
    // addressed to a broadcast or multicast address"; nothing else is for groups either.
    if (packet.toGroup) {
      drops.groupAddress++
      return
    }
    if (segment.header.optionsMalformed) drops.malformed++
    if (socket !== null) {
      processSegment(socket, segment, nowMs)
      return
    }
    const { opener, waits } = this
    const { source: from, destination: to, interfaceIndex: own, arrivalIndex: by } = packet
    const hash = this.connections.soughtHash
    if (opener.queue.size > 0) {
      const record = opener.queue.find(from, to, ports, hash, own, by)
      if (record !== null) {
        this.statistics.segmentsReceived++
        this.slowSegments++
        opener.halfOpen.process(record, segment, nowMs)
        return
      }
    }
    if (waits.size > 0) {
      const record = waits.find(from, to, ports, hash, own, by)
      if (record !== null) {
        this.statistics.segmentsReceived++
        this.slowSegments++
        if (!this.replier.answerWaiting(record, segment, waits, nowMs)) return
      }
    }
    opener.processListen(segment, hash, nowMs)
  }

  /**
   * A connection attempt whose neighbor does not answer has failed (RFC 9293 §3.9.2.2, hard for
   * SYN-SENT).
   */
  private readonly onBlockedSyn = (socket: TcpSocket, nowMs: number): void => {
    if (socket.flow !== null && this.egress.isUnreachable(socket.flow, nowMs)) {
      this.host.finish(socket, new NetError('unreachable', 'Peer or gateway does not answer'))
    }
  }
}
