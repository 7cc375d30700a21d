/** Checks the transport checksum of a packet and gives the packet to its protocol's handler. */
import { sumReceivedFrame } from '../phy/frame-checksum.ts'
import { addLengthToSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LENGTH, UDP_LENGTH_OFFSET } from '../wire/udp.ts'
import type { IcmpErrorSender } from './icmp-error-sender.ts'
import type { IcmpReceiver } from './icmp-receiver.ts'
import type { Igmp } from './igmp.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { LastFlow } from './last-flow.ts'
import type { ProtocolHandler } from './protocol-handler.ts'
import type { ReceivedPacket } from './received-packet.ts'

/**
 * Of one frame; Linux sends no more at once (UDP_MAX_SEGMENTS), and a socket queues twice as many.
 */
export const MAX_COALESCED_DATAGRAMS = 128

export class TransportDelivery {
  private readonly parts: InterfaceParts
  private readonly handlers: readonly (ProtocolHandler | null)[]
  private readonly icmp: IcmpReceiver
  private readonly errors: IcmpErrorSender
  private readonly igmp: Igmp
  private readonly lastFlow: LastFlow

  constructor(
    parts: InterfaceParts,
    handlers: readonly (ProtocolHandler | null)[],
    icmp: IcmpReceiver,
    errors: IcmpErrorSender,
    igmp: Igmp,
    lastFlow: LastFlow,
  ) {
    this.parts = parts
    this.handlers = handlers
    this.icmp = icmp
    this.errors = errors
    this.igmp = igmp
    this.lastFlow = lastFlow
  }

  deliver(packet: ReceivedPacket, nowMs: number): void {
    const { counters } = this.parts
    const { protocol, frame } = packet
    if (protocol === IpProtocol.Tcp) {
      if (!frame.meta.checksumVerified && !this.hasGoodChecksum(packet)) {
        counters.transportBadChecksum++
        return
      }
    } else {
      // A device coalesces TCP segments and UDP datagrams; anything else of more than one segment
      // is a lie.
      if (frame.meta.segmentSize !== 0 && protocol !== IpProtocol.Udp) {
        counters.frameBadSegmentation++
        return
      }
      if (packet.protocol === (packet.ipVersion === 4 ? IpProtocol.Icmpv4 : IpProtocol.Icmpv6)) {
        this.icmp.process(packet, nowMs)
        return
      }
      if (protocol === IpProtocol.Udp && !this.acceptUdp(packet)) return
    }
    const handler = this.handlers[protocol]
    if (handler === null || handler === undefined) {
      if (protocol === IpProtocol.Igmp && packet.ipVersion === 4) {
        this.igmp.process(packet, nowMs)
        return
      }
      counters.transportUnknown++
      this.errors.sendProtocolUnreachable(packet, nowMs)
      return
    }
    counters.packetsDelivered++
    this.lastFlow.handler = handler
    if (handler.process(packet, nowMs)) return
    counters.transportRefused++
    if (protocol === IpProtocol.Udp) this.errors.sendPortUnreachable(packet, nowMs)
    else this.errors.sendProtocolUnreachable(packet, nowMs)
  }

  /** RFC 768, RFC 8200 §8.1: cuts the packet to the UDP length, and verifies. */
  private acceptUdp(packet: ReceivedPacket): boolean {
    const { counters } = this.parts
    const first = packet.frame.fragments[0]!
    const offset = packet.transportOffset
    const contiguous = first.offset + first.length - offset
    if (packet.transportLength < UDP_HEADER_LENGTH || contiguous < UDP_HEADER_LENGTH) {
      counters.transportMalformed++
      return false
    }
    const length = first.buffer.view.getUint16(offset + UDP_LENGTH_OFFSET)
    if (length < UDP_HEADER_LENGTH || length > packet.transportLength) {
      counters.transportMalformed++
      return false
    }
    packet.transportLength = length
    const { segmentSize } = packet.frame.meta
    if (segmentSize !== 0 && length - UDP_HEADER_LENGTH > segmentSize * MAX_COALESCED_DATAGRAMS) {
      counters.frameBadSegmentation++
      return false
    }
    if (packet.frame.meta.checksumVerified) return true
    const isAbsent = first.buffer.view.getUint16(offset + UDP_CHECKSUM_OFFSET) === 0
    if (isAbsent ? packet.ipVersion === 4 : this.hasGoodChecksum(packet)) return true
    counters.transportBadChecksum++
    return false
  }

  private hasGoodChecksum(packet: ReceivedPacket): boolean {
    const { frame, transportOffset, transportLength } = packet
    const sum = pseudoHeaderSum(packet.source, packet.destination, packet.protocol)
    const seed = addLengthToSum(sum, transportLength)
    const { bulk } = this.parts
    return sumReceivedFrame(frame, transportOffset, transportLength, bulk, seed) === 0xffff
  }
}
