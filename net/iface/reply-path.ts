/**
 * The path of answers that belong to no flow: one record that is pointed at one peer after the
 * other, so that a flood costs no memory.
 */
import { addWord, foldSum, pseudoHeaderSum } from '../wire/checksum.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  type AddressRecord,
  createAddressRecord,
  emitIpAddress,
  hashAddress,
  IPV4_UNSPECIFIED,
  IPV6_UNSPECIFIED,
  type IpAddress,
  isSameAddress,
  setAddress,
} from '../wire/ip-address.ts'
import { IPV4_DESTINATION_OFFSET, IPV4_SOURCE_OFFSET } from '../wire/ipv4.ts'
import { IPV6_DESTINATION_OFFSET, IPV6_HOP_LIMIT_OFFSET, IPV6_SOURCE_OFFSET } from '../wire/ipv6.ts'
import { ORDINARY_FIELDS } from './flow-fields.ts'
import { FlowPath } from './flow-path.ts'
import { DEFAULT_HOP_LIMIT, linkMtu } from './link-parameters.ts'
import { NeighborState } from './neighbor-entry.ts'
import { RECHECK_MS } from './path-progress.ts'
import type { FlowFields, PacketOrigin, ReplyFlow } from './protocol-handler.ts'

export class ReplyPath extends FlowPath implements ReplyFlow {
  declare readonly source: AddressRecord
  declare readonly destination: AddressRecord
  /** Of answers for nobody, until a connection's are to say something else. */
  fields: FlowFields = ORDINARY_FIELDS
  /** What the header is written from: `fields`, with a hop limit in any case. */
  private readonly written: { -readonly [Name in keyof FlowFields]: FlowFields[Name] }
  /** IPv4: sum of a header whose addresses are zero. */
  private bareHeaderSum: number

  constructor(ipVersion: 4 | 6, protocol: number, mtu: number) {
    const source = createAddressRecord(ipVersion)
    const destination = createAddressRecord(ipVersion)
    const written = { ...ORDINARY_FIELDS, hopLimit: DEFAULT_HOP_LIMIT }
    super(source, destination, protocol, mtu, 0, written)
    this.written = written
    this.bareHeaderSum = this.headerSum
  }

  /** Peers of two listeners can have it called with each packet, so it makes no object. */
  setFields(fields: FlowFields): void {
    const { written } = this
    this.fields = fields
    written.hopLimit = fields.hopLimit === 0 ? DEFAULT_HOP_LIMIT : fields.hopLimit
    written.trafficClass = fields.trafficClass
    written.dontFragment = fields.dontFragment
    const nobody = this.ipVersion === 4 ? IPV4_UNSPECIFIED : IPV6_UNSPECIFIED
    setAddress(this.source, nobody)
    setAddress(this.destination, nobody)
    this.pseudoHeaderSum = pseudoHeaderSum(nobody, nobody, this.protocol)
    this.bareHeaderSum = this.writeIpHeader(written)
    // It leads to nobody now.
    this.validUntilMs = Number.NEGATIVE_INFINITY
  }

  /**
   * To where `origin` came from, from now on; false when there is no route. Whoever asks again is
   * as a rule who asked last, and the header is right for it already.
   */
  aimAt(origin: PacketOrigin, nowMs: number): boolean {
    const { parts } = this
    const { link, routes, neighbors, hardwareHigh, hardwareLow } = parts
    const { source, destination } = origin
    if ((origin.linkSourceHigh | origin.linkSourceLow) === 0) {
      this.tx = parts.internal
      this.validUntilMs = Number.NEGATIVE_INFINITY
      this.redirect(destination, source)
      this.setHardwareAddresses(0, 0, 0, 0)
      return true
    }
    if (nowMs < this.validUntilMs && this.generation === neighbors.generation) {
      const { source: from, destination: to } = this
      if (isSameAddress(to, source) && isSameAddress(from, destination)) {
        this.beginAnswer()
        return true
      }
    }
    this.tx = parts.device.tx
    this.validUntilMs = Number.NEGATIVE_INFINITY
    const route = routes.lookup(source)
    if (route === null) return false
    const nextHop = route.gateway ?? source
    const entry = neighbors.lookup(nextHop)
    let high = origin.linkSourceHigh
    let low = origin.linkSourceLow
    if (entry?.isUsable()) {
      // One that has been silent for long is verified, as by a flow; it is in the cache, so the
      // call creates none.
      if (entry.state !== NeighborState.Reachable || nowMs >= entry.reachableUntilMs) {
        neighbors.use(nextHop, route.gateway !== null, nowMs)
        this.validUntilMs = nowMs + RECHECK_MS
      } else {
        this.validUntilMs = entry.reachableUntilMs
      }
      high = entry.hardwareHigh
      low = entry.hardwareLow
    }
    // Routers may have said otherwise since it was opened.
    this.pathMtu = linkMtu(link, this.ipVersion)
    this.redirect(destination, source)
    this.setHardwareAddresses(high, low, hardwareHigh, hardwareLow)
    // After `use`, which may have changed it.
    this.generation = neighbors.generation
    return true
  }

  /**
   * From `source` to `destination` from now on. The lengths are planned anew with the next packet.
   */
  private redirect(source: IpAddress, destination: IpAddress): void {
    const { view, header } = this.record
    const ip = ETHERNET_HEADER_LENGTH
    setAddress(this.source, source)
    setAddress(this.destination, destination)
    this.record.flowHash = hashAddress(destination)
    if (this.ipVersion === 4) {
      emitIpAddress(view, ip + IPV4_SOURCE_OFFSET, source)
      emitIpAddress(view, ip + IPV4_DESTINATION_OFFSET, destination)
      const sum = addWord(addWord(this.bareHeaderSum, source.word3), destination.word3)
      this.headerSum = foldSum(sum)
    } else {
      // Routers may have said another since it was opened.
      const { hopLimit } = this.fields
      header[ip + IPV6_HOP_LIMIT_OFFSET] = hopLimit === 0 ? this.parts.link.hopLimit : hopLimit
      emitIpAddress(view, ip + IPV6_SOURCE_OFFSET, source)
      emitIpAddress(view, ip + IPV6_DESTINATION_OFFSET, destination)
    }
    this.pseudoHeaderSum = pseudoHeaderSum(source, destination, this.protocol)
    this.beginAnswer()
  }

  private beginAnswer(): void {
    // A count would tell one peer how many answers others get. They are never fragmented: RFC 6864
    // §4.1 lets them all have the same.
    this.identification = 0
    // The checksum's seed is written anew with the lengths.
    this.plannedLength = -1
  }
}
