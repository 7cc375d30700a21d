/** Checks incoming ICMP and ICMPv6 and hands each message to whom it concerns. */
import { sumReceivedFrame } from '../phy/frame-checksum.ts'
import { addLengthToSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { createIcmpHeader, Icmpv4Type, isIcmpv4Error, parseIcmp } from '../wire/icmpv4.ts'
import { Icmpv6Type, isIcmpv6Error } from '../wire/icmpv6.ts'
import { isUnspecified } from '../wire/ip-address.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import type { ControlSender } from './control-sender.ts'
import { EchoResponder } from './echo-responder.ts'
import { IcmpErrorReceiver } from './icmp-error-receiver.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { MulticastListener } from './multicast-listener.ts'
import type { NeighborDiscovery } from './neighbor-discovery.ts'
import type { ProtocolHandler } from './protocol-handler.ts'
import type { ReceivedPacket } from './received-packet.ts'

export class IcmpReceiver {
  private readonly parts: InterfaceParts
  private readonly handlers: readonly (ProtocolHandler | null)[]
  private readonly discovery: NeighborDiscovery
  private readonly listener: MulticastListener
  private readonly echo: EchoResponder
  private readonly errors: IcmpErrorReceiver
  private readonly header = createIcmpHeader()

  constructor(
    parts: InterfaceParts,
    sender: ControlSender,
    discovery: NeighborDiscovery,
    listener: MulticastListener,
    handlers: readonly (ProtocolHandler | null)[],
  ) {
    this.parts = parts
    this.handlers = handlers
    this.discovery = discovery
    this.listener = listener
    this.echo = new EchoResponder(parts, sender)
    this.errors = new IcmpErrorReceiver(parts, handlers, this.echo)
  }

  process(packet: ReceivedPacket, nowMs: number): void {
    const { counters } = this.parts
    const first = packet.frame.fragments[0]!
    const { transportOffset: offset, transportLength: length } = packet
    const contiguous = Math.min(first.offset + first.length - offset, length)
    if (!parseIcmp(first.buffer.view, offset, contiguous, this.header)) {
      counters.icmpMalformed++
      return
    }
    // Only echo has messages that are longer than one buffer, and errors, of whose quote the
    // beginning matters.
    if (contiguous < length && !isEchoOrError(this.header.type, packet.ipVersion)) {
      counters.icmpMalformed++
      return
    }
    if (!this.hasGoodChecksum(packet)) {
      counters.icmpBadChecksum++
      return
    }
    if (packet.ipVersion === 4) this.processIcmpv4(packet, nowMs)
    else this.processIcmpv6(packet, nowMs)
  }

  private processIcmpv4(packet: ReceivedPacket, nowMs: number): void {
    switch (this.header.type) {
      case Icmpv4Type.Echo:
        if (this.header.code === 0) this.echo.process(packet, nowMs)
        else this.parts.counters.icmpIgnored++
        return
      case Icmpv4Type.DestinationUnreachable:
      case Icmpv4Type.TimeExceeded:
      case Icmpv4Type.ParameterProblem:
        this.errors.process(packet, this.header, nowMs)
        return
      default:
        // Source Quench (RFC 6633), redirects and everything old: RFC 1122 §3.2.2 "silently
        // discarded".
        this.offer(packet, IpProtocol.Icmpv4, nowMs)
    }
  }

  private processIcmpv6(packet: ReceivedPacket, nowMs: number): void {
    const { type } = this.header
    if (type >= Icmpv6Type.RouterSolicitation && type <= Icmpv6Type.Redirect) {
      this.discovery.process(packet, nowMs)
    } else if (isUnspecified(packet.source)) {
      // Only duplicate detection has business with no source address.
      this.parts.counters.ipv6BadSource++
    } else if (type === Icmpv6Type.EchoRequest) {
      if (this.header.code === 0) this.echo.process(packet, nowMs)
      else this.parts.counters.icmpIgnored++
    } else if (type >= Icmpv6Type.DestinationUnreachable && type <= Icmpv6Type.ParameterProblem) {
      this.errors.process(packet, this.header, nowMs)
    } else if (isMulticastListenerMessage(type)) {
      this.listener.process(packet, type, nowMs)
    } else {
      this.offer(packet, IpProtocol.Icmpv6, nowMs)
    }
  }

  /** A socket may want what the interface does not, such as echo replies. */
  private offer(packet: ReceivedPacket, protocol: number, nowMs: number): void {
    const handler = this.handlers[protocol]
    if (handler?.process(packet, nowMs)) this.parts.counters.packetsDelivered++
    else this.parts.counters.icmpIgnored++
  }

  /** In software unless the field is only a seed: devices are not asked to verify ICMP. */
  private hasGoodChecksum(packet: ReceivedPacket): boolean {
    if (packet.frame.meta.checksumPartial) return true
    const { transportOffset: offset, transportLength: length } = packet
    let seed = 0
    if (packet.ipVersion === 6) {
      const sum = pseudoHeaderSum(packet.source, packet.destination, IpProtocol.Icmpv6)
      seed = addLengthToSum(sum, length)
    }
    return sumReceivedFrame(packet.frame, offset, length, this.parts.bulk, seed) === 0xffff
  }
}

function isEchoOrError(type: number, ipVersion: 4 | 6): boolean {
  return ipVersion === 4
    ? type === Icmpv4Type.Echo || type === Icmpv4Type.EchoReply || isIcmpv4Error(type)
    : type === Icmpv6Type.EchoRequest || type === Icmpv6Type.EchoReply || isIcmpv6Error(type)
}

function isMulticastListenerMessage(type: number): boolean {
  return (
    (type >= Icmpv6Type.MulticastListenerQuery && type <= Icmpv6Type.MulticastListenerDone) ||
    type === Icmpv6Type.MulticastListenerReportV2
  )
}
