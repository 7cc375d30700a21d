/**
 * What connections that come in a row from one peer begin with: one of them is kept as a model, and
 * the next are copies of it with numbers of their own.
 */
import type { FlowFields } from '../../../iface/protocol-handler.ts'
import type { RecordCopier } from '../../../storage/buffer.ts'
import { RingBuffer } from '../../../storage/ring-buffer.ts'
import { type IpAddress, isSameAddress } from '../../../wire/ip-address.ts'
import { sequenceAdd } from '../../../wire/sequence.ts'
import { zoneOfPeer } from '../peer-zone.ts'
import { RttEstimator } from '../rtt-estimator.ts'
import { createSocketStatistics } from '../statistics.ts'
import type { TcpAcceptor, TcpSocket, TcpSocketHost } from '../tcp-socket.ts'
import { IDLE_OWNER } from '../transmission-control-block.ts'
import { TCP_PROTOCOL } from './handshake.ts'
import { type SynRecord, UNMEASURED } from './syn-record.ts'

type Writable<Kind> = { -readonly [Name in keyof Kind]: Kind[Name] }

export class RecentConnection {
  private readonly host: TcpSocketHost
  private readonly copier: RecordCopier
  /** No connection, and written by nobody; null = no two like it have come in a row. */
  private model: TcpSocket | null = null
  /**
   * Of the one that was made last without it; not the connection, which would stay, with all that
   * its user has, until another comes. Null = of none.
   */
  private lastAcceptor: TcpAcceptor | null = null
  private lastLocal: IpAddress | null = null
  private lastRemote: IpAddress | null = null
  private lastInterface = 0
  private lastZone = 0
  private lastOptions = 0
  /** What the records of those like the model say. */
  private options = 0
  private window = 0
  /** By which they come, which is the link of a link-local peer. */
  private arrivalIndex = 0
  /** The round trip of the last handshake that was measured, and what an estimator makes of it. */
  private roundTripMs = UNMEASURED
  private rtt: RttEstimator | null = null

  constructor(host: TcpSocketHost, copier: RecordCopier) {
    this.host = host
    this.copier = copier
  }

  /**
   * What the path to the peer carries in a frame may be another from now on, or the listener is
   * closed.
   */
  forget(): void {
    this.model = null
    this.lastAcceptor = null
  }

  /**
   * The connection in ESTABLISHED that the record becomes, with its path, in no table; null when
   * the last ones were others, or something about this one is unusual: it is made step by step.
   */
  take(record: SynRecord, nowMs: number): TcpSocket | null {
    const { model, host } = this
    if (model === null || host.memory.isPressed) return null
    // Apart: what is called within a condition stays a call.
    const isAlike = this.isLike(model, record)
    if (!isAlike) return null
    const { remoteAddress, localAddress, plannedMtu } = model
    const { egress } = host
    const fields: FlowFields = model.ipFields
    const zone = zoneOfPeer(model)
    const flow = egress.openFlow(remoteAddress, localAddress, TCP_PROTOCOL, fields, zone)
    if (flow === null) return null
    if (flow.pathMtu !== plannedMtu) {
      egress.closeFlow(flow)
      this.forget()
      return null
    }
    flow.record.flowHash = record.hash
    const socket = this.copier.copyRecord(model)
    socket.flow = flow
    this.ownRecords(socket, record)
    takeNumbers(socket, record, nowMs)
    host.memory.attend(socket)
    return socket
  }

  private isLike(model: TcpSocket, record: SynRecord): boolean {
    if (
      record.listener !== model.acceptor ||
      record.options !== this.options ||
      record.window !== this.window ||
      record.interfaceIndex !== model.interfaceIndex ||
      record.arrivalIndex !== this.arrivalIndex ||
      record.isRetransmitted ||
      record.isAcknowledged
    ) {
      return false
    }
    const { source, destination } = record
    const { remoteAddress, localAddress } = model
    if (!isSameAddress(source, remoteAddress)) return false
    return isSameAddress(destination, localAddress)
  }

