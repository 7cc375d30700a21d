/**
 * A flow with the header template that its packets start from, and the neighbor it goes through.
 */
import type { TransmitHalf } from '../phy/net-device.ts'
import { NO_OFFLOAD, type PacketMeta } from '../phy/offload.ts'
import {
  copyTransmitRecord,
  createTransmitRecord,
  type TransmitRecord,
} from '../phy/transmit-record.ts'
import type { BulkOperations, RecordCopier } from '../storage/buffer.ts'
import { foldSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH, ETHERNET_TYPE_OFFSET, EtherType } from '../wire/ethernet.ts'
import { hashAddress, type IpAddress, setAddress } from '../wire/ip-address.ts'
import {
  createIpv4Header,
  emitIpv4,
  IPV4_DONT_FRAGMENT,
  IPV4_FRAGMENT_OFFSET,
  IPV4_HEADER_LENGTH,
  IPV4_TIME_TO_LIVE_OFFSET,
  IPV4_TOTAL_LENGTH_OFFSET,
} from '../wire/ipv4.ts'
import {
  createIpv6Header,
  emitIpv6,
  IPV6_HEADER_LENGTH,
  IPV6_HOP_LIMIT_OFFSET,
  IPV6_PAYLOAD_LENGTH_OFFSET,
} from '../wire/ipv6.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'
import {
  NO_CHECKSUM,
  TRANSPORT_MAX_HEADER_LENGTH,
  transportChecksumOffset,
} from '../wire/transport-header.ts'
import { requireCodePoint, requireHopLimit } from './flow-fields.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { NeighborEntry } from './neighbor-entry.ts'
import type { Flow, FlowFields, ForwardProgress } from './protocol-handler.ts'

/** It doubles with each black hole found, up to the lifetime of a path MTU. */
const FIRST_BLACK_HOLE_LIFETIME_MS = 30_000

/** Places in the headers of an IPv4 and of an IPv6 packet. */
const TOTAL_LENGTH = ETHERNET_HEADER_LENGTH + IPV4_TOTAL_LENGTH_OFFSET
const PAYLOAD_LENGTH = ETHERNET_HEADER_LENGTH + IPV6_PAYLOAD_LENGTH_OFFSET

/** Of every path: filled and written before the next. Lengths and identifications are 0. */
const ipv4Header = createIpv4Header()
const ipv6Header = createIpv6Header()

export class FlowPath implements Flow {
  readonly ipVersion: 4 | 6
  source: IpAddress
  destination: IpAddress
  readonly protocol: number
  readonly headerLength: number
  pseudoHeaderSum: number
  pathMtu: number
  provenMtu = 0
  searchMtu = 0
  /** Probes of that size in a row. */
  lostProbes = 0
  /** The least size that was lost in this search; Infinity = none. */
  lostMtu = Number.POSITIVE_INFINITY
  /** Of the interface that it leaves by. Set by whoever makes the path, as the next three. */
  parts!: InterfaceParts
  interfaceIndex = 0
  zone = 0
  /** Where its frames go: the device, or back to us. */
  tx!: TransmitHalf
  /** What gets through where larger packets vanish, and how long that is believed (RFC 4821). */
  blackHoleMtu = Number.POSITIVE_INFINITY
  blackHoleUntilMs = 0
  /**
   * How long the next one is believed in: an outage looks the same, and should not cost for long.
   */
  blackHoleLifetimeMs = FIRST_BLACK_HOLE_LIFETIME_MS
  /** It goes without DF since the path MTU cache says so, and as long as it does. */
  isWithoutDfByCache = false
  /** Its header holds those of Ethernet and IP, then has room for the longest of TCP. */
  record: TransmitRecord
  /** Transport bytes of a packet that the header's lengths and sums are right for. */
  plannedLength = -1
  /** IPv4: `headerSum` with the length of the packet that is prepared. */
  lengthSum = 0
  /** IPv4 packets that the device makes of one frame, each with an identification of its own. */
  identifications = 1
  /** IPv4: sum of the IP header with length, identification and checksum 0. */
  headerSum: number
  /** Of the next IPv4 packet. */
  identification: number
  readonly checksumOffset: number
  addressHash: number
  /**
   * What is asked of the device for packets that are sent as they are, and for those that it
   * segments.
   */
  private readonly packetMeta: PacketMeta
  private superSegmentMeta: PacketMeta
  /**
   * The header holds the right hardware addresses until then, and while the generation is the
   * cache's.
   */
  validUntilMs = Number.NEGATIVE_INFINITY
  generation = 0
  /** Null before the first use and for groups. */
  neighbor: NeighborEntry | null = null
  isResolving = false
  isSourceLost = false
  progress: ForwardProgress | null = null
  /** The sum of what `progress` said when it was last looked at, and when that was. */
  progressSeen = 0
  progressSeenMs = Number.NEGATIVE_INFINITY
  isWindowReduced = false
  private codepoint = 0
  /** There was no route when it was last resolved. */
  noRoute = false
  /** What RecentPath had this be a copy of, and the next of its spare ones. */
  model: FlowPath | null = null
  nextSpare: FlowPath | null = null
  /** It is no more like its model than others are. */
  isAltered = false

