/**
 * Received datagrams of one socket, bounded by bytes and by number, with what their headers say of
 * them.
 */
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import { copyReceived } from '../../phy/gather.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { PACKET_LENGTH, PACKET_WORDS, PacketQueue } from '../../storage/packet-queue.ts'
import type { AddressRecord, IpAddress } from '../../wire/ip-address.ts'
import type { QueueMemory } from './queue-memory.ts'
import { createReceivedDatagram, type ReceivedDatagram } from './received-datagram.ts'

/**
 * Of a received datagram: eight of addresses, then port and flags, then traffic class and hop
 * limit.
 */
const RECEIVED_WORDS = 10
const TO_GROUP_BIT = 0x10000
const IPV6_BIT = 0x20000
/** Above them lies the number of the interface. */
const INTERFACE_SHIFT = 18

/** A datagram that the stack itself sends to a group that sockets here listen to. */
export interface LoopedDatagram {
  readonly source: IpAddress
  readonly sourcePort: number
  readonly destination: IpAddress
  readonly interfaceIndex: number
  readonly hopLimit: number
  readonly trafficClass: number
  readonly bytes: Uint8Array
  readonly offset: number
  readonly length: number
}

export class ReceiveQueue {
  private queue: PacketQueue<never> | null = null
  private readonly bulk: BulkOperations
  private readonly memory: QueueMemory
  private readonly capacityBytes: number
  private readonly capacityDatagrams: number
  private readonly datagram = createReceivedDatagram()

  /** `capacityDatagrams` is a power of two. */
  constructor(
    bulk: BulkOperations,
    memory: QueueMemory,
    capacityBytes: number,
    capacityDatagrams: number,
  ) {
    this.bulk = bulk
    this.memory = memory
    this.capacityBytes = capacityBytes
    this.capacityDatagrams = capacityDatagrams
  }

  /** Datagrams that wait to be read. */
  count(): number {
    return this.queue === null ? 0 : this.queue.count
  }

  /** The oldest datagram, in a record that the next peek reuses; null when none waits. */
  peek(): ReceivedDatagram | null {
    const queue = this.queue
    if (queue === null || queue.count === 0) return null
    const { words, stride } = queue
    const record = queue.first() * stride
    const own = record + PACKET_WORDS
    const { datagram } = this
    const flags = words[own + 8]!
    const classAndHops = words[own + 9]!
    datagram.bytes = queue.bytes
    datagram.offset = words[record]!
    datagram.length = words[record + PACKET_LENGTH]!
    datagram.sourcePort = flags & 0xffff
    datagram.interfaceIndex = flags >>> INTERFACE_SHIFT
    datagram.toGroup = (flags & TO_GROUP_BIT) !== 0
    datagram.hopLimit = classAndHops & 0xff
    datagram.trafficClass = classAndHops >> 8
    const version = (flags & IPV6_BIT) === 0 ? 4 : 6
    loadWords(datagram.source, version, words, own)
    loadWords(datagram.destination, version, words, own + 4)
    return datagram
  }

  /** The record that the last peek filled. */
  peeked(): ReceivedDatagram {
    return this.datagram
  }

  /** Gives up the oldest datagram. */
  consume(): void {
    const queue = this.queue
    if (queue === null || queue.count === 0) return
    queue.release(queue.first())
    if (queue.count === 0 && this.memory.isShort()) this.release()
  }

  /**
   * Queues `length` bytes of a packet from `start` in its first fragment on; false when there is no
   * room.
   */
  accept(packet: IncomingPacket, start: number, length: number, sourcePort: number): boolean {
    const queue = this.queue ?? this.open()
    if (queue === null) return false
    const slot = queue.append(length)
    if (slot < 0) return false
    const { words, stride, bytes } = queue
    const record = slot * stride
    const own = record + PACKET_WORDS
    const headers = packet.frame.fragments[0]!.buffer.bytes
    const network = packet.networkOffset
    storeWords(packet.source, words, own)
    storeWords(packet.destination, words, own + 4)
    let flags = sourcePort | (packet.arrivalIndex << INTERFACE_SHIFT)
    if (packet.toGroup) flags |= TO_GROUP_BIT
    // Read here, from the header as it came: what others need not know costs them nothing.
    if (packet.ipVersion === 6) {
      flags |= IPV6_BIT
      const trafficClass = ((headers[network]! & 15) << 4) | (headers[network + 1]! >> 4)
      words[own + 9] = (trafficClass << 8) | headers[network + 7]!
    } else {
      words[own + 9] = (headers[network + 1]! << 8) | headers[network + 8]!
    }
    words[own + 8] = flags
    copyReceived(packet.frame, start, length, bytes, words[record]!, this.bulk)
    return true
  }

  /** As accept, of a datagram that does not come from the link. */
  acceptLooped(looped: LoopedDatagram): boolean {
    const queue = this.queue ?? this.open()
    if (queue === null) return false
    const slot = queue.append(looped.length)
    if (slot < 0) return false
    const { words, stride, bytes } = queue
    const own = slot * stride + PACKET_WORDS
    storeWords(looped.source, words, own)
    storeWords(looped.destination, words, own + 4)
    const familyBit = looped.source.version === 6 ? IPV6_BIT : 0
    const flags = looped.sourcePort | TO_GROUP_BIT | familyBit
    words[own + 8] = flags | (looped.interfaceIndex << INTERFACE_SHIFT)
    words[own + 9] = (looped.trafficClass << 8) | looped.hopLimit
    if (looped.length > 0) {
      this.bulk.copy(bytes, words[slot * stride]!, looped.bytes, looped.offset, looped.length)
    }
    return true
  }

  /** Gives back the memory, and what waits in it. */
  release(): void {
    if (this.queue === null) return
    this.queue = null
    this.memory.give(this.capacityBytes)
  }

  private open(): PacketQueue<never> | null {
    if (!this.memory.take(this.capacityBytes)) return null
    this.queue = new PacketQueue(this.capacityBytes, this.capacityDatagrams, RECEIVED_WORDS)
    return this.queue
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
