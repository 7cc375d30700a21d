/** Where TCP segments have what tells whether they belong to one run. */
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { IPV4_HEADER_LENGTH, IPV4_TOTAL_LENGTH_OFFSET, IpProtocol } from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_PAYLOAD_LENGTH_OFFSET } from '../wire/ipv6.ts'
import { TCP_FLAGS_OFFSET, TCP_SEQUENCE_OFFSET, TcpFlag } from '../wire/tcp.ts'
import type { RunLayout } from './net-device.ts'

export const IPV4_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH
export const IPV6_TRANSPORT = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH
/** Source and destination, right in front of the transport header in both families. */
const IPV4_ADDRESSES = 8
const IPV6_ADDRESSES = 32
/** Sums are of ones' complement: it counts as nothing, and keeps them above 0. */
const NOTHING = 0xffff

/** Where in the frame at `offset` TCP's header begins, behind a plain IP header; 0 = nowhere. */
export function tcpHeaderAt(bytes: Uint8Array, offset: number): number {
  const high = bytes[offset + 12]!
  if (high === 0x08) {
    // A fragment is no whole segment; ARP has another first octet.
    if (bytes[offset + 14] !== 0x45 || bytes[offset + 23] !== IpProtocol.Tcp) return 0
    if (((bytes[offset + 20]! & 0x3f) | bytes[offset + 21]!) !== 0) return 0
    return bytes[offset + 13] === 0 ? IPV4_TRANSPORT : 0
  }
  if (high !== 0x86 || bytes[offset + 13] !== 0xdd) return 0
  if (bytes[offset + 14]! >> 4 !== 6 || bytes[offset + 20] !== IpProtocol.Tcp) return 0
  return IPV6_TRANSPORT
}

/**
 * What the headers of a run have in common: all but IP length, identification and header checksum,
 * and of TCP sequence number, checksum and PSH. So the acknowledgment, the window, ECN bits, time
 * to live and all options are the same. PSH would end a run for who waits for more, which nobody
 * does here, and Linux sets it in every frame of several segments.
 */
export function ipv4Layout(headerLength: number): RunLayout {
  return {
    ...tcpLayout(headerLength, IPV4_TRANSPORT, [16, 17, 18, 19, 24, 25]),
    lengthAt: ETHERNET_HEADER_LENGTH + IPV4_TOTAL_LENGTH_OFFSET,
    lengthBias: ETHERNET_HEADER_LENGTH,
    headerSumAt: ETHERNET_HEADER_LENGTH,
    headerSumLength: IPV4_HEADER_LENGTH,
    textSumAt: IPV4_TRANSPORT - IPV4_ADDRESSES,
  }
}

export function ipv6Layout(headerLength: number): RunLayout {
  return {
    ...tcpLayout(headerLength, IPV6_TRANSPORT, [18, 19]),
    lengthAt: ETHERNET_HEADER_LENGTH + IPV6_PAYLOAD_LENGTH_OFFSET,
    lengthBias: IPV6_TRANSPORT,
    headerSumAt: 0,
    headerSumLength: 0,
    textSumAt: IPV6_TRANSPORT - IPV6_ADDRESSES,
  }
}

function tcpLayout(headerLength: number, transport: number, free: readonly number[]) {
  const mask = new Uint8Array(headerLength).fill(0xff)
  for (const offset of free) mask[offset] = 0
  for (const offset of [4, 5, 6, 7, 16, 17]) mask[transport + offset] = 0
  mask[transport + TCP_FLAGS_OFFSET] = 0xff & ~TcpFlag.Psh
  return {
    mask,
    headerLength,
    sequenceAt: transport + TCP_SEQUENCE_OFFSET,
    // The pseudo-header has the protocol, and the length without what precedes it.
    textSumBias: NOTHING + IpProtocol.Tcp - transport,
  }
}