  constructor(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    mtu: number,
    identification: number,
    fields: FlowFields,
  ) {
    this.ipVersion = destination.version
    this.source = source
    this.destination = destination
    this.protocol = protocol
    this.pathMtu = mtu
    this.checksumOffset = transportChecksumOffset(protocol)
    this.identification = identification & 0xffff
    const ipHeaderLength = destination.version === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH
    this.headerLength = ETHERNET_HEADER_LENGTH + ipHeaderLength
    this.packetMeta = this.metaFor(0)
    this.superSegmentMeta = this.packetMeta
    this.record = createTransmitRecord(this.headerLength + TRANSPORT_MAX_HEADER_LENGTH)
    this.addressHash = hashAddress(destination)
    this.record.flowHash = this.addressHash
    this.pseudoHeaderSum = pseudoHeaderSum(source, destination, protocol)
    this.headerSum = this.writeIpHeader(fields)
  }

  /**
   * A path of the same family and protocol between other ends. This one is as it was made, and
   * never used: a connection does not pay for making each field.
   */
  copyBetween(
    copier: RecordCopier,
    source: IpAddress,
    destination: IpAddress,
    mtu: number,
    identification: number,
    fields: FlowFields,
  ): FlowPath {
    const path: FlowPath = copier.copyRecord(this)
    path.source = source
    path.destination = destination
    path.pathMtu = mtu
    path.identification = identification & 0xffff
    path.record = copyTransmitRecord(copier, this.record)
    path.addressHash = hashAddress(destination)
    path.record.flowHash = path.addressHash
    path.pseudoHeaderSum = pseudoHeaderSum(source, destination, this.protocol)
    path.headerSum = path.writeIpHeader(fields)
    return path
  }

  /** As this one, which was never used to send, in all but the identifications. */
  copyAsMade(bulk: BulkOperations, identification: number): FlowPath {
    const path: FlowPath = bulk.copyRecord(this)
    const { record } = this
    path.identification = identification & 0xffff
    path.record = copyTransmitRecord(bulk, record)
    path.record.flowHash = record.flowHash
    bulk.copy(path.record.header, 0, record.header, 0, record.header.length)
    return path
  }

  protected writeIpHeader(fields: FlowFields): number {
    if (this.ipVersion === 4) return this.writeIpv4Header(fields)
    this.writeIpv6Header(fields)
    return 0
  }

  setHardwareAddresses(
    destinationHigh: number,
    destinationLow: number,
    sourceHigh: number,
    sourceLow: number,
  ): void {
    const { view } = this.record
    emitHardwareAddress(view, 0, destinationHigh, destinationLow)
    emitHardwareAddress(view, 6, sourceHigh, sourceLow)
  }

  /**
   * Identifications stay consecutive on this path. RFC 6864 §4.3 wants them unique among all paths
   * between two hosts, which 16 bits cannot be for long; the transport checksum finds what is put
   * together wrongly.
   */
  allowFragments(): boolean {
    return this.setFlags(0)
  }

  /** Has IPv4 packets go with DF again. */
  forbidFragments(): void {
    this.setFlags(IPV4_DONT_FRAGMENT)
  }

  private setFlags(flags: number): boolean {
    const { view } = this.record
    const offset = ETHERNET_HEADER_LENGTH + IPV4_FRAGMENT_OFFSET
    if (this.ipVersion !== 4 || view.getUint16(offset) === flags) return false
    this.isAltered = true
    this.patchIpv4(IPV4_FRAGMENT_OFFSET, flags)
    return true
  }

  setHopLimit(hopLimit: number): void {
    requireHopLimit(hopLimit)
    this.isAltered = true
    if (this.ipVersion === 4) {
      this.patchIpv4(IPV4_TIME_TO_LIVE_OFFSET, (hopLimit << 8) | this.protocol)
    } else {
      this.record.view.setUint8(ETHERNET_HEADER_LENGTH + IPV6_HOP_LIMIT_OFFSET, hopLimit)
    }
  }

  /** The two ECN bits beside it stay. */
  setDifferentiatedServices(codePoint: number): void {
    requireCodePoint(codePoint)
    this.isAltered = true
    const { view } = this.record
    const first = view.getUint16(ETHERNET_HEADER_LENGTH)
    if (this.ipVersion === 4) this.patchIpv4(0, (first & 0xff03) | (codePoint << 2))
    else view.setUint16(ETHERNET_HEADER_LENGTH, (first & 0xf03f) | (codePoint << 6))
  }

