/** One line of text for a whole frame, layer by layer: for traces, not for the packet path. */
import { createArpPacket, formatArp, parseArp } from './arp.ts'
import {
  createEthernetHeader,
  ETHERNET_HEADER_LENGTH,
  EtherType,
  formatEthernet,
  parseEthernet,
} from './ethernet.ts'
import { createIcmpHeader, formatIcmpv4, parseIcmp } from './icmpv4.ts'
import { formatIcmpv6, Icmpv6Type } from './icmpv6.ts'
import { createIpv4Header, formatIpv4, IpProtocol, parseIpv4 } from './ipv4.ts'
import { createIpv6Header, formatIpv6, IPV6_HEADER_LENGTH, parseIpv6 } from './ipv6.ts'
import { ChainVerdict, createExtensionChain, walkExtensionHeaders } from './ipv6-extension.ts'
import {
  createNeighborMessage,
  formatNeighborMessage,
  isValidNdp,
  NDP_HOP_LIMIT,
  parseNeighborMessage,
} from './ndp.ts'
import { createTcpHeader, formatTcp, parseTcp } from './tcp.ts'
import { createUdpHeader, formatUdp, parseUdp, UDP_HEADER_LENGTH } from './udp.ts'

/** `contiguousLength` bytes from `offset` may be read, of a frame of `length` bytes. */
export function formatFrame(
  view: DataView,
  offset: number,
  contiguousLength: number,
  length: number,
): string {
  const ethernet = createEthernetHeader()
  if (!parseEthernet(view, offset, contiguousLength, ethernet))
    return `truncated frame of ${length}`
  let network = offset + ETHERNET_HEADER_LENGTH
  let type = ethernet.etherType
  let tag = ''
  if (type === EtherType.Vlan && contiguousLength >= ETHERNET_HEADER_LENGTH + 4) {
    const control = view.getUint16(network)
    tag = ` | VLAN ${control & 0xfff} priority=${control >>> 13}`
    type = view.getUint16(network + 2)
    network += 4
  }
  const readable = contiguousLength - (network - offset)
  const text = formatNetwork(view, type, network, readable, length - (network - offset))
  return `${formatEthernet(ethernet)}${tag} | ${text ?? `malformed or unknown, ${length} bytes`}`
}

function formatNetwork(
  view: DataView,
  type: number,
  offset: number,
  readable: number,
  length: number,
): string | null {
  if (type === EtherType.Arp) {
    const packet = createArpPacket()
    return parseArp(view, offset, readable, packet) ? formatArp(packet) : null
  }
  if (type === EtherType.Ipv4 && readable >= 20) {
    return formatIpv4Packet(view, offset, readable, length)
  }
  if (type === EtherType.Ipv6 && readable >= IPV6_HEADER_LENGTH) {
    return formatIpv6Packet(view, offset, readable, length)
  }
  return null
}

function formatIpv4Packet(
  view: DataView,
  offset: number,
  readable: number,
  length: number,
): string | null {
  const header = createIpv4Header()
  if (!parseIpv4(view, offset, length, header) || header.headerLength > readable) return null
  const text = formatIpv4(header)
  if ((header.flagsAndOffset & 0x1fff) !== 0) return text
  const transport = offset + header.headerLength
  const transportLength = header.totalLength - header.headerLength
  const available = Math.min(readable - header.headerLength, transportLength)
  if (header.protocol === IpProtocol.Icmpv4) {
    const icmp = createIcmpHeader()
    return parseIcmp(view, transport, available, icmp) ? `${text} | ${formatIcmpv4(icmp)}` : text
  }
  return text + formatTransport(view, transport, available, transportLength, header.protocol)
}

function formatIpv6Packet(
  view: DataView,
  offset: number,
  readable: number,
  length: number,
): string | null {
  const header = createIpv6Header()
  if (!parseIpv6(view, offset, length, header)) return null
  const text = formatIpv6(header)
  const chain = createExtensionChain()
  const verdict = walkExtensionHeaders(view, offset, readable, header.payloadLength, chain)
  if (verdict !== ChainVerdict.Transport) return text
  const { transportOffset: transport, transportLength } = chain
  const available = Math.min(offset + readable - transport, transportLength)
  if (chain.protocol !== IpProtocol.Icmpv6) {
    return text + formatTransport(view, transport, available, transportLength, chain.protocol)
  }
  const icmp = createIcmpHeader()
  if (!parseIcmp(view, transport, available, icmp)) return text
  const isNeighbor =
    icmp.type === Icmpv6Type.NeighborSolicitation || icmp.type === Icmpv6Type.NeighborAdvertisement
  if (!isNeighbor || !isValidNdp(view, transport, available, NDP_HOP_LIMIT)) {
    return `${text} | ${formatIcmpv6(icmp)}`
  }
  const message = createNeighborMessage()
  parseNeighborMessage(view, transport, available, message)
  return `${text} | ${formatNeighborMessage(message)}`
}

function formatTransport(
  view: DataView,
  offset: number,
  available: number,
  transportLength: number,
  protocol: number,
): string {
  if (protocol === IpProtocol.Udp) {
    const datagram = createUdpHeader()
    const isWhole =
      available >= UDP_HEADER_LENGTH && parseUdp(view, offset, transportLength, datagram)
    return isWhole ? ` | ${formatUdp(datagram)}` : ''
  }
  const header = createTcpHeader()
  if (protocol !== IpProtocol.Tcp || !parseTcp(view, offset, available, header)) return ''
  return ` | ${formatTcp(header, transportLength - header.headerLength)}`
}
