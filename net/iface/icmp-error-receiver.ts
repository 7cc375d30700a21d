/**
 * Turns received ICMP and ICMPv6 errors into reports for the transport whose packet they quote (RFC
 * 1122 §3.2.2, RFC 8201, RFC 1191).
 */
import {
  ICMP_HEADER_LENGTH,
  type IcmpHeader,
  Icmpv4Type,
  Icmpv4Unreachable,
} from '../wire/icmpv4.ts'
import { Icmpv6Type, Icmpv6Unreachable } from '../wire/icmpv6.ts'
import { copyOfAddress, isSameAddress, readIpAddress } from '../wire/ip-address.ts'
import {
  IPV4_DESTINATION_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  IpProtocol,
} from '../wire/ipv4.ts'
import {
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_MINIMUM_MTU,
  IPV6_PAYLOAD_LENGTH_OFFSET,
  IPV6_SOURCE_OFFSET,
} from '../wire/ipv6.ts'
import {
  ChainVerdict,
  createExtensionChain,
  ParameterProblemCode,
  walkExtensionHeaders,
} from '../wire/ipv6-extension.ts'
import type { EchoResponder } from './echo-responder.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { MINIMUM_IPV4_PATH_MTU } from './path-mtu-cache.ts'
import type { ProtocolHandler, TransportError } from './protocol-handler.ts'
import type { ReceivedPacket } from './received-packet.ts'

export class IcmpErrorReceiver {
  private readonly parts: InterfaceParts
  private readonly handlers: readonly (ProtocolHandler | null)[]
  private readonly echo: EchoResponder
  private readonly chain = createExtensionChain()

  constructor(
    parts: InterfaceParts,
    handlers: readonly (ProtocolHandler | null)[],
    echo: EchoResponder,
  ) {
    this.parts = parts
    this.handlers = handlers
    this.echo = echo
  }

  /**
   * Takes an error message whose checksum is right and whose type is one of those that carry a
   * quote.
   */
  process(packet: ReceivedPacket, header: IcmpHeader, nowMs: number): void {
    const { counters } = this.parts
    const kind = packet.ipVersion === 4 ? kindOfIcmpv4(header) : kindOfIcmpv6(header)
    const mtu = kind === 'mtu' ? this.believableMtu(packet, header) : 0
    if (kind === null || mtu === null) {
      counters.icmpIgnored++
      return
    }
    const first = packet.frame.fragments[0]!
    const { view } = first.buffer
    const quoted = packet.transportOffset + ICMP_HEADER_LENGTH
    const end = packet.transportOffset + packet.transportLength
    const length = Math.min(end, first.offset + first.length) - quoted
    const transport =
      packet.ipVersion === 4
        ? this.findIpv4Transport(view, quoted, length)
        : this.findIpv6Transport(view, quoted, length)
    if (packet.toGroup || transport < 0) {
      counters.icmpErrorUnrelated++
      return
    }
    const error = {
      ...readQuote(packet.ipVersion, view, quoted, transport),
      kind,
      mtu,
      interfaceIndex: packet.interfaceIndex,
      arrivalIndex: packet.arrivalIndex,
      isBelowFloor: kind === 'mtu' && packet.ipVersion === 4 && (header.rest & 0xffff) < mtu,
    }
    // What we sent had one of our addresses, and the error comes back to that one.
    const { source } = error
    const { addresses, hostAddresses, isWeak } = this.parts
    const isAnywhere = packet.isInternal || (isWeak && hostAddresses.isLocal(source))
    const isOurs = isAnywhere || addresses.isLocal(source)
    if (!isOurs || !isSameAddress(source, packet.destination)) {
      counters.icmpErrorUnrelated++
      return
    }
    const handler = this.handlers[this.chain.protocol] ?? null
    error.isProven = this.isOfEchoReply(error)
    if (handler === null && !error.isProven) {
      counters.icmpErrorUnrelated++
      return
    }
    counters.icmpErrorsDelivered++
    const { type, code } = header
    handler?.processError(error, nowMs, { reporter: copyOfAddress(packet.source), type, code })
    if (kind === 'mtu' && error.isProven) {
      const { pathMtus, neighbors } = this.parts
      pathMtus.lower(error.destination, mtu, error.isBelowFloor, nowMs)
      // Every flow to that destination looks before its next packet.
      neighbors.invalidatePaths()
    }
  }

