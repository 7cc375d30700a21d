/**
 * Asks hosts of one family for echoes and takes the time until they answer (RFC 792, RFC 4443 §4.1,
 * RFC 1122 §3.2.2.6).
 */
import { countNews, RETRY_INTERVAL_MS } from '../../iface/path-news.ts'
import type {
  Egress,
  Flow,
  IcmpReport,
  IncomingPacket,
  TransportError,
} from '../../iface/protocol-handler.ts'
import { addLengthToSum } from '../../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import {
  emitIcmp,
  ICMP_CHECKSUM_OFFSET,
  ICMP_HEADER_LENGTH,
  Icmpv4Type,
} from '../../wire/icmpv4.ts'
import { Icmpv6Type } from '../../wire/icmpv6.ts'
import { type IpAddress, isMulticast, isSameAddress } from '../../wire/ip-address.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import type { DatagramParts } from '../datagram/datagram-host.ts'
import { NetError } from '../net-error.ts'

/** Of both families each. */
export const MAX_PENDING_ECHOES = 256

export interface EchoRequest {
  readonly address: IpAddress
  /** Which it leaves by; by the best route when absent. */
  readonly interfaceIndex?: number
  readonly lengthBytes: number
  readonly hopLimit: number
  readonly timeoutMs: number
  /** Called once, whatever comes first. */
  readonly listener: EchoListener
}

export interface EchoListener {
  /**
   * `source` and `hopLimit` are those of the reply, which came by the interface of that number; the
   * address may be overwritten later.
   */
  onReply(source: IpAddress, arrivalIndex: number, roundTripMs: number, hopLimit: number): void
  onError(error: TransportError, report: IcmpReport): void
  /** Nothing came; `isUnreachable`: since the neighbor on the way does not answer. */
  onTimeout(isUnreachable: boolean): void
}

interface PendingEcho {
  readonly request: EchoRequest
  readonly flow: Flow
  /** Identifier and sequence number: by what replies and errors are told apart. */
  readonly key: number
  readonly deadlineMs: number
  /** On the stopwatch; negative before the request has left. */
  sentAtMs: number
}

export interface EchoCounters {
  sent: number
  replies: number
  errors: number
  timeouts: number
  /** Replies that nobody waits for, from elsewhere, or with other data. */
  unexpected: number
}

export function createEchoCounters(): EchoCounters {
  return { sent: 0, replies: 0, errors: 0, timeouts: 0, unexpected: 0 }
}

export class EchoClient {
  private readonly counters: EchoCounters
  private readonly parts: DatagramParts
  private readonly protocol: number
  /** Milliseconds with fractions, from any beginning: only differences count. */
  private readonly stopwatchMs: () => number
  private readonly pending = new Map<number, PendingEcho>()
  private unsent: PendingEcho[] = []
  /** A request was made since the last dispatch. */
  private isFresh = false
  /** The device has refused some of those that are unsent: the others wait for neighbors. */
  private isRefused = false
  /** What had been heard of neighbors when they were last tried, and until when that holds. */
  private triedNews = 0
  private retryMs = 0
  private readonly identifier: number
  private sequence: number
  /**
   * What requests carry, and a mask of all bits to compare replies with it; grown to the longest.
   */
  private data = new Uint8Array(0)
  private mask = new Uint8Array(0)

  constructor(
    parts: DatagramParts,
    protocol: number,
    counters: EchoCounters,
    stopwatchMs: () => number,
  ) {
    this.parts = parts
    this.counters = counters
    this.protocol = protocol
    this.stopwatchMs = stopwatchMs
    this.identifier = parts.random.nextInt32() & 0xffff
    this.sequence = parts.random.nextInt32() & 0xffff
  }

  /** Requests whose listener has not been called yet. */
  get pendingCount(): number {
    return this.pending.size
  }

