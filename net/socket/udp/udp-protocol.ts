/** UDP for one interface: gives datagrams to sockets, and sends what sockets have queued (RFC 768, RFC 1122 §4.1). */
import type {
  Egress,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import {
  PACKET_LENGTH,
  PACKET_OFFSET,
  PACKET_WORDS,
  type PacketQueue,
} from '../../storage/packet-queue.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import { createUdpHeader, emitUdp, parseUdp, UDP_HEADER_LENGTH } from '../../wire/udp.ts'
import { NetError } from '../net-error.ts'
import { FlowCache, type FlowEntry } from './flow-cache.ts'
import { PortTable } from './port-table.ts'
import { createUdpStatistics, type UdpStatistics } from './statistics.ts'
import { UdpSocket, type UdpSocketHost, type UdpSocketOptions } from './udp-socket.ts'

/** Unresolved neighbours that a socket's datagrams wait for at a time: each costs an attempt at every dispatch. */
const MAX_WAITING_FLOWS = 16

export interface UdpProtocolOptions {
  egress: Egress
  bulk: BulkOperations
  random: RandomSource
}

export class UdpProtocol implements ProtocolHandler, UdpSocketHost {
  readonly protocol = IpProtocol.Udp
  readonly statistics: UdpStatistics = createUdpStatistics()
  readonly bulk: BulkOperations
  nowMs = 0
  private readonly egress: Egress
  private readonly random: RandomSource
  private readonly ports = new PortTable()
  private readonly header = createUdpHeader()
  private ready: UdpSocket[] = []
  /** Emptied by dispatch and swapped with `ready`, so that neither is made anew. */
  private served: UdpSocket[] = []
  /** Something was queued that the dispatch under way does not see. */
  private isFresh = false
  /** The socket whose user is being told of datagrams: what it sends goes out right after. */
  private current: UdpSocket | null = null
  /** Counts dispatches of single sockets, to try each unresolved flow once in each. */
  private round = 0

  constructor(options: UdpProtocolOptions) {
    this.egress = options.egress
    this.bulk = options.bulk
    this.random = options.random
  }

  /** Opens a socket. Throws NetError 'address-in-use', or RangeError for a port that is none. */
  open(options: UdpSocketOptions): UdpSocket {
    const wanted = options.port ?? 0
    if (!Number.isInteger(wanted) || wanted < 0 || wanted > 0xffff) {
      throw new RangeError(`Cannot open a UDP socket: port ${wanted} is none`)
    }
    const port = wanted === 0 ? this.ports.chooseEphemeral(this.random) : wanted
    const flows = new FlowCache(this.egress, this.protocol, this.random.nextInt32())
    const socket = new UdpSocket(this, flows, port, options)
    if (port === 0 || !this.ports.add(socket)) {
      throw new NetError(
        'address-in-use',
        port === 0
          ? 'Cannot open a UDP socket: no free port'
          : `Cannot open a UDP socket: port ${port} is in use`,
      )
    }
    return socket
  }

  get socketCount(): number {
    return this.ports.size
  }

  /** A fresh record, open sockets included. */
  readStatistics(): UdpStatistics & { sockets: number } {
    return { sockets: this.ports.size, ...this.statistics, drops: { ...this.statistics.drops } }
  }

  // --- ProtocolHandler ------------------------------------------------------------------------------------

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
    this.isFresh = false
    const sockets = this.ready
    if (sockets.length === 0) return false
    this.ready = this.served
    let isBlocked = false
    for (let index = 0; index < sockets.length; index++) {
      const socket = sockets[index]!
      if (socket.hasNews) {
        socket.hasNews = false
        this.current = socket
        socket.handler?.onReadable(socket)
        this.current = null
      }
      socket.isReady = false
      if (this.transmit(socket, egress, nowMs)) {
        isBlocked = true
        this.file(socket)
      }
      const queue = socket.sendQueue
      if (queue === null || queue.count > 0) continue
      if (socket.isClosed) {
        socket.sendQueue = null
      } else if (socket.isWriteBlocked) {
        socket.isWriteBlocked = false
        // What is sent now has its turn in the next dispatch.
        socket.handler?.onWritable?.(socket)
      }
    }
    sockets.length = 0
    this.served = sockets
    return isBlocked || this.isFresh
  }

  nextDeadlineMs(nowMs: number): number {
    return this.isFresh ? nowMs : Number.POSITIVE_INFINITY
  }

  /** RFC 1122 §4.1.3.3: errors go to the user. Only about peers that were sent to, since anybody can forge one. */
  processError(error: TransportError): void {
    const { statistics } = this
    const { source, sourcePort, destination, destinationPort } = error
    const socket = this.ports.findSender(source, sourcePort, destination, destinationPort)
    if (socket === null || !socket.flows.knows(destination)) {
      statistics.errorsUnrelated++
      return
    }
    statistics.errorsReceived++
    if (error.kind === 'mtu') error.isProven = true
    else socket.handler?.onError?.(socket, error)
  }

  // --- UdpSocketHost --------------------------------------------------------------------------------------

  wake(socket: UdpSocket): void {
    if (socket === this.current) return
    this.isFresh = true
    if (!socket.isReady) this.file(socket)
  }

  forget(socket: UdpSocket): void {
    this.ports.remove(socket)
  }

  // --- Sending --------------------------------------------------------------------------------------------

  private file(socket: UdpSocket): void {
    socket.isReady = true
    this.ready.push(socket)
  }

  /** Sends what the device and the neighbours take. True while some datagrams wait for either. */
  private transmit(socket: UdpSocket, egress: Egress, nowMs: number): boolean {
    const queue = socket.sendQueue
    if (queue === null) return false
    const { drops } = this.statistics
    const round = ++this.round
    let waitingFlows = 0
    for (let slot = queue.first(); slot >= 0; slot = queue.next(slot)) {
      const entry = queue.tags[slot]!
      if (entry.waitedRound === round) continue
      if (this.emit(socket, entry, queue, slot, egress, nowMs)) {
        queue.release(slot)
        continue
      }
      if (!entry.flow.isResolving) return true
      if (egress.isUnreachable(entry.flow, nowMs)) {
        drops.unreachable++
        queue.release(slot)
      } else if (waitingFlows === MAX_WAITING_FLOWS) {
        drops.unresolved++
        queue.release(slot)
      } else {
        waitingFlows++
        entry.waitedRound = round
      }
    }
    return waitingFlows > 0
  }

  /** One frame, when the path carries it: the device copies the payload behind the headers, which costs less than a descriptor of its own. */
  private emit(
    socket: UdpSocket,
    { flow }: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    egress: Egress,
    nowMs: number,
  ): boolean {
    const { words } = queue
    const at = slot * queue.stride
    const length = words[at + PACKET_LENGTH]!
    if (!egress.prepare(flow, UDP_HEADER_LENGTH, length, 0, nowMs)) return false
    const { record, headerLength } = flow
    const destinationPort = words[at + PACKET_WORDS]!
    const datagramLength = UDP_HEADER_LENGTH + length
    emitUdp(record.view, headerLength, socket.localPort, destinationPort, datagramLength)
    record.copied = queue.bytes
    record.copiedOffset = words[at + PACKET_OFFSET]!
    record.copiedLength = length
    const isWhole = headerLength + datagramLength <= ETHERNET_HEADER_LENGTH + flow.pathMtu
    if (!(isWhole ? egress.submit(flow) : egress.submitFragments(flow, nowMs))) return false
    this.statistics.datagramsSent++
    this.statistics.bytesSent += length
    return true
  }
}
