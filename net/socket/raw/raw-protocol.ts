/**
 * One IP protocol for raw sockets: gives each packet to every socket that wants it, and sends what
 * they have queued.
 */
import type {
  Egress,
  IcmpReport,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import { PACKET_LENGTH, PACKET_OFFSET, type PacketQueue } from '../../storage/packet-queue.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import type { DatagramParts, DatagramStatistics } from '../datagram/datagram-host.ts'
import type { FlowEntry } from '../datagram/flow-cache.ts'
import type { DatagramEmitter } from '../datagram/send-queue.ts'
import { SocketScheduler } from '../datagram/socket-scheduler.ts'
import { NetError } from '../net-error.ts'
import { RawSocket, type RawSocketHost, type RawSocketOptions } from './raw-socket.ts'

/** Of one protocol: each gets a copy of what it wants. */
export const MAX_RAW_SOCKETS = 16

/** What a protocol needs done to the payloads of its users. */
export type PayloadRules = Pick<RawSocketHost, 'minimumLength' | 'complete'>

const NO_RULES: PayloadRules = { minimumLength: 0, complete: () => {} }

export class RawProtocol implements ProtocolHandler, RawSocketHost, DatagramEmitter<RawSocket> {
  readonly protocol: number
  readonly statistics: DatagramStatistics
  readonly egress: DatagramParts['egress']
  readonly bulk: DatagramParts['bulk']
  readonly random: DatagramParts['random']
  readonly groups: DatagramParts['groups']
  readonly memory: DatagramParts['memory']
  readonly minimumLength: number
  readonly complete: RawSocketHost['complete']
  nowMs = 0
  private readonly sockets: RawSocket[] = []
  private readonly scheduler: SocketScheduler<RawSocket>
  private readonly onUnused: () => void

  /** `onUnused` is called when the last socket is closed. */
  constructor(
    parts: DatagramParts,
    protocol: number,
    statistics: DatagramStatistics,
    onUnused: () => void,
    rules: PayloadRules = NO_RULES,
  ) {
    this.protocol = protocol
    this.egress = parts.egress
    this.scheduler = new SocketScheduler<RawSocket>(this, parts.egress.deadline)
    this.bulk = parts.bulk
    this.random = parts.random
    this.groups = parts.groups
    this.memory = parts.memory
    this.onUnused = onUnused
    this.minimumLength = rules.minimumLength
    this.complete = rules.complete
    this.statistics = statistics
  }

  /** Throws NetError 'exhausted'. */
  open(options: RawSocketOptions, nowMs: number): RawSocket {
    this.nowMs = nowMs
    if (this.sockets.length === MAX_RAW_SOCKETS) {
      throw new NetError(
        'exhausted',
        `Cannot open a raw socket: protocol ${this.protocol} has ${MAX_RAW_SOCKETS}`,
      )
    }
    const socket = new RawSocket(this, options)
    this.sockets.push(socket)
    return socket
  }

  /** What a socket had queued when it was closed still goes out. */
  isUnused(): boolean {
    const { ready, isHolding } = this.scheduler
    return this.sockets.length === 0 && ready.length === 0 && !isHolding
  }

  // --- ProtocolHandler ---------------------------------------------------------------------------

  process(packet: IncomingPacket, nowMs: number): boolean {
    this.nowMs = nowMs
    let isWanted = false
    const { sockets } = this
    for (let index = 0; index < sockets.length; index++) {
      const socket = sockets[index]!
      if (!socket.wants(packet)) continue
      isWanted = true
      socket.acceptPacket(packet, packet.transportOffset, packet.transportLength, 0)
    }
    if (!isWanted) this.statistics.drops.noSocket++
    return isWanted
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    this.nowMs = nowMs
    const isUnfinished = this.scheduler.dispatch(egress, nowMs)
    if (this.isUnused()) this.onUnused()
    return isUnfinished
  }

  nextDeadlineMs(nowMs: number): number {
    return this.scheduler.nextDeadlineMs(nowMs)
  }

  /** Only about peers that were sent to, since anybody can forge one. */
  processError(error: TransportError, _nowMs: number, report: IcmpReport): void {
    const { statistics } = this
    const { destination } = error
    let isRelated = false
    for (const socket of [...this.sockets]) {
      if (!socket.flows.knows(destination)) continue
      isRelated = true
      socket.handler?.onError?.(socket, error, report)
    }
    if (isRelated) statistics.errorsReceived++
    else statistics.errorsUnrelated++
  }

  noteLinkChange(): void {
    for (const socket of this.sockets) socket.flows.expireChosen()
  }

  // --- RawSocketHost -----------------------------------------------------------------------------

  wake(socket: RawSocket): void {
    this.scheduler.wake(socket)
  }

  forget(socket: RawSocket): void {
    const index = this.sockets.indexOf(socket)
    if (index >= 0) this.sockets.splice(index, 1)
    this.scheduler.requestTurn()
  }

  // --- DatagramEmitter ---------------------------------------------------------------------------

  maximumPayload(entry: FlowEntry, socket: RawSocket): number {
    return socket.maximumPayload(entry)
  }

  emit(
    _socket: RawSocket,
    { flow }: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    egress: Egress,
    nowMs: number,
  ): boolean {
    const at = slot * queue.stride
    const length = queue.words[at + PACKET_LENGTH]!
    if (!egress.prepare(flow, 0, length, 0, nowMs)) return false
    const { record } = flow
    record.copied = queue.bytes
    record.copiedOffset = queue.words[at + PACKET_OFFSET]!
    record.copiedLength = length
    const isWhole = flow.headerLength + length <= ETHERNET_HEADER_LENGTH + flow.pathMtu
    if (!(isWhole ? egress.submit(flow) : egress.submitFragments(flow, nowMs))) return false
    this.statistics.datagramsSent++
    this.statistics.bytesSent += length
    return true
  }
}