  /** Throws NetError 'unreachable' or 'exhausted'. */
  start(request: EchoRequest, nowMs: number): void {
    const { address, interfaceIndex, lengthBytes, hopLimit, timeoutMs } = request
    if (this.pending.size === MAX_PENDING_ECHOES) {
      throw new NetError('exhausted', `Cannot ping: ${MAX_PENDING_ECHOES} answers are waited for`)
    }
    const fields = { hopLimit, trafficClass: 0, dontFragment: true }
    const flow = this.parts.egress.openFlow(
      ...([address, null, this.protocol, fields, interfaceIndex] as const),
    )
    if (flow === null) throw new NetError('unreachable', 'Cannot ping: no route')
    this.growData(lengthBytes)
    this.sequence = (this.sequence + 1) & 0xffff
    const key = (this.identifier << 16) | this.sequence
    const echo = { request, flow, key, deadlineMs: nowMs + timeoutMs, sentAtMs: -1 }
    this.pending.set(key, echo)
    this.unsent.push(echo)
    this.isFresh = true
    this.parts.egress.deadline.isUrgent = true
  }

  /**
   * Takes an ICMP message that the interface does not handle; false when it is no reply that is
   * waited for.
   */
  process(packet: IncomingPacket): boolean {
    const { transportOffset: offset, transportLength: length } = packet
    const { view, bytes } = packet.frame.fragments[0]!.buffer
    const isReply = view.getUint8(offset) === this.replyType() && view.getUint8(offset + 1) === 0
    if (!isReply) return false
    const echo = this.pending.get(view.getInt32(offset + 4))
    const dataLength = length - ICMP_HEADER_LENGTH
    if (
      echo === undefined ||
      echo.sentAtMs < 0 ||
      echo.request.lengthBytes !== dataLength ||
      echo.flow.interfaceIndex !== packet.interfaceIndex ||
      !this.isFrom(echo, packet.source) ||
      !this.hasOurData(packet, dataLength)
    ) {
      this.counters.unexpected++
      return false
    }
    const roundTripMs = this.stopwatchMs() - echo.sentAtMs
    this.pending.delete(echo.key)
    this.counters.replies++
    const network = packet.networkOffset
    const hopLimit = bytes[network + (packet.ipVersion === 4 ? 8 : 7)]!
    echo.request.listener.onReply(packet.source, packet.arrivalIndex, roundTripMs, hopLimit)
    return true
  }

  /** False when the error is about none of our requests. */
  processError(error: TransportError, report: IcmpReport): boolean {
    // Of a quoted ICMP message, identifier and sequence number lie where TCP has its sequence
    // number.
    const echo = this.pending.get(error.sequenceNumber)
    const isRequest = error.sourcePort === this.requestType() << 8
    if (echo === undefined || !isRequest || echo.sentAtMs < 0) return false
    if (!isSameAddress(echo.flow.destination, error.destination)) return false
    error.isProven = true
    this.pending.delete(echo.key)
    this.counters.errors++
    echo.request.listener.onError(error, report)
    return true
  }

  /**
   * Sends what has not been sent, and ends what has waited too long. True while requests wait for
   * the device.
   */
  dispatch(egress: Egress, nowMs: number): boolean {
    if (this.unsent.length > 0) this.sendUnsent(egress, nowMs)
    this.isFresh = false
    for (const echo of this.pending.values()) {
      const isUnreachable = echo.sentAtMs < 0 && egress.isUnreachable(echo.flow, nowMs)
      if (nowMs < echo.deadlineMs && !isUnreachable) continue
      this.pending.delete(echo.key)
      this.unsent = this.unsent.filter((other) => other !== echo)
      this.counters.timeouts++
      echo.request.listener.onTimeout(isUnreachable)
    }
    // Rare enough to be asked in each turn when the next one waits no longer.
    if (this.pending.size > 0) egress.deadline.isUrgent = true
    return this.isRefused && this.unsent.length > 0
  }

