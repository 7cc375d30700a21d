/** Cuts datagrams into fragments of either family, as a peer sends them. */
import { be16, be32, concat, ipv4, ipv6 } from './frames.ts'
import { fromPeer, OUR_IPV4, OUR_IPV6, PEER_IPV4, PEER_IPV6 } from './interface-harness.ts'

export interface FragmentFields {
  version: 4 | 6
  /** What the datagram carries. */
  protocol: number
  identification?: number
  source?: string
  destination?: string
  /** Octets from the start of what was fragmented. */
  offset: number
  isLast: boolean
  ecn?: number
  /** IPv4 options. */
  options?: number[]
}

/** A frame from the peer with one fragment. */
export function fragment(fields: FragmentFields, part: ArrayLike<number>): Uint8Array {
  const { version, protocol, identification = 77, offset, isLast, ecn = 0, options = [] } = fields
  if (version === 4) {
    const { source = PEER_IPV4, destination = OUR_IPV4 } = fields
    const flagsAndOffset = (isLast ? 0 : 0x2000) | (offset >> 3)
    const header = { source, destination, protocol, identification, flagsAndOffset }
    return fromPeer(0x800, ipv4({ ...header, trafficClass: ecn, options }, part))
  }
  const { source = PEER_IPV6, destination = OUR_IPV6 } = fields
  const header = [protocol, 0, ...be16(offset | (isLast ? 0 : 1)), ...be32(identification)]
  const packet = { source, destination, nextHeader: 44, trafficClass: ecn }
  return fromPeer(0x86dd, ipv6(packet, concat(header, part)))
}

/** All fragments of a datagram, `size` octets in each but the last. */
export function fragmentsOf(
  fields: Omit<FragmentFields, 'offset' | 'isLast'>,
  datagram: Uint8Array,
  size: number,
): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let offset = 0; offset < datagram.length; offset += size) {
    const isLast = offset + size >= datagram.length
    frames.push(fragment({ ...fields, offset, isLast }, datagram.subarray(offset, offset + size)))
  }
  return frames
}
