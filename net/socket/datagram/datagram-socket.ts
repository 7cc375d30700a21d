/**
 * What sockets of UDP, ICMP and raw IP have in common: addresses, settings, groups, and a bounded
 * queue each way.
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import { ALL_SOURCES, NO_SOURCES, type SourceFilter } from '../../iface/source-filter.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import { type IpAddress, isUnspecified } from '../../wire/ip-address.ts'
import { IPV4_HEADER_LENGTH } from '../../wire/ipv4.ts'
import type { DatagramHost } from './datagram-host.ts'
import { DatagramSend } from './datagram-send.ts'
import { checkSettings, type DatagramSettings, DEFAULT_SETTINGS } from './datagram-settings.ts'
import { FlowCache, type FlowEntry } from './flow-cache.ts'
import { GroupFilters } from './group-filters.ts'
import { type LoopedDatagram, ReceiveQueue } from './receive-queue.ts'
import type { ReceivedDatagram } from './received-datagram.ts'
import { SendQueue } from './send-queue.ts'
import type { ScheduledSocket } from './socket-scheduler.ts'

/** A batch of frames from the device fits, whatever their sizes. */
export const QUEUE_BYTES = 131_072
export const QUEUE_DATAGRAMS = 256

/**
 * Looks at a datagram before it is queued, so that what nobody waits for takes no room from what
 * somebody does.
 */
export interface DatagramFilter {
  /**
   * `length` bytes from `start` of the packet's first fragment on, which may lie in further ones;
   * false = it is dropped, and counted by the filter.
   */
  wants(packet: IncomingPacket, start: number, length: number, sourcePort: number): boolean
}

export interface DatagramSocketOptions {
  /**
   * Null or absent: every local address of both families; 0.0.0.0 or ::, every one of that family.
   */
  address?: IpAddress | null
  /** The socket hears this peer only. */
  remoteAddress?: IpAddress
  /** The socket hears what comes by this interface only, and sends by it; any when absent. */
  interfaceIndex?: number
  settings?: Partial<DatagramSettings>
  /** Of each of the two queues; QUEUE_BYTES and QUEUE_DATAGRAMS, a power of two, when absent. */
  queueBytes?: number
  queueDatagrams?: number
  filter?: DatagramFilter
}

export abstract class DatagramSocket implements ScheduledSocket {
  readonly localAddress: IpAddress | null
  readonly remoteAddress: IpAddress | null
  /** NO_INTERFACE = it is bound to none. */
  readonly boundInterface: number
  /** Datagrams that found no room to wait in. */
  receiveDrops = 0
  /** Changed by configure. */
  settings: DatagramSettings = DEFAULT_SETTINGS
  /** For the protocol, as what follows. */
  isReady = false
  hasNews = false
  isWriteBlocked = false
  isClosed = false
  readonly sendQueue: SendQueue
  readonly flows: FlowCache
  readonly groups: GroupFilters
  protected readonly received: ReceiveQueue
  private readonly filter: DatagramFilter | null
  protected readonly host: DatagramHost<DatagramSocket>

  constructor(host: DatagramHost<DatagramSocket>, options: DatagramSocketOptions) {
    const { bulk, memory, egress, random, protocol } = host
    const { queueBytes = QUEUE_BYTES, queueDatagrams = QUEUE_DATAGRAMS } = options
    this.host = host
    this.localAddress = options.address ?? null
    this.remoteAddress = options.remoteAddress ?? null
    this.boundInterface = options.interfaceIndex ?? NO_INTERFACE
    this.filter = options.filter ?? null
    this.flows = new FlowCache(egress, protocol, random.nextInt32())
    this.groups = new GroupFilters(host.groups)
    this.received = new ReceiveQueue(bulk, memory, queueBytes, queueDatagrams)
    const { drops } = host.statistics
    this.sendQueue = new SendQueue(bulk, memory, queueBytes, queueDatagrams, drops)
    if (options.settings !== undefined) this.configure(options.settings)
  }

  abstract tellReadable(): void
  abstract tellWritable(): void

  /** Throws RangeError for a value out of range. */
  configure(settings: Partial<DatagramSettings>): void {
    checkSettings(settings)
    this.settings = { ...this.settings, ...settings }
    this.flows.configure(this.settings)
  }

