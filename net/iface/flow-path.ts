/** A flow with the header template that its packets start from, and the neighbour it goes through. */
import type { PacketMeta } from '../phy/offload.ts'
import { foldSum, pseudoHeaderSumV4, pseudoHeaderSumV6 } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { emitIpAddress, type IpAddress } from '../wire/ip-address.ts'
import { IPV4_DONT_FRAGMENT, IPV4_FRAGMENT_OFFSET, IPV4_HEADER_LENGTH } from '../wire/ipv4.ts'
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'
import { TCP_CHECKSUM_OFFSET, TCP_MAX_HEADER_LENGTH } from '../wire/tcp.ts'
import type { NeighborEntry } from './neighbor-entry.ts'
import type { Flow } from './protocol-handler.ts'

/** RFC 1122 §3.2.1.7 and RFC 8200 §3: what hosts send today. */
export const DEFAULT_HOP_LIMIT = 64

export class FlowPath implements Flow {
  readonly ipVersion: 4 | 6
  readonly source: IpAddress
  readonly destination: IpAddress
  readonly protocol: number
  readonly headerLength: number
  readonly pseudoHeaderSum: number
  pathMtu: number
  /**
   * Ethernet and IP header, then room for TCP's. beginPacket's packets find length, identification and IPv4 checksum as the last
   * sendSegments left them, and overwrite them.
   */
  readonly template: Uint8Array
  readonly header: DataView
  /** Transport bytes of a packet that the template's lengths and sums are right for. */
  plannedLength = -1
  /** IPv4: sum of the IP header with length, identification and checksum 0. */
  headerSum: number
  /** Of the next IPv4 packet. */
  identification: number
  /** The device completes this protocol's checksum. */
  readonly deviceChecksums: boolean
  /** What is asked of the device for TCP segments, sent as they are or segmented: records that do not change once used. */
  segmentMeta: PacketMeta
  superSegmentMeta: PacketMeta
  /** The template holds the right hardware addresses until then, and while the generation is the cache's. */
  validUntilMs = Number.NEGATIVE_INFINITY
  generation = 0
  /** Null before the first use and for groups. */
  neighbor: NeighborEntry | null = null
  isResolving = false
  /** There was no route when it was last resolved. */
  noRoute = false

  constructor(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    mtu: number,
    deviceChecksums: boolean,
    identification: number,
  ) {
    this.ipVersion = destination.version
    this.source = source
    this.destination = destination
    this.protocol = protocol
    this.pathMtu = mtu
    this.deviceChecksums = deviceChecksums
    this.identification = identification & 0xffff
    const ipHeaderLength = destination.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH
    this.headerLength = ETHERNET_HEADER_LENGTH + ipHeaderLength
    this.segmentMeta = this.metaFor(0)
    this.superSegmentMeta = this.segmentMeta
    this.template = new Uint8Array(this.headerLength + TCP_MAX_HEADER_LENGTH)
    this.header = new DataView(this.template.buffer)
    if (destination.version === 4) {
      this.pseudoHeaderSum = pseudoHeaderSumV4(source.word3, destination.word3, protocol)
      this.headerSum = this.writeIpv4Template()
    } else {
      this.pseudoHeaderSum = pseudoHeaderSumV6(
        source.word0,
        source.word1,
        source.word2,
        source.word3,
        destination.word0,
        destination.word1,
        destination.word2,
        destination.word3,
        protocol,
      )
      this.headerSum = 0
      this.writeIpv6Template()
    }
  }

  setHardwareAddresses(
    destinationHigh: number,
    destinationLow: number,
    sourceHigh: number,
    sourceLow: number,
  ): void {
    emitHardwareAddress(this.header, 0, destinationHigh, destinationLow)
    emitHardwareAddress(this.header, 6, sourceHigh, sourceLow)
  }

  /**
   * Identifications stay consecutive on this path. RFC 6864 §4.3 wants them unique among all paths between two hosts, which 16 bits
   * cannot be for long; the transport checksum finds what is put together wrongly.
   */
  allowFragments(): boolean {
    const { header } = this
    const offset = ETHERNET_HEADER_LENGTH + IPV4_FRAGMENT_OFFSET
    if (this.ipVersion !== 4 || header.getUint16(offset) === 0) return false
    header.setUint16(offset, 0)
    // Subtracted in one's complement.
    this.headerSum = foldSum(this.headerSum + (~IPV4_DONT_FRAGMENT & 0xffff))
    return true
  }

  /** The record for segments of `segmentSize` payload bytes; 0 = not to be segmented. */
  metaOf(segmentSize: number): PacketMeta {
    if (segmentSize === 0) return this.segmentMeta
    if (this.superSegmentMeta.segmentationOffloadSize !== segmentSize) {
      this.superSegmentMeta = this.metaFor(segmentSize)
    }
    return this.superSegmentMeta
  }

  private metaFor(segmentSize: number): PacketMeta {
    return {
      segmentationOffloadSize: segmentSize,
      ipVersion: this.ipVersion,
      checksumStart: this.headerLength,
      checksumOffset: TCP_CHECKSUM_OFFSET,
      congestionWindowReduced: false,
    }
  }

  /** Makes the template one of packets of `transportLength` bytes after the IP header, the transport checksum seeded. */
  planLength(transportLength: number): void {
    this.plannedLength = transportLength
    const start = this.headerLength
    if (this.ipVersion === 4)
      this.header.setUint16(start - 18, transportLength + IPV4_HEADER_LENGTH)
    else this.header.setUint16(start - 36, transportLength)
    const sum = foldSum(this.pseudoHeaderSum + transportLength)
    this.header.setUint16(start + TCP_CHECKSUM_OFFSET, sum)
  }

  private writeIpv4Template(): number {
    const view = this.header
    view.setUint16(ETHERNET_TYPE_OFFSET, EtherType.Ipv4)
    const ip = ETHERNET_HEADER_LENGTH
    view.setUint16(ip, 0x4500)
    view.setUint16(ip + IPV4_FRAGMENT_OFFSET, IPV4_DONT_FRAGMENT)
    view.setUint16(ip + 8, (DEFAULT_HOP_LIMIT << 8) | this.protocol)
    emitIpAddress(view, ip + 12, this.source)
    emitIpAddress(view, ip + 16, this.destination)
    let sum = 0
    for (let offset = 0; offset < IPV4_HEADER_LENGTH; offset += 2)
      sum += view.getUint16(ip + offset)
    return foldSum(sum)
  }

  private writeIpv6Template(): void {
    const view = this.header
    view.setUint16(ETHERNET_TYPE_OFFSET, EtherType.Ipv6)
    const ip = ETHERNET_HEADER_LENGTH
    view.setUint16(ip, 0x6000)
    view.setUint16(ip + 6, (this.protocol << 8) | DEFAULT_HOP_LIMIT)
    emitIpAddress(view, ip + 8, this.source)
    emitIpAddress(view, ip + 24, this.destination)
  }
}