  private ownRecords(socket: Writable<TcpSocket>, { roundTripMs }: SynRecord): void {
    const { copier } = this
    socket.statistics = copier.copyRecord(socket.statistics)
    socket.sendBuffer = copier.copyRecord(socket.sendBuffer)
    socket.receiveBuffer = copier.copyRecord(socket.receiveBuffer)
    socket.congestion = copier.copyRecord(socket.congestion)
    socket.owner = { framesInFlight: 0 }
    if (roundTripMs !== UNMEASURED && roundTripMs === this.roundTripMs) {
      socket.rtt = copier.copyRecord(this.rtt!)
      return
    }
    const rtt = copier.copyRecord(socket.rtt)
    socket.rtt = rtt
    if (roundTripMs === UNMEASURED) return
    rtt.sample(roundTripMs)
    this.rtt = copier.copyRecord(rtt)
    this.roundTripMs = roundTripMs
  }

  /**
   * A connection was made step by step, of which its peer has heard nothing yet. The second in a
   * row with the same ends and options becomes the model.
   */
  note(socket: TcpSocket, record: SynRecord): void {
    const { options, window, arrivalIndex } = record
    const { acceptor, localAddress, remoteAddress, interfaceIndex, peerZone } = socket
    const isAlike =
      this.lastAcceptor === acceptor &&
      this.lastOptions === options &&
      this.lastInterface === interfaceIndex &&
      this.lastZone === peerZone &&
      this.lastLocal === localAddress &&
      this.lastRemote === remoteAddress
    this.lastAcceptor = acceptor
    this.lastOptions = options
    this.lastInterface = interfaceIndex
    this.lastZone = peerZone
    this.lastLocal = localAddress
    this.lastRemote = remoteAddress
    if (!isAlike || socket.isReady || socket.isSynLost || this.host.memory.isPressed) return
    this.lastAcceptor = null
    this.options = options
    this.window = window
    this.arrivalIndex = arrivalIndex
    this.model = this.modelOf(socket)
  }

  private modelOf(socket: TcpSocket): TcpSocket {
    const copy = this.copier.copyRecord(socket)
    const model: Writable<TcpSocket> = copy
    model.statistics = createSocketStatistics()
    model.rtt = new RttEstimator(socket.configuration)
    model.sendBuffer = new RingBuffer()
    model.receiveBuffer = new RingBuffer()
    model.congestion = this.copier.copyRecord(socket.congestion)
    model.flow = null
    model.owner = IDLE_OWNER
    model.isHolder = false
    model.isInTable = false
    model.nextInBucket = null
    model.nextReady = null
    return copy
  }
}

/** What no two connections have in common: ports, numbers and times. */
function takeNumbers(socket: Writable<TcpSocket>, record: SynRecord, nowMs: number): void {
  const { ports, sendSequence, receiveSequence, peerWindow, synWindow } = record
  socket.remotePort = ports >>> 16
  socket.receivedPorts = ports
  socket.sentPorts = (ports << 16) | (ports >>> 16)
  const sendNext = sequenceAdd(sendSequence, 1)
  const { sendBuffer, receiveBuffer } = socket
  socket.initialSendSequence = sendSequence
  socket.sendUnacknowledged = sendNext
  socket.sendNext = sendNext
  socket.sendMax = sendNext
  socket.recoverSequence = sendSequence
  socket.releaseMark = sendNext
  socket.sendWindowAcknowledgment = sendNext
  sendBuffer.start = sendNext
  sendBuffer.end = sendNext
  const receiveNext = sequenceAdd(receiveSequence, 1)
  socket.initialReceiveSequence = receiveSequence
  socket.receiveNext = receiveNext
  socket.lastAcknowledged = receiveNext
  socket.tuningStart = receiveNext
  socket.advertisedEdge = sequenceAdd(receiveNext, record.window)
  socket.sendWindowSequence = receiveNext
  socket.windowStart = ~receiveNext
  receiveBuffer.start = receiveNext
  receiveBuffer.end = receiveNext
  const window = peerWindow << socket.sendScale
  socket.sendWindow = window
  socket.maxSendWindow = window
  if (window < synWindow) socket.maxSendWindow = synWindow
  socket.timestampOffset = record.timestampOffset
  if (socket.hasTimestamps) socket.timestampRecent = record.timestampRecent
  socket.progressMs = nowMs
  socket.lastReceivedMs = nowMs
  socket.lastSentMs = nowMs
  socket.tuningStartMs = nowMs
}
