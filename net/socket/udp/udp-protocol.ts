/**
 * UDP: gives datagrams to sockets, and sends what sockets have queued (RFC 768,
 * RFC 1122 §4.1).
 */
import type { AwaitedPorts } from '../../iface/awaited-ports.ts'
import type {
  Egress,
  Flow,
  IcmpReport,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import { PACKET_LENGTH, PACKET_OFFSET, type PacketQueue } from '../../storage/packet-queue.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import { createUdpHeader, emitUdp, parseUdp, UDP_HEADER_LENGTH } from '../../wire/udp.ts'
import type { DatagramParts } from '../datagram/datagram-host.ts'
import { type FlowEntry, noteSentPort } from '../datagram/flow-cache.ts'
import { type DatagramEmitter, SENT_PORT, SENT_SEGMENT_LENGTH } from '../datagram/send-queue.ts'
import { SocketScheduler } from '../datagram/socket-scheduler.ts'
import { NetError } from '../net-error.ts'
import { SeriesSender } from './datagram-series.ts'
import { PortTable } from './port-table.ts'
import { createUdpStatistics, type UdpStatistics } from './statistics.ts'
import {
  type OfferedDatagram,
  type UdpHost,
  UdpSocket,
  type UdpSocketOptions,
} from './udp-socket.ts'

export interface UdpParts extends DatagramParts {
  readonly awaitedPorts: Pick<AwaitedPorts, 'add' | 'remove'>
}

/** An application that wants more is told so. */
export const MAX_UDP_SOCKETS = 8_192

export class UdpProtocol implements ProtocolHandler, UdpHost, DatagramEmitter<UdpSocket> {
  readonly protocol = IpProtocol.Udp
  readonly statistics: UdpStatistics = createUdpStatistics()
  readonly egress: DatagramParts['egress']
  readonly bulk: DatagramParts['bulk']
  readonly random: DatagramParts['random']
  readonly groups: DatagramParts['groups']
  readonly memory: DatagramParts['memory']
  private readonly awaitedPorts: Pick<AwaitedPorts, 'add' | 'remove'>
  nowMs = 0
  readonly offered: OfferedDatagram = {
    ...{ bytes: new Uint8Array(0), offset: 0, length: 0, sourcePort: 0, toGroup: false },
  }
  private readonly ports = new PortTable()
  private readonly header = createUdpHeader()
  private readonly series: SeriesSender
  private readonly scheduler: SocketScheduler<UdpSocket>

  constructor(options: UdpParts) {
    this.egress = options.egress
    this.scheduler = new SocketScheduler<UdpSocket>(this, options.egress.deadline)
    this.bulk = options.bulk
    this.random = options.random
    this.groups = options.groups
    this.memory = options.memory
    this.awaitedPorts = options.awaitedPorts
    this.series = new SeriesSender(options.egress)
  }

  /**
   * Opens a socket. Throws NetError 'address-in-use' or 'exhausted', or RangeError for a port out
   * of range.
   */
  open(options: UdpSocketOptions): UdpSocket {
    const wanted = options.port ?? 0
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > 0xffff) {
      throw new RangeError(`Cannot open a UDP socket: port must be 0 to 65535, not ${wanted}`)
    }
    if (this.ports.size === MAX_UDP_SOCKETS) {
      throw new NetError('exhausted', `Cannot open a UDP socket: there are ${MAX_UDP_SOCKETS}`)
    }
    const port = wanted === 0 ? this.ports.chooseEphemeral(this.random) : wanted
    const socket = new UdpSocket(this, port, options)
    if (port === 0 || !this.ports.add(socket)) {
      throw new NetError(
        'address-in-use',
        port === 0
          ? 'Cannot open a UDP socket: no free port'
          : `Cannot open a UDP socket: port ${port} is in use`,
      )
    }
    if (socket.isAwaited) this.awaitedPorts.add(port)
    return socket
  }

  get socketCount(): number {
    return this.ports.size
  }

  /** A fresh record, open sockets included. */
  readStatistics(): UdpStatistics & { sockets: number } {
    return { sockets: this.ports.size, ...this.statistics, drops: { ...this.statistics.drops } }
  }

  // --- ProtocolHandler ---------------------------------------------------------------------------

  process(packet: IncomingPacket, nowMs: number): boolean {
    this.nowMs = nowMs
    const { header } = this
    const { drops } = this.statistics
    const view = packet.frame.fragments[0]!.buffer.view
    if (!parseUdp(view, packet.transportOffset, packet.transportLength, header)) {
      drops.malformed++
      return true
    }
    if (header.destinationPort === 0) {
      drops.portZero++
      return true
    }
    if (packet.toGroup) return this.processGroup(packet)
    const socket = this.ports.find(packet, header.sourcePort, header.destinationPort)
    if (socket === null) {
      drops.noSocket++
      return false
    }
    socket.accept(packet, header)
    return true
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    this.nowMs = nowMs
    const { scheduler } = this
    if (scheduler.ready.length > 0 || scheduler.isHolding) return scheduler.dispatch(egress, nowMs)
    scheduler.isFresh = false
    return false
  }

  nextDeadlineMs(nowMs: number): number {
    return this.scheduler.nextDeadlineMs(nowMs)
  }

  /**
   * RFC 1122 §4.1.3.3: errors go to the user. Only about peers that were sent to, since anybody can
   * forge one; and an MTU, which counts for all who send there, only about a port of the last that
   * were: who is not on the path has to guess it, of a server's client (RFC 8085 §5.2).
   */
  processError(error: TransportError, _nowMs: number, report: IcmpReport): void {
    const { statistics } = this
    const { source, sourcePort, destination, destinationPort, interfaceIndex } = error
    const ends = [source, sourcePort, destination, destinationPort, interfaceIndex] as const
    const socket = this.ports.findSender(...ends)
    const isOurs =
      error.kind === 'mtu'
        ? socket?.flows.hasSent(source, destination, destinationPort)
        : socket?.flows.knows(destination)
    if (socket === null || !isOurs) {
      statistics.errorsUnrelated++
      return
    }
    statistics.errorsReceived++
    if (error.kind === 'mtu') {
      error.isProven = true
      // Others go in fragments from now on.
      if (socket.settings.fragmentation === 'never')
        socket.handler?.onTooBig?.(socket, error, report)
    } else {
      socket.handler?.onError?.(socket, error, report)
    }
  }

  noteLinkChange(): void {
    for (const socket of this.ports.values()) socket.flows.expireChosen()
  }

  // --- DatagramHost ------------------------------------------------------------------------------

  wake(socket: UdpSocket): void {
    this.scheduler.wake(socket)
  }

  forget(socket: UdpSocket): void {
    this.ports.remove(socket)
    if (socket.isAwaited) this.awaitedPorts.remove(socket.localPort)
  }

  // --- Groups ------------------------------------------------------------------------------------

  /**
   * Every socket of the port that listens to the group gets it; nobody is told when there is none
   * (RFC 1122 §3.2.2).
   */
  private processGroup(packet: IncomingPacket): boolean {
    const { header, ports } = this
    const { drops } = this.statistics
    let socket = ports.find(packet, header.sourcePort, header.destinationPort)
    if (socket === null) {
      drops.noSocket++
      return false
    }
    let isHeard = false
    for (; socket !== null; socket = ports.findNext(socket, packet, header.sourcePort)) {
      if (!socket.groups.hears(packet.destination, packet.source, packet.arrivalIndex)) continue
      socket.accept(packet, header)
      isHeard = true
    }
    if (!isHeard) drops.notJoined++
    return true
  }

  /** Gives what has been sent to a group to those here who listen to it. */
  private loopBack(
    sender: UdpSocket,
    entry: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
  ) {
    const { words, bytes } = queue
    const at = slot * queue.stride
    const { source, destination, interfaceIndex } = entry.flow
    const { hopLimit, trafficClass } = entry
    const datagram = {
      ...{ source, destination, interfaceIndex, sourcePort: sender.localPort, bytes },
      ...{ hopLimit, trafficClass },
      offset: words[at + PACKET_OFFSET]!,
      length: words[at + PACKET_LENGTH]!,
    }
    const arrivalIndex = interfaceIndex
    const packet = { ipVersion: source.version, source, destination, arrivalIndex }
    const { ports } = this
    let socket = ports.find(packet, sender.localPort, words[at + SENT_PORT]!)
    for (; socket !== null; socket = ports.findNext(socket, packet, sender.localPort)) {
      if (socket.groups.hears(destination, source, interfaceIndex)) socket.acceptLooped(datagram)
    }
  }

  // --- DatagramEmitter ---------------------------------------------------------------------------

  maximumPayload(entry: FlowEntry, socket: UdpSocket): number {
    return socket.maximumPayload(entry)
  }

  /**
   * One frame when the path carries it: the device copies the payload behind the headers, which
   * costs less than a descriptor of its own.
   */
  emit(
    socket: UdpSocket,
    entry: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    egress: Egress,
    nowMs: number,
  ): boolean {
    const { flow } = entry
    const { record } = flow
    const { words } = queue
    const at = slot * queue.stride
    if (words[at + SENT_SEGMENT_LENGTH] !== 0) {
      return this.emitSeries(socket, entry, queue, slot, egress, nowMs)
    }
    const length = words[at + PACKET_LENGTH]!
    const destinationPort = words[at + SENT_PORT]!
    record.copied = queue.bytes
    record.copiedOffset = words[at + PACKET_OFFSET]!
    record.copiedLength = length
    if (!this.prepare(socket, entry, destinationPort)) return false
    const isSent = isWhole(flow) ? egress.submit(flow) : egress.submitFragments(flow, nowMs)
    if (!isSent) return false
    this.noteSent(length)
    if (entry.isGroup && socket.settings.loopback) this.loopBack(socket, entry, queue, slot)
    return true
  }

  private emitSeries(
    socket: UdpSocket,
    entry: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    egress: Egress,
    nowMs: number,
  ): boolean {
    const { words } = queue
    const { flow } = entry
    const { segmentationOffload, loopback } = socket.settings
    const at = slot * queue.stride
    const segmentLength = words[at + SENT_SEGMENT_LENGTH]!
    const mayBeCut = segmentationOffload && !(entry.isGroup && loopback)
    if (mayBeCut && carries(flow, segmentLength)) {
      noteSentPort(entry, words[at + SENT_PORT]!)
      const sent = this.series.emit(socket.localPort, flow, queue, slot, nowMs)
      this.statistics.datagramsSent += Math.ceil(sent / segmentLength)
      this.statistics.bytesSent += sent
      if (words[at + PACKET_LENGTH] === 0) return true
      if (carries(flow, segmentLength)) return false
    }
    // Single ones, each with all that is done for those that were queued singly.
    let left = words[at + PACKET_LENGTH]!
    words[at + SENT_SEGMENT_LENGTH] = 0
    while (left > 0) {
      const length = Math.min(left, segmentLength)
      words[at + PACKET_LENGTH] = length
      if (!this.emit(socket, entry, queue, slot, egress, nowMs)) break
      words[at + PACKET_OFFSET]! += length
      left -= length
    }
    words[at + PACKET_LENGTH] = left
    words[at + SENT_SEGMENT_LENGTH] = segmentLength
    return left === 0
  }

  sendNow(socket: UdpSocket, entry: FlowEntry, destinationPort: number): boolean {
    const { flow } = entry
    if (!this.prepare(socket, entry, destinationPort)) return false
    if (!isWhole(flow) || !this.egress.submit(flow)) return false
    this.noteSent(flow.record.copiedLength)
    return true
  }

  private prepare(socket: UdpSocket, entry: FlowEntry, destinationPort: number): boolean {
    const { flow } = entry
    const { record, headerLength } = flow
    const length = record.copiedLength
    if (!this.egress.prepare(flow, UDP_HEADER_LENGTH, length, 0, this.nowMs)) return false
    noteSentPort(entry, destinationPort)
    const datagramLength = UDP_HEADER_LENGTH + length
    emitUdp(record.view, headerLength, socket.localPort, destinationPort, datagramLength)
    record.flowHash = flow.addressHash ^ (socket.localPort << 16) ^ destinationPort
    return true
  }

  private noteSent(length: number): void {
    this.statistics.datagramsSent++
    this.statistics.bytesSent += length
  }
}

/** After `prepare`, which may have learned another MTU. */
function isWhole(flow: Flow): boolean {
  return carries(flow, flow.record.copiedLength)
}

/** Datagrams with so much payload fit the path. */
function carries({ headerLength, pathMtu }: Flow, length: number): boolean {
  return headerLength + UDP_HEADER_LENGTH + length <= ETHERNET_HEADER_LENGTH + pathMtu
}
