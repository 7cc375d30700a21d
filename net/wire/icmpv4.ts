/** ICMP for IPv4: types, header parse, emit, format (RFC 792, RFC 1191). */

export const ICMP_HEADER_LENGTH = 8
export const ICMP_CHECKSUM_OFFSET = 2

export const Icmpv4Type = {
  EchoReply: 0,
  DestinationUnreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  TimeExceeded: 11,
  ParameterProblem: 12,
} as const

/** Codes of Destination Unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const Icmpv4Unreachable = {
  Network: 0,
  Host: 1,
  Protocol: 2,
  Port: 3,
  FragmentationNeeded: 4,
  NetworkProhibited: 9,
  HostProhibited: 10,
  CommunicationProhibited: 13,
} as const

/** The eight bytes every ICMP and ICMPv6 message starts with. A record the caller owns. */
export interface IcmpHeader {
  type: number
  code: number
  /** Bytes 4..7 as int32: identifier and sequence number, MTU or pointer, according to the type. */
  rest: number
}

export function createIcmpHeader(): IcmpHeader {
  return { type: 0, code: 0, rest: 0 }
}

/** False when shorter than eight bytes. Serves both families. */
export function parseIcmp(
  view: DataView,
  offset: number,
  length: number,
  out: IcmpHeader,
): boolean {
  if (length < ICMP_HEADER_LENGTH) return false
  out.type = view.getUint8(offset)
  out.code = view.getUint8(offset + 1)
  out.rest = view.getInt32(offset + 4)
  return true
}

/** Writes the header with a zero checksum. Serves both families. */
export function emitIcmp(view: DataView, offset: number, header: IcmpHeader): void {
  view.setInt32(offset, (header.type << 24) | (header.code << 16))
  view.setInt32(offset + 4, header.rest)
}

/** True for messages about which no error may be sent (RFC 1122 §3.2.2). */
export function isIcmpv4Error(type: number): boolean {
  return (
    type === Icmpv4Type.DestinationUnreachable ||
    type === Icmpv4Type.TimeExceeded ||
    type === Icmpv4Type.ParameterProblem ||
    type === Icmpv4Type.SourceQuench ||
    type === Icmpv4Type.Redirect
  )
}

const TYPE_NAMES = new Map<number, string>([
  [Icmpv4Type.EchoReply, 'echo reply'],
  [Icmpv4Type.DestinationUnreachable, 'destination unreachable'],
  [Icmpv4Type.SourceQuench, 'source quench'],
  [Icmpv4Type.Redirect, 'redirect'],
  [Icmpv4Type.Echo, 'echo request'],
  [Icmpv4Type.TimeExceeded, 'time exceeded'],
  [Icmpv4Type.ParameterProblem, 'parameter problem'],
])

export function formatIcmpv4(header: IcmpHeader): string {
  const name = TYPE_NAMES.get(header.type) ?? `type ${header.type}`
  if (header.type === Icmpv4Type.Echo || header.type === Icmpv4Type.EchoReply) {
    return `ICMP ${name} id=${header.rest >>> 16} seq=${header.rest & 0xffff}`
  }
  return `ICMP ${name} code=${header.code}`
}
