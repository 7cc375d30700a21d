/**
 * A UDP socket: datagrams in and out through bounded queues, events by callback (RFC 768, RFC
 * 8085).
 */
import type { IcmpReport, IncomingPacket, TransportError } from '../../iface/protocol-handler.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { UDP_HEADER_LENGTH, type UdpHeader } from '../../wire/udp.ts'
import type { DatagramHost } from '../datagram/datagram-host.ts'
import { DatagramSend } from '../datagram/datagram-send.ts'
import type { DatagramSettings } from '../datagram/datagram-settings.ts'
import { DatagramSocket, type DatagramSocketOptions } from '../datagram/datagram-socket.ts'
import type { FlowEntry } from '../datagram/flow-cache.ts'
import { seriesLength } from './datagram-series.ts'

export interface UdpSocketHandler {
  /**
   * Offers the datagram that has just come, where the device has put it and as long as none waits
   * before it; true = it is dealt with. Else it goes to the receive queue, and onReadable follows.
   * The bytes stay there only during the call, and the device may still change them: whoever
   * decides by them copies them first. Nothing but `answer` may be asked of the socket meanwhile.
   */
  offerDatagram?(socket: UdpSocket, offered: OfferedDatagram): boolean
  /** Datagrams wait in the receive queue; called again only for later ones. */
  onReadable(socket: UdpSocket): void
  /** After a send found the queue full: there is room again. */
  onWritable?(socket: UdpSocket): void
  /** ICMP reports that a datagram to a peer that this socket has sent to was not delivered. */
  onError?(socket: UdpSocket, error: TransportError, report: IcmpReport): void
  /**
   * ICMP reports that a datagram was larger than the path carries, which is noted; only where
   * nobody may cut it.
   */
  onTooBig?(socket: UdpSocket, error: TransportError, report: IcmpReport): void
}

/** One record, reused for each. */
export interface OfferedDatagram {
  bytes: Uint8Array
  offset: number
  length: number
  sourcePort: number
  toGroup: boolean
}

/** What a socket asks of UDP beyond what datagram sockets of all protocols do. */
export interface UdpHost extends DatagramHost<UdpSocket> {
  readonly offered: OfferedDatagram
  /**
   * Sends to the port what the record of the entry's flow names as copied bytes, in one frame, if
   * that can be now.
   */
  sendNow(socket: UdpSocket, entry: FlowEntry, destinationPort: number): boolean
}

export interface UdpSocketOptions extends DatagramSocketOptions {
  /** 0 or absent: chosen at random (RFC 6056). */
  port?: number
  /** With remoteAddress: the socket hears this port of the peer only (RFC 1122 §4.1.3.5). */
  remotePort?: number
  handler?: UdpSocketHandler | null
  /**
   * Other sockets that say so may have the same port and addresses: datagrams to groups reach all
   * of them, others the first whose addresses fit closest.
   */
  isShared?: boolean
  /** The stack itself waits for an answer there, which a flood is not to displace. */
  isAwaited?: boolean
}

/** Whom datagrams go to, and by which interface if that is said. */
export interface DatagramPeer {
  readonly address: IpAddress
  readonly port: number
  readonly interfaceIndex?: number | undefined
}

export class UdpSocket extends DatagramSocket {
  readonly localPort: number
  readonly remotePort: number
  readonly isShared: boolean
  readonly isAwaited: boolean
  handler: UdpSocketHandler | null
  /** The next socket with the same local port. For PortTable. */
  nextSamePort: UdpSocket | null = null
  private readonly udp: UdpHost
  /** The packet that its user is being offered, and the path of the last answer to one. */
  private offeredPacket: IncomingPacket | null = null
  private answered: FlowEntry | null = null

  constructor(host: UdpHost, localPort: number, options: UdpSocketOptions) {
    super(host, options)
    this.udp = host
    this.localPort = localPort
    this.remotePort = options.remotePort ?? 0
    this.handler = options.handler ?? null
    this.isShared = options.isShared ?? false
    this.isAwaited = options.isAwaited ?? false
  }

  /** The path of the last answer has the settings of before: the next one opens its own. */
  override configure(settings: Partial<DatagramSettings>): void {
    super.configure(settings)
    this.answered = null
  }

  tellReadable(): void {
    this.handler?.onReadable(this)
  }

  tellWritable(): void {
    this.handler?.onWritable?.(this)
  }

  /**
   * For UdpProtocol: gives its user the payload of a packet, whose header is parsed already, or
   * queues it.
   */
  accept(packet: IncomingPacket, header: UdpHeader): void {
    const start = packet.transportOffset + UDP_HEADER_LENGTH
    const length = header.length - UDP_HEADER_LENGTH
    if (packet.frame.meta.segmentSize !== 0) {
      this.acceptSeries(packet, start, length, header.sourcePort)
      return
    }
    const handler = this.handler
    if (handler?.offerDatagram !== undefined && packet.frame.fragmentCount === 1) {
      if (this.received.count() === 0 && this.offer(handler, packet, start, header)) {
        const { statistics } = this.udp
        statistics.datagramsReceived++
        statistics.bytesReceived += length
        return
      }
    }
    this.acceptPacket(packet, start, length, header.sourcePort)
  }

