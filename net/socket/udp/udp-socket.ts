/** A UDP socket: datagrams in and out through bounded queues, events by callback (RFC 768, RFC 8085). */
import type { IncomingPacket, TransportError } from '../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { PACKET_LENGTH, PACKET_WORDS, PacketQueue } from '../../storage/packet-queue.ts'
import { type AddressRecord, type IpAddress, isUnspecified } from '../../wire/ip-address.ts'
import { UDP_HEADER_LENGTH, type UdpHeader } from '../../wire/udp.ts'
import type { FlowCache, FlowEntry } from './flow-cache.ts'
import { createReceivedDatagram, type ReceivedDatagram } from './received-datagram.ts'
import type { UdpStatistics } from './statistics.ts'

/** A batch of frames from the device fits, whatever their sizes. */
export const UDP_QUEUE_BYTES = 131_072
export const UDP_QUEUE_DATAGRAMS = 256
/** Of a received datagram: eight of addresses, then port, group flag and family. */
const RECEIVED_WORDS = 9
/** Of one to be sent: the remote port. */
const SENT_WORDS = 1
const TO_GROUP_BIT = 0x10000
const IPV6_BIT = 0x20000
const ETHERNET_HEADER_LENGTH = 14

/** What became of a datagram that was to be sent. */
export const UdpSend = {
  Queued: 0,
  /** The send queue is full: `onWritable` follows. */
  Full: 1,
  /** More than one packet on this path carries; there is no fragmentation. */
  TooLong: 2,
  /** No route, no usable source address, or no port to send to. */
  Unreachable: 3,
  Closed: 4,
} as const
export type UdpSend = (typeof UdpSend)[keyof typeof UdpSend]

export interface UdpSocketHandler {
  /** Datagrams wait in the receive queue; called again only for later ones. */
  onReadable(socket: UdpSocket): void
  /** After a send found the queue full: there is room again. */
  onWritable?(socket: UdpSocket): void
  /** ICMP reports an error about a datagram to a peer that this socket has sent to. */
  onError?(socket: UdpSocket, error: TransportError): void
}

export interface UdpSocketOptions {
  /** 0 or absent: chosen at random (RFC 6056). */
  port?: number
  /** Null or absent: every local address of both families; 0.0.0.0 or ::, every one of that family. */
  address?: IpAddress | null
  /** With both, the socket hears this peer only (RFC 1122 §4.1.3.5). */
  remoteAddress?: IpAddress
  remotePort?: number
  handler?: UdpSocketHandler | null
}

/** What a socket needs of its protocol. */
export interface UdpSocketHost {
  readonly bulk: BulkOperations
  readonly statistics: UdpStatistics
  /** Time of the last packet or dispatch. */
  readonly nowMs: number
  wake(socket: UdpSocket): void
  forget(socket: UdpSocket): void
}

export class UdpSocket {
  readonly localAddress: IpAddress | null
  readonly localPort: number
  readonly remoteAddress: IpAddress | null
  readonly remotePort: number
  handler: UdpSocketHandler | null
  /** Datagrams that found the receive queue full. */
  receiveDrops = 0
  /** Waits for its turn in dispatch. For UdpProtocol, as what follows. */
  isReady = false
  hasNews = false
  isWriteBlocked = false
  isClosed = false
  sendQueue: PacketQueue<FlowEntry> | null = null
  /** The next socket with the same local port. */
  nextSamePort: UdpSocket | null = null
  readonly flows: FlowCache
  private receiveQueue: PacketQueue<never> | null = null
  private readonly host: UdpSocketHost
  private readonly datagram = createReceivedDatagram()

  constructor(host: UdpSocketHost, flows: FlowCache, localPort: number, options: UdpSocketOptions) {
    this.host = host
    this.flows = flows
    this.localPort = localPort
    this.localAddress = options.address ?? null
    this.remoteAddress = options.remoteAddress ?? null
    this.remotePort = options.remotePort ?? 0
    this.handler = options.handler ?? null
  }

  // --- Receiving ------------------------------------------------------------------------------------------

  /** Datagrams that wait to be read. */
  receivedCount(): number {
    return this.receiveQueue === null ? 0 : this.receiveQueue.count
  }

  /** The oldest datagram, in a record that the next peek reuses; null when none waits. */
  peek(): ReceivedDatagram | null {
    const queue = this.receiveQueue
    if (queue === null || queue.count === 0) return null
    const { words, stride } = queue
    const record = queue.first() * stride
    const own = record + PACKET_WORDS
    const { datagram } = this
    const flags = words[own + 8]!
    datagram.bytes = queue.bytes
    datagram.offset = words[record]!
    datagram.length = words[record + PACKET_LENGTH]!
    datagram.sourcePort = flags & 0xffff
    datagram.toGroup = (flags & TO_GROUP_BIT) !== 0
    const version = (flags & IPV6_BIT) === 0 ? 4 : 6
    loadWords(datagram.source, version, words, own)
    loadWords(datagram.destination, version, words, own + 4)
    return datagram
  }

  /** Gives up the oldest datagram. */
  consume(): void {
    const queue = this.receiveQueue
    if (queue !== null && queue.count > 0) queue.release(queue.first())
  }