  /**
   * Datagrams to the group from these sources are received from now on, whatever was wanted of it
   * before: by one interface, or by all. Throws RangeError when it is no group, or a limit is
   * reached.
   */
  joinGroup(
    group: IpAddress,
    filter: SourceFilter = ALL_SOURCES,
    interfaceIndex = this.boundInterface,
  ): void {
    if (!this.isClosed) this.groups.set(group, filter, this.host.nowMs, interfaceIndex)
  }

  leaveGroup(group: IpAddress, interfaceIndex = this.boundInterface): void {
    this.groups.set(group, NO_SOURCES, this.host.nowMs, interfaceIndex)
  }

  /** Datagrams that wait to be read. */
  receivedCount(): number {
    return this.received.count()
  }

  /** The oldest datagram, in a record that the next peek reuses; null when none waits. */
  peek(): ReceivedDatagram | null {
    return this.received.peek()
  }

  /** Gives up the oldest datagram. */
  consume(): void {
    this.received.consume()
  }

  /** No more datagrams in; those queued still go out. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.hasNews = false
    this.received.release()
    this.groups.leaveAll(this.host.nowMs)
    if (this.sendQueue.count() === 0) this.sendQueue.release()
    this.host.forget(this)
  }

  // --- For the protocol --------------------------------------------------------------------------

  /** Queues `length` bytes of a packet from `start` in its first fragment on. */
  acceptPacket(packet: IncomingPacket, start: number, length: number, sourcePort: number): void {
    const { filter } = this
    if (filter !== null && !filter.wants(packet, start, length, sourcePort)) return
    const { statistics } = this.host
    if (!this.received.accept(packet, start, length, sourcePort)) {
      this.receiveDrops++
      statistics.drops.receiveQueueFull++
      return
    }
    statistics.datagramsReceived++
    statistics.bytesReceived += length
    this.hasNews = true
    this.host.wake(this)
  }

  /** A datagram that a socket here sends to a group. */
  acceptLooped(datagram: LoopedDatagram): void {
    const { statistics } = this.host
    if (!this.received.acceptLooped(datagram)) {
      this.receiveDrops++
      statistics.drops.receiveQueueFull++
      return
    }
    statistics.datagramsReceived++
    statistics.bytesReceived += datagram.length
    this.hasNews = true
    this.host.wake(this)
  }

  // --- Sending -----------------------------------------------------------------------------------

  /**
   * IP payload of the largest packet that may go this way: what the path carries when nobody may
   * cut it, otherwise what the header can say, where IPv4 counts itself and IPv6 does not.
   */
  protected maximumPacketPayload({ flow }: FlowEntry): number {
    if (this.settings.fragmentation === 'never') {
      return flow.pathMtu + ETHERNET_HEADER_LENGTH - flow.headerLength
    }
    return flow.ipVersion === 4 ? 0xffff - IPV4_HEADER_LENGTH : 0xffff
  }

  /** The path to an address, or why there is none. */
  protected pathTo(address: IpAddress, interfaceIndex: number): FlowEntry | DatagramSend {
    if (this.isClosed) return DatagramSend.Closed
    const local = this.localAddress
    const bound = this.boundInterface
    // The zone of an address is another's than the one interface to send by.
    if (bound !== NO_INTERFACE && interfaceIndex !== bound) return DatagramSend.Unreachable
    if (local !== null && local.version !== address.version) return DatagramSend.Unreachable
    if (!this.settings.broadcast && this.host.groups.isBroadcast(address)) {
      return DatagramSend.NotPermitted
    }
    const source = local === null || isUnspecified(local) ? null : local
    const { nowMs } = this.host
    return this.flows.open(address, source, interfaceIndex, nowMs) ?? DatagramSend.Unreachable
  }

  /** Queues a copy of what is known to fit the path. */
  protected append(
    entry: FlowEntry,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    segmentLength = 0,
  ): DatagramSend {
    const { sendQueue } = this
    if (!sendQueue.isOpen && !sendQueue.open()) return DatagramSend.NoMemory
    if (sendQueue.append(entry, port, bytes, offset, length, segmentLength) < 0) {
      this.isWriteBlocked = true
      return DatagramSend.Full
    }
    this.host.wake(this)
    return DatagramSend.Queued
  }
}