  /** It quotes an answer of ours to a ping, of those long enough to be too big for a path. */
  private isOfEchoReply({ ipVersion, destination, sourcePort, sequenceNumber }: TransportError) {
    return (
      ipVersion === 6 &&
      this.chain.protocol === IpProtocol.Icmpv6 &&
      sourcePort >>> 8 === Icmpv6Type.EchoReply &&
      this.echo.hasSent(destination, sequenceNumber)
    )
  }

  /**
   * Null = discard. RFC 8201 §4: below 1280 "A node MUST discard it"; never above what the link
   * carries.
   */
  private believableMtu(packet: ReceivedPacket, header: IcmpHeader): number | null {
    const linkMtu = this.parts.device.capabilities.maxTransmissionUnit
    if (packet.ipVersion === 4) {
      const mtu = header.rest & 0xffff
      if (mtu >= linkMtu) return null
      return Math.max(mtu, Math.min(MINIMUM_IPV4_PATH_MTU, linkMtu))
    }
    const mtu = header.rest >>> 0
    return mtu < IPV6_MINIMUM_MTU || mtu >= linkMtu ? null : mtu
  }

  /**
   * Offset of the quoted transport header, of which 8 bytes are there; -1 when the quote is no use.
   */
  private findIpv4Transport(view: DataView, quoted: number, length: number): number {
    if (length < IPV4_HEADER_LENGTH + 8) return -1
    const first = view.getUint8(quoted)
    const headerLength = (first & 15) << 2
    if (first >>> 4 !== 4 || headerLength < IPV4_HEADER_LENGTH || headerLength + 8 > length) {
      return -1
    }
    if ((view.getUint16(quoted + 6) & 0x1fff) !== 0) return -1
    this.chain.protocol = view.getUint8(quoted + 9)
    return quoted + headerLength
  }

  private findIpv6Transport(view: DataView, quoted: number, length: number): number {
    if (length < IPV6_HEADER_LENGTH + 8 || view.getUint8(quoted) >>> 4 !== 6) return -1
    const payloadLength = view.getUint16(quoted + IPV6_PAYLOAD_LENGTH_OFFSET)
    const verdict = walkExtensionHeaders(view, quoted, length, payloadLength, this.chain)
    const isFirst = verdict === ChainVerdict.Fragment && this.chain.fragmentOffset === 0
    if (verdict !== ChainVerdict.Transport && !isFirst) return -1
    const transport = this.chain.transportOffset
    return transport + 8 > quoted + length ? -1 : transport
  }
}

/** What the quoted packet says of itself. */
function readQuote(ipVersion: 4 | 6, view: DataView, quoted: number, transport: number) {
  const isIpv4 = ipVersion === 4
  const sourceOffset = isIpv4 ? IPV4_SOURCE_OFFSET : IPV6_SOURCE_OFFSET
  const destinationOffset = isIpv4 ? IPV4_DESTINATION_OFFSET : IPV6_DESTINATION_OFFSET
  return {
    ipVersion,
    source: readIpAddress(view, quoted + sourceOffset, ipVersion),
    destination: readIpAddress(view, quoted + destinationOffset, ipVersion),
    sourcePort: view.getUint16(transport),
    destinationPort: view.getUint16(transport + 2),
    sequenceNumber: view.getInt32(transport + 4),
    isProven: false,
  }
}

/** RFC 1122 §4.2.3.9. Null = not acted upon. */
function kindOfIcmpv4(header: IcmpHeader): TransportError['kind'] | null {
  if (header.type !== Icmpv4Type.DestinationUnreachable) return 'soft'
  switch (header.code) {
    case Icmpv4Unreachable.FragmentationNeeded:
      return 'mtu'
    case Icmpv4Unreachable.Protocol:
    case Icmpv4Unreachable.Port:
    case Icmpv4Unreachable.NetworkProhibited:
    case Icmpv4Unreachable.HostProhibited:
    case Icmpv4Unreachable.CommunicationProhibited:
      return 'hard'
    default:
      return header.code <= 15 ? 'soft' : null
  }
}

function kindOfIcmpv6(header: IcmpHeader): TransportError['kind'] | null {
  if (header.type === Icmpv6Type.PacketTooBig) return 'mtu'
  if (header.type === Icmpv6Type.TimeExceeded) return 'soft'
  if (header.type === Icmpv6Type.ParameterProblem) {
    return header.code === ParameterProblemCode.UnrecognizedNextHeader ? 'hard' : 'soft'
  }
  switch (header.code) {
    case Icmpv6Unreachable.Prohibited:
    case Icmpv6Unreachable.Port:
    case Icmpv6Unreachable.SourcePolicy:
    case Icmpv6Unreachable.RejectRoute:
      return 'hard'
    default:
      return header.code <= 8 ? 'soft' : null
  }
}
