/** TCP for one interface: demultiplexing, listeners, the sockets' turns to send, their timers (RFC 9293 §3.10). */
import type {
  Egress,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { BufferAllocator, BulkOperations } from '../../storage/buffer.ts'
import { RingBuffer } from '../../storage/ring-buffer.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { parseTcp, TcpFlag } from '../../wire/tcp.ts'
import { NetError } from '../net-error.ts'
import { BufferPool } from './buffer-pool.ts'
import { DEFAULT_TCP_CONFIGURATION, type TcpConfiguration } from './configuration.ts'
import type { CongestionControl } from './congestion/congestion-control.ts'
import { Reno } from './congestion/reno.ts'
import { ConnectionTable } from './connection-table.ts'
import { DeadlineQueue } from './deadline-queue.ts'
import { applyError } from './error-report.ts'
import { openPassively, setSendSequence, TCP_PROTOCOL, windowScaleFor } from './handshake.ts'
import { processPredicted } from './header-prediction.ts'
import { type TcpListenOptions, TcpListenSocket } from './listen-socket.ts'
import { ListenerTable } from './listener-table.ts'
import { ReadyList } from './ready-list.ts'
import { processSegment } from './receive.ts'
import { createReceivedSegment } from './received-segment.ts'
import { Secrets } from './secrets.ts'
import { SegmentReplier } from './segment-replier.ts'
import { TcpState } from './state.ts'
import {
  addSocketStatistics,
  createTcpStatistics,
  type TcpDropCounters,
  type TcpStatistics,
} from './statistics.ts'
import { SocketEvent, TcpSocket, type TcpSocketHandler, type TcpSocketHost } from './tcp-socket.ts'
import { TimeWaitTable } from './time-wait-table.ts'
import { fireTimers, socketDeadlineMs } from './timers.ts'
import { dispatchSocket, TurnResult } from './transmit.ts'

export interface TcpProtocolOptions {
  egress: Egress
  allocator: BufferAllocator
  bulk: BulkOperations
  random: RandomSource
  configuration?: Partial<TcpConfiguration>
  /** A congestion control for each new connection; NewReno by default. */
  congestion?: () => CongestionControl
}

export interface TcpConnectOptions {
  address: IpAddress
  port: number
  /** MUST-43: chosen by the interface when absent. */
  localAddress?: IpAddress
  /** RFC 6056: chosen at random when absent. */
  localPort?: number
  handler?: TcpSocketHandler | null
}

/** Ports tried before a connect fails: with half of all ports taken, one in a million such connects does. */
const EPHEMERAL_PORT_TRIES = 20

export class TcpProtocol implements ProtocolHandler, TcpSocketHost {
  readonly protocol = TCP_PROTOCOL
  readonly configuration: TcpConfiguration
  /** Counters of what has ended; readStatistics adds the living connections. */
  readonly statistics: TcpStatistics = createTcpStatistics()
  readonly bufferPool: BufferPool
  private readonly egress: Egress
  private readonly bulk: BulkOperations
  private readonly secrets: Secrets
  private readonly createCongestion: () => CongestionControl
  private readonly connections: ConnectionTable
  private readonly listeners = new ListenerTable()
  private readonly timeWaits: TimeWaitTable
  private readonly replier: SegmentReplier
  private readonly deadlines = new DeadlineQueue<TcpSocket>()
  private readonly ready = new ReadyList()
  private readonly halfOpen = new Set<TcpSocket>()
  private readonly segment = createReceivedSegment()
  private readonly offeredScale: number
  /** Something was queued from outside since the last dispatch. */
  private isFresh = false

  constructor(options: TcpProtocolOptions) {
    const configuration = { ...DEFAULT_TCP_CONFIGURATION, ...options.configuration }
    this.configuration = configuration
    this.egress = options.egress
    this.bulk = options.bulk
    this.secrets = new Secrets(options.random)
    this.createCongestion = options.congestion ?? (() => new Reno())
    this.connections = new ConnectionTable(this.secrets.tableKey0, this.secrets.tableKey1)
    this.timeWaits = new TimeWaitTable(configuration.maxTimeWait, configuration.timeWaitMs)
    this.replier = new SegmentReplier(configuration, this.statistics)
    const { sendBufferBytes, receiveBufferBytes } = configuration
    this.bufferPool = new BufferPool(
      options.allocator,
      configuration.bufferBudgetBytes,
      sendBufferBytes > receiveBufferBytes ? sendBufferBytes : receiveBufferBytes,
      configuration.minimumBufferBytes,
    )
    this.offeredScale = windowScaleFor(receiveBufferBytes)
  }

  // --- What users ask for ---------------------------------------------------------------------------------

  /** Throws NetError 'address-in-use' when another listener has the port. */
  listen(options: TcpListenOptions): TcpListenSocket {
    const listener = new TcpListenSocket(options, (closed) => this.stopListening(closed))
    if (!this.listeners.add(listener)) {
      throw new NetError('address-in-use', `Cannot listen: port ${options.port} is in use`)
    }
    return listener
  }

  /** Begins an active open. Throws NetError 'unreachable', 'address-in-use' or 'exhausted' when it cannot even begin. */
  connect(options: TcpConnectOptions, nowMs: number): TcpSocket {
    const { address, port } = options
    const flow = this.egress.openFlow(address, options.localAddress ?? null, TCP_PROTOCOL)
    if (flow === null) throw new NetError('unreachable', 'Cannot connect: no route to the peer')
    const localPort = options.localPort ?? this.choosePort(flow.source, address, port)
    if (localPort === 0 || this.isTaken(flow.source, localPort, address, port)) {
      throw new NetError('address-in-use', 'Cannot connect: no free port')
    }
    if (this.connections.size >= this.configuration.maxConnections) {
      throw new NetError('exhausted', 'Cannot connect: too many connections')
    }
    const socket = this.createSocket(flow.source, localPort, address, port, false, nowMs)
    if (!this.giveBuffers(socket)) throw new NetError('exhausted', 'Cannot connect: no buffers')
    socket.flow = flow
    socket.handler = options.handler ?? null
    socket.transition(TcpState.SynSent)
    socket.isSynDue = true
    socket.progressMs = nowMs
    this.statistics.activeOpens++
    this.connections.insert(socket)
    this.wake(socket)
    return socket
  }

  /** Totals of all connections, ended and living. A fresh record. */
  readStatistics(): TcpStatistics {
    const total = { ...this.statistics, drops: { ...this.statistics.drops } }
    for (const socket of this.connections.values()) addSocketStatistics(total, socket.statistics)
    return total
  }

  get connectionCount(): number {
    return this.connections.size
  }

  get halfOpenCount(): number {
    return this.halfOpen.size
  }

  get timeWaitCount(): number {
    return this.timeWaits.size
  }

  /** Living connections, for status pages. */
  sockets(): Iterable<TcpSocket> {
    return this.connections.values()
  }

  // --- ProtocolHandler ------------------------------------------------------------------------------------

  process(packet: IncomingPacket, nowMs: number): boolean {
    const view = packet.frame.fragments[0]!.buffer.view
    const offset = packet.transportOffset
    if (packet.transportLength < 20) {
      this.statistics.drops.malformed++
      return true
    }
    const ports = view.getInt32(offset)
    const socket = this.connections.find(packet, ports)
    if (socket !== null && !packet.toGroup) {
      socket.statistics.segmentsReceived++
      if (processPredicted(socket, packet, view, nowMs)) {
        this.statistics.fastPathSegments++
        return true
      }
    }
    this.processSlowly(packet, view, ports, socket, nowMs)
    return true
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    if (this.deadlines.earliestMs() <= nowMs) this.fireDeadlines(nowMs)
    this.timeWaits.expire(nowMs)
    const ready = this.ready
    let isBlocked = false
    for (let socket = ready.take(); socket !== null; socket = ready.take()) {
      // Still marked as ready, so that what its user does now does not file it a second time.
      if (socket.events !== 0) this.deliverEvents(socket)
      socket.isReady = false
      const result = dispatchSocket(socket, egress, nowMs)
      if (result === TurnResult.Blocked) {
        if (socket.state === TcpState.SynSent) this.checkReachable(socket, egress, nowMs)
        ready.setAside(socket)
        isBlocked = true
      } else if (result === TurnResult.More) {
        ready.add(socket)
      }
    }
    ready.restoreAside()
    this.isFresh = false
    if (this.replier.dispatch(egress, nowMs)) isBlocked = true
    return isBlocked
  }

  nextDeadlineMs(nowMs: number): number {
    if (this.isFresh) return nowMs
    const deadlineMs = this.deadlines.earliestMs()
    const timeWaitMs = this.timeWaits.earliestMs()
    return deadlineMs < timeWaitMs ? deadlineMs : timeWaitMs
  }

  processError(error: TransportError, _nowMs: number): void {
    const socket = this.connections.findByAddresses(
      error.source,
      error.sourcePort,
      error.destination,
      error.destinationPort,
    )
    if (socket !== null) applyError(socket, error)
  }

  // --- TcpSocketHost --------------------------------------------------------------------------------------

  wake(socket: TcpSocket): void {
    this.isFresh = true
    if (!socket.isReady) this.ready.add(socket)
  }

  fileDeadline(socket: TcpSocket, deadlineMs: number): void {
    if (deadlineMs < socket.filedDeadlineMs) this.deadlines.file(socket, deadlineMs)
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
      socket.flow !== null
    ) {
      // <SEQ=SND.NXT><CTL=RST> (§3.10.5); the ACK field makes it acceptable to more receivers.
      this.replier.reset(socket, socket.sendMax, true)
      this.isFresh = true
    }
    if (socket.receivedLength > 0) socket.receivedLength = 0
    this.finish(socket, error)
  }

  enterTimeWait(socket: TcpSocket, nowMs: number): void {
    socket.transition(TcpState.TimeWait)
    if (this.timeWaits.makeRoom()) this.statistics.timeWaitRecycled++
    const record = this.timeWaits.add(socket, nowMs)
    if (socket.isAckDue) this.replier.acknowledge(record)
    this.isFresh = true
    socket.transition(TcpState.Closed)
    this.forget(socket, null)
  }

  acceptConnection(socket: TcpSocket): boolean {
    const acceptor = socket.acceptor
    if (acceptor === null) return true
    if (!acceptor.canAdmit()) {
      this.statistics.drops.backlogFull++
      return false
    }
    if (!this.giveBuffers(socket)) {
      this.statistics.drops.noBuffer++
      return false
    }
    socket.receiveBuffer!.reset(socket.receiveNext)
    this.halfOpen.delete(socket)
    this.statistics.passiveOpens++
    acceptor.admit(socket)
    return true
  }

  sendResetFor(socket: TcpSocket, sequence: number): void {
    this.replier.reset(socket, sequence, false)
    this.isFresh = true
  }

  releaseReceiveBuffer(socket: TcpSocket): void {
    const ring = socket.receiveBuffer
    if (ring === null) return
    socket.receiveBuffer = null
    socket.readBuffer = null
    this.bufferPool.release(ring.buffer, [])
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

  // --- Incoming segments ----------------------------------------------------------------------------------

  private processSlowly(
    packet: IncomingPacket,
    view: DataView,
    ports: number,
    socket: TcpSocket | null,
    nowMs: number,
  ): void {
    const drops = this.statistics.drops
    const segment = this.segment
    const header = segment.header
    if (!parseTcp(view, packet.transportOffset, packet.transportLength, header)) {
      drops.malformed++
      return
    }
    // MUST-57: "A TCP implementation MUST silently discard an incoming SYN segment that is addressed to a broadcast or multicast
    // address"; nothing else is for groups either.
    if (packet.toGroup) {
      drops.groupAddress++
      return
    }
    if (header.optionsMalformed) drops.malformed++
    segment.packet = packet
    segment.sequence = header.sequenceNumber
    segment.payloadOffset = header.headerLength
    segment.payloadLength = packet.transportLength - header.headerLength
    segment.hasFin = (header.flags & TcpFlag.Fin) !== 0
    segment.hasText = segment.payloadLength > 0 || segment.hasFin
    if (socket !== null) {
      processSegment(socket, segment, nowMs)
      return
    }
    const record = this.timeWaits.find(packet, ports)
    if (record !== null) {
      const isNew = this.replier.answerTimeWait(record, segment, this.timeWaits, nowMs)
      this.isFresh = true
      if (!isNew) return
    }
    this.processListen(packet, nowMs)
  }

  /** LISTEN and CLOSED (RFC 9293 §3.10.7.1-2). */
  private processListen(packet: IncomingPacket, nowMs: number): void {
    const { header } = this.segment
    const listener = this.listeners.find(packet, header.destinationPort)
    if ((header.flags & TcpFlag.Rst) !== 0) {
      this.statistics.drops.noSocket++
      return
    }
    if (listener === null || (header.flags & TcpFlag.Ack) !== 0) {
      this.statistics.drops.noSocket++
      this.replier.refuse(this.segment, nowMs)
      this.isFresh = true
      return
    }
    // "This should not be reached": neither RST, ACK nor SYN. FIN with SYN is no connection attempt either.
    if ((header.flags & (TcpFlag.Syn | TcpFlag.Fin)) !== TcpFlag.Syn || header.sourcePort === 0) {
      this.statistics.drops.malformed++
      return
    }
    this.openFromListener(listener, packet, nowMs)
  }

  private openFromListener(listener: TcpListenSocket, packet: IncomingPacket, nowMs: number): void {
    const drops = this.statistics.drops
    const { header } = this.segment
    if (!listener.canAdmit()) {
      drops.backlogFull++
      return
    }
    if (!this.bufferPool.canServe()) {
      drops.noBuffer++
      return
    }
    if (this.halfOpen.size >= this.configuration.maxHalfOpen) this.evictHalfOpen()
    if (this.connections.size >= this.configuration.maxConnections) {
      drops.tooManyConnections++
      return
    }
    const { local, remote } = this.replier.addressesOf(packet)
    const socket = this.createSocket(
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
    this.wake(socket)
  }

  /** The oldest half-open connection goes, silently: under a flood it is the likeliest never to be completed. */
  private evictHalfOpen(): void {
    for (const oldest of this.halfOpen) {
      this.statistics.halfOpenEvicted++
      this.statistics.drops.synFlood++
      this.finish(oldest, null)
      return
    }
  }

  // --- Life of sockets ------------------------------------------------------------------------------------

  private createSocket(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
    isPassive: boolean,
    nowMs: number,
  ): TcpSocket {
    const { secrets, configuration } = this
    const socket = new TcpSocket(
      this,
      configuration,
      this.createCongestion(),
      local,
      localPort,
      remote,
      remotePort,
      isPassive,
    )
    setSendSequence(socket, secrets.initialSequence(local, localPort, remote, remotePort, nowMs))
    socket.timestampOffset = secrets.timestampOffset(local, localPort, remote, remotePort)
    socket.receiveScale = this.offeredScale
    return socket
  }

  private giveBuffers(socket: TcpSocket): boolean {
    const { bufferPool, configuration } = this
    const receive = bufferPool.acquire(configuration.receiveBufferBytes)
    if (receive === null) return false
    const send = bufferPool.acquire(configuration.sendBufferBytes)
    if (send === null) {
      bufferPool.release(receive, [])
      return false
    }
    socket.receiveBuffer = new RingBuffer(receive, this.bulk)
    socket.sendBuffer = new RingBuffer(send, this.bulk)
    socket.sendBuffer.reset((socket.initialSendSequence + 1) | 0)
    socket.sendSpace = send.lengthBytes
    return true
  }

  private forget(socket: TcpSocket, error: NetError | null): void {
    this.connections.remove(socket)
    this.deadlines.remove(socket)
    this.halfOpen.delete(socket)
    addSocketStatistics(this.statistics, socket.statistics)
    const ring = socket.sendBuffer
    socket.sendBuffer = null
    socket.writeBuffer = null
    socket.sendSpace = 0
    if (ring !== null) this.bufferPool.release(ring.buffer, [socket.owner, socket.olderOwner])
    if (error !== null) socket.receivedLength = 0
    if (socket.receivedLength === 0) this.releaseReceiveBuffer(socket)
    socket.assembler = null
    socket.error = error
    socket.events |= SocketEvent.Close
    this.wake(socket)
  }

  private stopListening(listener: TcpListenSocket): void {
    this.listeners.remove(listener)
    for (const socket of [...this.halfOpen]) {
      if (socket.acceptor === listener) this.finish(socket, null)
    }
  }

  private deliverEvents(socket: TcpSocket): void {
    const events = socket.events
    socket.events = 0
    if ((events & SocketEvent.Established) !== 0) {
      if (socket.acceptor !== null) socket.acceptor.notify()
      if (socket.handler?.onEstablished !== undefined) socket.handler.onEstablished(socket)
    }
    const handler = socket.handler
    if (handler === null) return
    if ((events & SocketEvent.Readable) !== 0 && socket.receivedLength > 0) {
      handler.onReadable?.(socket)
    }
    if ((events & SocketEvent.PeerFinished) !== 0) handler.onPeerFinished?.(socket)
    if ((events & SocketEvent.Writable) !== 0 && socket.canSend()) handler.onWritable?.(socket)
    if ((events & SocketEvent.Close) !== 0) handler.onClose(socket, socket.error)
  }

  private fireDeadlines(nowMs: number): void {
    const { deadlines } = this
    for (let socket = deadlines.due(nowMs); socket !== null; socket = deadlines.due(nowMs)) {
      fireTimers(socket, nowMs)
      if (socket.state !== TcpState.Closed) deadlines.file(socket, socketDeadlineMs(socket))
    }
  }

  /** A connection attempt whose neighbour does not answer has failed (RFC 9293 §3.9.2.2, hard for SYN-SENT). */
  private checkReachable(socket: TcpSocket, egress: Egress, nowMs: number): void {
    if (socket.flow !== null && egress.isUnreachable(socket.flow, nowMs)) {
      this.finish(socket, new NetError('unreachable', 'Peer or gateway does not answer'))
    }
  }

  private choosePort(local: IpAddress, remote: IpAddress, remotePort: number): number {
    for (let attempt = 0; attempt < EPHEMERAL_PORT_TRIES; attempt++) {
      const port = this.secrets.ephemeralPort()
      if (!this.listeners.hasPort(port) && !this.isTaken(local, port, remote, remotePort)) {
        return port
      }
    }
    return 0
  }

  private isTaken(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): boolean {
    return (
      this.connections.findByAddresses(local, localPort, remote, remotePort) !== null ||
      this.timeWaits.has(remote, remotePort, localPort)
    )
  }
}
