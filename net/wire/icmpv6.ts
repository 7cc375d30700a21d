/** ICMPv6: types, codes, format (RFC 4443); the header codec is shared with ICMP for IPv4. */
import type { IcmpHeader } from './icmpv4.ts'

export const Icmpv6Type = {
  DestinationUnreachable: 1,
  PacketTooBig: 2,
  TimeExceeded: 3,
  ParameterProblem: 4,
  EchoRequest: 128,
  EchoReply: 129,
  MulticastListenerQuery: 130,
  MulticastListenerReport: 131,
  MulticastListenerDone: 132,
  RouterSolicitation: 133,
  RouterAdvertisement: 134,
  NeighborSolicitation: 135,
  NeighborAdvertisement: 136,
  Redirect: 137,
  MulticastListenerReportV2: 143,
} as const

/** Codes of Destination Unreachable (RFC 4443 §3.1). */
export const Icmpv6Unreachable = {
  NoRoute: 0,
  Prohibited: 1,
  BeyondScope: 2,
  Address: 3,
  Port: 4,
  SourcePolicy: 5,
  RejectRoute: 6,
} as const

/** RFC 4443 §2.1: the high bit is clear in error messages. */
export function isIcmpv6Error(type: number): boolean {
  return type < 128
}

const TYPE_NAMES = new Map<number, string>([
  [Icmpv6Type.DestinationUnreachable, 'destination unreachable'],
  [Icmpv6Type.PacketTooBig, 'packet too big'],
  [Icmpv6Type.TimeExceeded, 'time exceeded'],
  [Icmpv6Type.ParameterProblem, 'parameter problem'],
  [Icmpv6Type.EchoRequest, 'echo request'],
  [Icmpv6Type.EchoReply, 'echo reply'],
  [Icmpv6Type.MulticastListenerQuery, 'multicast listener query'],
  [Icmpv6Type.MulticastListenerReport, 'multicast listener report'],
  [Icmpv6Type.MulticastListenerDone, 'multicast listener done'],
  [Icmpv6Type.MulticastListenerReportV2, 'multicast listener report v2'],
  [Icmpv6Type.RouterSolicitation, 'router solicitation'],
  [Icmpv6Type.RouterAdvertisement, 'router advertisement'],
  [Icmpv6Type.NeighborSolicitation, 'neighbor solicitation'],
  [Icmpv6Type.NeighborAdvertisement, 'neighbor advertisement'],
  [Icmpv6Type.Redirect, 'redirect'],
])

export function formatIcmpv6(header: IcmpHeader): string {
  const name = TYPE_NAMES.get(header.type) ?? `type ${header.type}`
  if (header.type === Icmpv6Type.EchoRequest || header.type === Icmpv6Type.EchoReply) {
    return `ICMPv6 ${name} id=${header.rest >>> 16} seq=${header.rest & 0xffff}`
  }
  if (header.type === Icmpv6Type.PacketTooBig) return `ICMPv6 ${name} mtu=${header.rest >>> 0}`
  return `ICMPv6 ${name} code=${header.code}`
}