  /** Not in each turn, as long as nothing is heard of the neighbors that they wait for. */
  private sendUnsent(egress: Egress, nowMs: number): void {
    const news = countNews(egress.news)
    const isHeard = news !== this.triedNews || nowMs >= this.retryMs
    if (!isHeard && !this.isFresh && !this.isRefused) return
    this.triedNews = news
    this.retryMs = nowMs + RETRY_INTERVAL_MS
    this.unsent = this.unsent.filter((echo) => !this.send(echo, egress, nowMs))
    this.isRefused = this.unsent.some(({ flow }) => !flow.isResolving)
  }

  nextDeadlineMs(nowMs: number): number {
    let deadlineMs = Number.POSITIVE_INFINITY
    for (const echo of this.pending.values()) deadlineMs = Math.min(deadlineMs, echo.deadlineMs)
    return this.isFresh ? nowMs : deadlineMs
  }

  private send({ request, flow, key }: PendingEcho, egress: Egress, nowMs: number): boolean {
    const { lengthBytes } = request
    if (!egress.prepare(flow, ICMP_HEADER_LENGTH, lengthBytes, 0, nowMs)) return false
    const { record, headerLength } = flow
    const { bulk } = this.parts
    emitIcmp(record.view, headerLength, { type: this.requestType(), code: 0, rest: key })
    const seed =
      flow.ipVersion === 4
        ? 0
        : addLengthToSum(flow.pseudoHeaderSum, ICMP_HEADER_LENGTH + lengthBytes)
    const headerSum = bulk.checksum(record.header, headerLength, ICMP_HEADER_LENGTH, seed)
    const sum = bulk.checksum(this.data, 0, lengthBytes, headerSum)
    record.view.setUint16(headerLength + ICMP_CHECKSUM_OFFSET, ~sum & 0xffff)
    record.copied = this.data
    record.copiedOffset = 0
    record.copiedLength = lengthBytes
    const length = headerLength + ICMP_HEADER_LENGTH + lengthBytes
    const isWhole = length <= ETHERNET_HEADER_LENGTH + flow.pathMtu
    if (!(isWhole ? egress.submit(flow) : egress.submitFragments(flow, nowMs))) return false
    const echo = this.pending.get(key)
    if (echo !== undefined) echo.sentAtMs = this.stopwatchMs()
    this.counters.sent++
    return true
  }

  /**
   * RFC 1122 §3.2.2.6 has a host answer from the address that was asked; of a group, any member
   * answers.
   */
  private isFrom({ flow }: PendingEcho, source: IpAddress): boolean {
    const { destination } = flow
    if (isSameAddress(destination, source)) return true
    return isMulticast(destination) || this.parts.groups.isBroadcast(destination)
  }

  /**
   * RFC 792: "The data received in the echo message must be returned in the echo reply message."
   */
  private hasOurData({ frame, transportOffset }: IncomingPacket, lengthBytes: number): boolean {
    const { bulk } = this.parts
    let start = transportOffset + ICMP_HEADER_LENGTH
    let done = 0
    for (let index = 0; done < lengthBytes; index++) {
      const { buffer, offset, length } = frame.fragments[index]!
      if (index > 0) start = offset
      const part = Math.max(0, Math.min(offset + length - start, lengthBytes - done))
      const expected = this.data.subarray(done, done + part)
      if (!bulk.matches(buffer.bytes, start, expected, this.mask, part)) return false
      done += part
    }
    return true
  }

  private growData(lengthBytes: number): void {
    if (lengthBytes <= this.data.length) return
    this.data = Uint8Array.from({ length: lengthBytes }, (_, index) => index & 0xff)
    this.mask = new Uint8Array(lengthBytes).fill(0xff)
  }

  private requestType(): number {
    return this.protocol === IpProtocol.Icmpv4 ? Icmpv4Type.Echo : Icmpv6Type.EchoRequest
  }

  private replyType(): number {
    return this.protocol === IpProtocol.Icmpv4 ? Icmpv4Type.EchoReply : Icmpv6Type.EchoReply
  }
}
