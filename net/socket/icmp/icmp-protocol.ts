/**
 * ICMP of one family for users: echo requests of this host, and sockets for what the interface does
 * not handle itself.
 */
import type {
  Egress,
  IcmpReport,
  IncomingPacket,
  ProtocolHandler,
  TransportError,
} from '../../iface/protocol-handler.ts'
import { addLengthToSum } from '../../wire/checksum.ts'
import { ICMP_CHECKSUM_OFFSET, ICMP_HEADER_LENGTH } from '../../wire/icmpv4.ts'
import { IpProtocol } from '../../wire/ipv4.ts'
import type { DatagramParts, DatagramStatistics } from '../datagram/datagram-host.ts'
import { RawProtocol } from '../raw/raw-protocol.ts'
import { EchoClient, type EchoCounters } from './echo-client.ts'

export interface IcmpProtocolOptions {
  readonly parts: DatagramParts
  /** That of ICMP or of ICMPv6. */
  readonly protocol: number
  readonly echo: EchoCounters
  readonly raw: DatagramStatistics
  readonly stopwatchMs: () => number
  /** Called when nobody waits for an echo and there is no socket. */
  readonly onUnused: () => void
}

export class IcmpProtocol implements ProtocolHandler {
  readonly protocol: number
  readonly echo: EchoClient
  /** Their messages get their checksum here, which RFC 3542 §3.1 asks for with ICMPv6. */
  readonly sockets: RawProtocol
  private readonly onUnused: () => void

  constructor(options: IcmpProtocolOptions) {
    const { parts, protocol, echo, raw, stopwatchMs, onUnused } = options
    const { bulk } = parts
    this.protocol = protocol
    this.onUnused = onUnused
    this.echo = new EchoClient(parts, protocol, echo, stopwatchMs)
    this.sockets = new RawProtocol(parts, protocol, raw, () => {}, {
      minimumLength: ICMP_HEADER_LENGTH,
      complete({ flow }, bytes, offset, length) {
        const isIcmpv4 = protocol === IpProtocol.Icmpv4
        const seed = isIcmpv4 ? 0 : addLengthToSum(flow.pseudoHeaderSum, length)
        const place = offset + ICMP_CHECKSUM_OFFSET
        bytes[place] = 0
        bytes[place + 1] = 0
        const sum = bulk.checksum(bytes, offset, length, seed)
        bytes[place] = ~sum >> 8
        bytes[place + 1] = ~sum
      },
    })
  }

  process(packet: IncomingPacket, nowMs: number): boolean {
    return this.echo.process(packet) || this.sockets.process(packet, nowMs)
  }

  dispatch(egress: Egress, nowMs: number): boolean {
    const echoWaits = this.echo.dispatch(egress, nowMs)
    const socketsWait = this.sockets.dispatch(egress, nowMs)
    if (this.echo.pendingCount === 0 && this.sockets.isUnused()) this.onUnused()
    return echoWaits || socketsWait
  }

  noteLinkChange(): void {
    this.sockets.noteLinkChange()
  }

  nextDeadlineMs(nowMs: number): number {
    return Math.min(this.echo.nextDeadlineMs(nowMs), this.sockets.nextDeadlineMs(nowMs))
  }

  processError(error: TransportError, nowMs: number, report: IcmpReport): void {
    if (!this.echo.processError(error, report)) this.sockets.processError(error, nowMs, report)
  }
}
