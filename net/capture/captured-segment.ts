/**
 * Finds the TCP segment in a frame that is about to be sent or was received, for comments on it.
 */
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { addressFromWords, type IpAddress } from '../wire/ip-address.ts'
import { IPV4_HEADER_LENGTH, IpProtocol } from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH, IPV6_NEXT_HEADER_OFFSET } from '../wire/ipv6.ts'
import { TCP_HEADER_LENGTH, TCP_SEQUENCE_OFFSET } from '../wire/tcp.ts'

export interface CapturedSegment {
  source: IpAddress
  destination: IpAddress
  sourcePort: number
  destinationPort: number
  /** int32. */
  sequence: number
  flags: number
  payloadLength: number
  /** Where the TCP header is in the view, and its bytes with what follows. */
  transport: number
  transportLength: number
}

/**
 * Null when the first `contiguous` bytes from `start` on do not hold a TCP header right behind the
 * IP header.
 */
export function findSegment(
  view: DataView,
  start: number,
  contiguous: number,
): CapturedSegment | null {
  if (contiguous < ETHERNET_HEADER_LENGTH + IPV4_HEADER_LENGTH) return null
  const type = view.getUint16(start + ETHERNET_TYPE_OFFSET)
  const ip = start + ETHERNET_HEADER_LENGTH
  let transport = ip
  let transportLength = 0
  let isTcp = false
  if (type === EtherType.Ipv4) {
    const headerLength = (view.getUint8(ip) & 0xf) * 4
    transport += headerLength
    transportLength = view.getUint16(ip + 2) - headerLength
    isTcp = view.getUint8(ip + 9) === IpProtocol.Tcp
  } else if (type === EtherType.Ipv6) {
    if (contiguous < ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH) return null
    transport += IPV6_HEADER_LENGTH
    transportLength = view.getUint16(ip + 4)
    isTcp = view.getUint8(ip + IPV6_NEXT_HEADER_OFFSET) === IpProtocol.Tcp
  }
  if (
    !isTcp ||
    transportLength < TCP_HEADER_LENGTH ||
    transport + TCP_HEADER_LENGTH > start + contiguous
  ) {
    return null
  }
  const isIpv4 = type === EtherType.Ipv4
  const word = view.getUint32(transport + 12)
  return {
    source: readAddress(view, isIpv4, isIpv4 ? ip + 12 : ip + 8),
    destination: readAddress(view, isIpv4, isIpv4 ? ip + 16 : ip + 24),
    sourcePort: view.getUint16(transport),
    destinationPort: view.getUint16(transport + 2),
    sequence: view.getInt32(transport + TCP_SEQUENCE_OFFSET),
    flags: (word >>> 16) & 0xff,
    payloadLength: transportLength - (word >>> 28) * 4,
    transport,
    transportLength,
  }
}

function readAddress(view: DataView, isIpv4: boolean, offset: number): IpAddress {
  if (isIpv4) return addressFromWords(4, 0, 0, 0, view.getInt32(offset))
  return addressFromWords(
    6,
    view.getInt32(offset),
    view.getInt32(offset + 4),
    view.getInt32(offset + 8),
    view.getInt32(offset + 12),
  )
}