  /** Replaces 16 bits of the IPv4 header, in its sum too. */
  private patchIpv4(offset: number, value: number): void {
    const { view } = this.record
    const before = view.getUint16(ETHERNET_HEADER_LENGTH + offset)
    view.setUint16(ETHERNET_HEADER_LENGTH + offset, value)
    // Subtracted in one's complement.
    this.headerSum = foldSum(this.headerSum + (~before & 0xffff) + value)
    this.plannedLength = -1
  }

  /** The DSCP beside it stays. */
  setCongestionCodepoint(codepoint: number): void {
    if (codepoint === this.codepoint) return
    this.isAltered = true
    const { view } = this.record
    const first = view.getUint16(ETHERNET_HEADER_LENGTH)
    if (this.ipVersion === 4) this.patchIpv4(0, (first & 0xfffc) | codepoint)
    else view.setUint16(ETHERNET_HEADER_LENGTH, (first & 0xffcf) | (codepoint << 4))
    this.codepoint = codepoint
  }

  /**
   * Makes the record one of packets with that many bytes of transport header and payload;
   * `segmentSize` 0 = not segmented.
   */
  prepare(transportHeaderLength: number, payloadLength: number, segmentSize: number): void {
    const { record } = this
    const transportLength = transportHeaderLength + payloadLength
    record.headerLength = this.headerLength + transportHeaderLength
    record.meta = segmentSize === 0 ? this.packetMeta : this.metaOf(segmentSize)
    if (this.plannedLength !== transportLength) this.planLength(transportLength)
    this.identifications = segmentSize === 0 ? 1 : (((payloadLength - 1) / segmentSize) | 0) + 1
  }

  private metaOf(segmentSize: number): PacketMeta {
    const { superSegmentMeta, isWindowReduced } = this
    if (
      superSegmentMeta.segmentationOffloadSize !== segmentSize ||
      superSegmentMeta.congestionWindowReduced !== isWindowReduced
    ) {
      this.superSegmentMeta = this.metaFor(segmentSize)
    }
    return this.superSegmentMeta
  }

  private metaFor(segmentSize: number): PacketMeta {
    if (this.checksumOffset === NO_CHECKSUM) return NO_OFFLOAD
    return {
      segmentationOffloadSize: segmentSize,
      ipVersion: this.ipVersion,
      checksumStart: this.headerLength,
      checksumOffset: this.checksumOffset,
      congestionWindowReduced: segmentSize !== 0 && this.isWindowReduced,
    }
  }

  /**
   * Writes the lengths of packets with `transportLength` bytes after the IP header, and the seed of
   * the transport checksum.
   */
  private planLength(transportLength: number): void {
    const { header } = this.record
    const { checksumOffset } = this
    this.plannedLength = transportLength
    // Two stores cost half of what a method of DataView does.
    if (this.ipVersion === 4) {
      const totalLength = transportLength + IPV4_HEADER_LENGTH
      header[TOTAL_LENGTH] = totalLength >> 8
      header[TOTAL_LENGTH + 1] = totalLength
      this.lengthSum = this.headerSum + totalLength
    } else {
      header[PAYLOAD_LENGTH] = transportLength >> 8
      header[PAYLOAD_LENGTH + 1] = transportLength
    }
    if (checksumOffset === NO_CHECKSUM) return
    const seed = foldSum(this.pseudoHeaderSum + transportLength)
    const checksum = this.headerLength + checksumOffset
    header[checksum] = seed >> 8
    header[checksum + 1] = seed
  }

  private writeIpv4Header(fields: FlowFields): number {
    const { view } = this.record
    const header = ipv4Header
    const flags = fields.dontFragment ? IPV4_DONT_FRAGMENT : 0
    header.trafficClass = fields.trafficClass
    header.flagsAndOffset = flags
    header.timeToLive = fields.hopLimit
    header.protocol = this.protocol
    header.source = this.source.word3
    header.destination = this.destination.word3
    view.setUint16(ETHERNET_TYPE_OFFSET, EtherType.Ipv4)
    emitIpv4(view, ETHERNET_HEADER_LENGTH, header)
    // Addresses and protocol are in the sum of the pseudo-header.
    const first = 0x4500 | fields.trafficClass
    return foldSum(this.pseudoHeaderSum + first + flags + (fields.hopLimit << 8))
  }

  private writeIpv6Header(fields: FlowFields): void {
    const { view } = this.record
    view.setUint16(ETHERNET_TYPE_OFFSET, EtherType.Ipv6)
    const header = ipv6Header
    header.trafficClass = fields.trafficClass
    header.nextHeader = this.protocol
    header.hopLimit = fields.hopLimit
    setAddress(header.source, this.source)
    setAddress(header.destination, this.destination)
    emitIpv6(view, ETHERNET_HEADER_LENGTH, header)
  }
}