  /** Datagrams that a host has joined: they share all headers but the length. */
  private acceptSeries(
    packet: IncomingPacket,
    start: number,
    length: number,
    sourcePort: number,
  ): void {
    const size = packet.frame.meta.segmentSize
    for (let offset = 0; offset < length; offset += size) {
      const part = Math.min(length - offset, size)
      this.acceptPacket(packet, start + offset, part, sourcePort)
    }
  }

  private offer(
    handler: UdpSocketHandler,
    packet: IncomingPacket,
    start: number,
    header: UdpHeader,
  ): boolean {
    const { offered } = this.udp
    offered.bytes = packet.frame.fragments[0]!.buffer.bytes
    offered.offset = start
    offered.length = header.length - UDP_HEADER_LENGTH
    offered.sourcePort = header.sourcePort
    offered.toGroup = packet.toGroup
    this.offeredPacket = packet
    const isTaken = handler.offerDatagram!(this, offered)
    this.offeredPacket = null
    return isTaken
  }

  /**
   * Answers the datagram that is being offered, from the address it was sent to. False when the
   * answer cannot leave at once, so that the datagram is to be queued and answered later. What can
   * never be sent is dropped and counted.
   */
  answer(bytes: Uint8Array, offset: number, length: number): boolean {
    const packet = this.offeredPacket
    // Behind what waits already.
    if (packet === null || this.sendQueue.count() > 0) return false
    const { udp } = this
    const { nowMs } = udp
    let entry = this.answered
    // As long as what was found to the flow stays there, so do the addresses.
    if (
      entry === null ||
      packet.connection !== entry ||
      nowMs >= entry.expiresMs ||
      entry.flow.isSourceLost
    ) {
      const local = packet.toGroup ? null : packet.destination
      entry = this.flows.open(packet.source, local, packet.arrivalIndex, nowMs)
      if (entry === null) {
        udp.statistics.drops.unreachable++
        return true
      }
      this.answered = entry
      packet.connection = entry
    }
    const { record } = entry.flow
    record.copied = bytes
    record.copiedOffset = offset
    record.copiedLength = length
    return udp.sendNow(this, entry, udp.offered.sourcePort)
  }

  /**
   * Queues a datagram for a peer, by the best route unless an interface is named. Throws RangeError
   * for a port out of range; all else is in the result.
   */
  send(
    address: IpAddress,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    interfaceIndex = this.boundInterface,
  ): DatagramSend {
    checkPort(port)
    const path = this.pathTo(address, interfaceIndex)
    if (typeof path === 'number') return path
    return this.queue(path, port, bytes, offset, length)
  }

  /**
   * Queues datagrams of `segmentLength` bytes each, the last with what is left, all or none.
   * `length` is at most what `seriesLength` says. Throws RangeError for a port or a length out of
   * range; all else is in the result.
   */
  sendSegmented(
    { address, port, interfaceIndex = this.boundInterface }: DatagramPeer,
    bytes: Uint8Array,
    offset: number,
    length: number,
    segmentLength: number,
  ): DatagramSend {
    if (seriesLength(length, segmentLength) !== length) {
      throw new RangeError(`Cannot send ${length} bytes in datagrams of ${segmentLength} at once`)
    }
    if (length <= segmentLength) {
      return this.send(address, port, bytes, offset, length, interfaceIndex)
    }
    checkPort(port)
    const path = this.pathTo(address, interfaceIndex)
    if (typeof path === 'number') return path
    if (segmentLength > this.maximumPayload(path)) return DatagramSend.TooLong
    return this.append(path, port, bytes, offset, length, segmentLength)
  }

  /**
   * Answers the datagram that peek shows, from the address it was sent to; allocates nothing for a
   * known peer. False when the send queue is full: `onWritable` follows. What can never be sent is
   * dropped and counted, since it is the peer's doing.
   */
  reply(bytes: Uint8Array, offset: number, length: number): boolean {
    const datagram = this.received.peeked()
    const { drops } = this.host.statistics
    if (datagram.sourcePort === 0 || this.isClosed) {
      drops.unreachable++
      return true
    }
    // A group's address is nobody's source: the interface chooses.
    const local = datagram.toGroup ? null : datagram.destination
    const path = this.flows.open(
      ...([datagram.source, local, datagram.interfaceIndex, this.host.nowMs] as const),
    )
    if (path === null) {
      drops.unreachable++
      return true
    }
    const result = this.queue(path, datagram.sourcePort, bytes, offset, length)
    if (result === DatagramSend.TooLong) drops.tooLong++
    else if (result === DatagramSend.NoMemory) drops.noMemory++
    return result !== DatagramSend.Full
  }

  /** Payload of the largest datagram that may go this way. */
  maximumPayload(path: FlowEntry): number {
    return this.maximumPacketPayload(path) - UDP_HEADER_LENGTH
  }

  private queue(
    path: FlowEntry,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): DatagramSend {
    if (length > this.maximumPayload(path)) return DatagramSend.TooLong
    return this.append(path, port, bytes, offset, length)
  }
}

function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 0xffff) return
  throw new RangeError(`Cannot send a datagram: port must be 1 to 65535, not ${port}`)
}