  /** For UdpProtocol: queues the payload of a packet, whose header is parsed already. */
  accept(packet: IncomingPacket, header: UdpHeader): void {
    const { bulk, statistics } = this.host
    let queue = this.receiveQueue
    if (queue === null) {
      queue = new PacketQueue(UDP_QUEUE_BYTES, UDP_QUEUE_DATAGRAMS, RECEIVED_WORDS)
      this.receiveQueue = queue
    }
    const length = header.length - UDP_HEADER_LENGTH
    const slot = queue.append(length)
    if (slot < 0) {
      this.receiveDrops++
      statistics.drops.receiveQueueFull++
      return
    }
    const { words, stride, bytes } = queue
    const record = slot * stride
    const own = record + PACKET_WORDS
    storeWords(packet.source, words, own)
    storeWords(packet.destination, words, own + 4)
    words[own + 8] =
      header.sourcePort |
      (packet.toGroup ? TO_GROUP_BIT : 0) |
      (packet.ipVersion === 6 ? IPV6_BIT : 0)
    if (length > 0) {
      const { fragments } = packet.frame
      let target = words[record]!
      let left = length
      let start = packet.transportOffset + UDP_HEADER_LENGTH
      for (let index = 0; left > 0; index++) {
        const fragment = fragments[index]!
        if (index > 0) start = fragment.offset
        let part = fragment.offset + fragment.length - start
        if (part > left) part = left
        if (part > 0) bulk.copy(bytes, target, fragment.buffer.bytes, start, part)
        target += part
        left -= part
      }
    }
    statistics.datagramsReceived++
    statistics.bytesReceived += length
    this.hasNews = true
    this.host.wake(this)
  }

  // --- Sending --------------------------------------------------------------------------------------------

  /** Queues a datagram for a peer. Throws RangeError for a port that is none; all else is in the result. */
  send(
    address: IpAddress,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): UdpSend {
    if (this.isClosed) return UdpSend.Closed
    if (!Number.isInteger(port) || port < 1 || port > 0xffff) {
      throw new RangeError(`Cannot send a datagram: port ${port} is none`)
    }
    const local = this.localAddress
    if (local !== null && local.version !== address.version) return UdpSend.Unreachable
    const source = local === null || isUnspecified(local) ? null : local
    const entry = this.flows.open(address, source, this.host.nowMs)
    return entry === null ? UdpSend.Unreachable : this.queue(entry, port, bytes, offset, length)
  }

  /**
   * Answers the datagram that peek shows, from the address it was sent to; allocates nothing for a known peer. False when the
   * send queue is full: `onWritable` follows. What can never be sent is dropped and counted, since it is the peer's doing.
   */
  reply(bytes: Uint8Array, offset: number, length: number): boolean {
    const { datagram } = this
    const { drops } = this.host.statistics
    if (datagram.sourcePort === 0 || this.isClosed) {
      drops.unreachable++
      return true
    }
    // A group's address is nobody's source: the interface chooses.
    const local = datagram.toGroup ? null : datagram.destination
    const entry = this.flows.open(datagram.source, local, this.host.nowMs)
    if (entry === null) {
      drops.unreachable++
      return true
    }
    const result = this.queue(entry, datagram.sourcePort, bytes, offset, length)
    if (result === UdpSend.TooLong) drops.tooLong++
    return result !== UdpSend.Full
  }

  /** No more datagrams in; those queued still go out. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.receiveQueue = null
    this.hasNews = false
    this.host.forget(this)
  }

  private queue(
    entry: FlowEntry,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): UdpSend {
    if (length > maximumPayload(entry)) return UdpSend.TooLong
    let queue = this.sendQueue
    if (queue === null) {
      queue = new PacketQueue(UDP_QUEUE_BYTES, UDP_QUEUE_DATAGRAMS, SENT_WORDS)
      this.sendQueue = queue
    }
    let slot = queue.append(length)
    while (slot < 0) {
      // What waits for a neighbour that may not exist must not keep the answers to others out.
      const oldest = queue.first()
      const waiting = oldest < 0 ? entry : queue.tags[oldest]!
      if (waiting.flow === entry.flow || !waiting.flow.isResolving) {
        this.isWriteBlocked = true
        return UdpSend.Full
      }
      queue.release(oldest)
      this.host.statistics.drops.unresolved++
      slot = queue.append(length)
    }
    const record = slot * queue.stride
    queue.words[record + PACKET_WORDS] = port
    queue.tags[slot] = entry
    if (length > 0) {
      this.host.bulk.copy(queue.bytes, queue.words[record]!, bytes, offset, length)
    }
    this.host.wake(this)
    return UdpSend.Queued
  }
}

function storeWords(address: IpAddress, words: Int32Array, at: number): void {
  words[at] = address.word0
  words[at + 1] = address.word1
  words[at + 2] = address.word2
  words[at + 3] = address.word3
}

function loadWords(record: AddressRecord, version: 4 | 6, words: Int32Array, at: number): void {
  record.version = version
  record.word0 = words[at]!
  record.word1 = words[at + 1]!
  record.word2 = words[at + 2]!
  record.word3 = words[at + 3]!
}

/** Payload of the largest datagram that goes out in one packet. */
export function maximumPayload({ flow }: FlowEntry): number {
  return flow.pathMtu - (flow.headerLength - ETHERNET_HEADER_LENGTH) - UDP_HEADER_LENGTH
}
