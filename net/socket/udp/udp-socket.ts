/** A UDP socket: datagrams in and out through bounded queues, events by callback (RFC 768, RFC 8085). */
import type { IcmpReport, IncomingPacket, TransportError } from '../../iface/protocol-handler.ts'
import type { IpAddress } from '../../wire/ip-address.ts'
import { UDP_HEADER_LENGTH, type UdpHeader } from '../../wire/udp.ts'
import type { DatagramHost } from '../datagram/datagram-host.ts'
import { DatagramSend } from '../datagram/datagram-send.ts'
import { DatagramSocket, type DatagramSocketOptions } from '../datagram/datagram-socket.ts'
import type { FlowEntry } from '../datagram/flow-cache.ts'
import { seriesLength } from './datagram-series.ts'

export interface UdpSocketHandler {
  /** Datagrams wait in the receive queue; called again only for later ones. */
  onReadable(socket: UdpSocket): void
  /** After a send found the queue full: there is room again. */
  onWritable?(socket: UdpSocket): void
  /** ICMP reports that a datagram to a peer that this socket has sent to was not delivered. */
  onError?(socket: UdpSocket, error: TransportError, report: IcmpReport): void
  /** ICMP reports that a datagram was larger than the path carries, which is noted; only where nobody may cut it. */
  onTooBig?(socket: UdpSocket, error: TransportError, report: IcmpReport): void
}

export interface UdpSocketOptions extends DatagramSocketOptions {
  /** 0 or absent: chosen at random (RFC 6056). */
  port?: number
  /** With remoteAddress: the socket hears this port of the peer only (RFC 1122 §4.1.3.5). */
  remotePort?: number
  handler?: UdpSocketHandler | null
  /**
   * Other sockets that say so may have the same port and addresses: datagrams to groups reach all of them, others the first whose
   * addresses fit closest.
   */
  isShared?: boolean
}

export class UdpSocket extends DatagramSocket {
  readonly localPort: number
  readonly remotePort: number
  readonly isShared: boolean
  handler: UdpSocketHandler | null
  /** The next socket with the same local port. For PortTable. */
  nextSamePort: UdpSocket | null = null

  constructor(host: DatagramHost<UdpSocket>, localPort: number, options: UdpSocketOptions) {
    super(host, options)
    this.localPort = localPort
    this.remotePort = options.remotePort ?? 0
    this.handler = options.handler ?? null
    this.isShared = options.isShared ?? false
  }

  tellReadable(): void {
    this.handler?.onReadable(this)
  }

  tellWritable(): void {
    this.handler?.onWritable?.(this)
  }

  /** For UdpProtocol: queues the payload of a packet, whose header is parsed already. */
  accept(packet: IncomingPacket, header: UdpHeader): void {
    const start = packet.transportOffset + UDP_HEADER_LENGTH
    const length = header.length - UDP_HEADER_LENGTH
    const size = packet.frame.meta.segmentSize
    if (size === 0) {
      this.acceptPacket(packet, start, length, header.sourcePort)
      return
    }
    // Datagrams that a host has joined: they share all headers but the length.
    for (let offset = 0; offset < length; offset += size) {
      const part = Math.min(length - offset, size)
      this.acceptPacket(packet, start + offset, part, header.sourcePort)
    }
  }

  /** Queues a datagram for a peer. Throws RangeError for a port out of range; all else is in the result. */
  send(
    address: IpAddress,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): DatagramSend {
    checkPort(port)
    const path = this.pathTo(address)
    if (typeof path === 'number') return path
    return this.queue(path, port, bytes, offset, length)
  }

  /**
   * Queues datagrams of `segmentLength` bytes each, the last with what is left, all or none. `length` is at most what
   * `seriesLength` says. Throws RangeError for a port or a length out of range; all else is in the result.
   */
  sendSegmented(
    address: IpAddress,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    segmentLength: number,
  ): DatagramSend {
    if (seriesLength(length, segmentLength) !== length) {
      throw new RangeError(`Cannot send ${length} bytes in datagrams of ${segmentLength} at once`)
    }
    if (length <= segmentLength) return this.send(address, port, bytes, offset, length)
    checkPort(port)
    const path = this.pathTo(address)
    if (typeof path === 'number') return path
    if (segmentLength > this.maximumPayload(path)) return DatagramSend.TooLong
    return this.append(path, port, bytes, offset, length, segmentLength)
  }

  /**
   * Answers the datagram that peek shows, from the address it was sent to; allocates nothing for a known peer. False when the
   * send queue is full: `onWritable` follows. What can never be sent is dropped and counted, since it is the peer's doing.
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
    const path = this.flows.open(datagram.source, local, this.host.nowMs)
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
