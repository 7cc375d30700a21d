/**
 * How transports send: flows resolved once, and a record for each in which few fields change from
 * packet to packet.
 */
import { gatherTransmit } from '../phy/gather.ts'
import { AddressScope, scopeOf } from '../wire/address-policy.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  type IpAddress,
  isIpv4Mapped,
  isLinkLocal,
  isLoopback,
  isUnspecified,
} from '../wire/ip-address.ts'
import { IPV4_CHECKSUM_OFFSET, IPV4_IDENTIFICATION_OFFSET, IpProtocol } from '../wire/ipv4.ts'
import { NO_CHECKSUM } from '../wire/transport-header.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import { ORDINARY_FIELDS } from './flow-fields.ts'
import type { FlowPath } from './flow-path.ts'
import { MESSAGE_OFFSET } from './fragments/fragmenter.ts'
import { NO_INTERFACE } from './host-addresses.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { NOWHERE } from './internal-link.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import { DEFAULT_HOP_LIMIT, linkMtu } from './link-parameters.ts'
import { NeighborState } from './neighbor-entry.ts'
import { useNextHop } from './next-hop.ts'
import { PathFactory } from './path-factory.ts'
import { noteBlackHole, noteMtuProbe, planSearch } from './path-mtu-search.ts'
import type { PathNews } from './path-news.ts'
import { hasAdvanced, RECHECK_MS } from './path-progress.ts'
import type {
  Egress,
  Flow,
  FlowFields,
  PacketOrigin,
  ReplyFlow,
  SegmentationUse,
} from './protocol-handler.ts'
import { RecentPath } from './recent-path.ts'
import { ReplyPath } from './reply-path.ts'
import { findRoute, isGroup, type RouteChoice } from './route-choice.ts'
import { SeriesEgress } from './series-egress.ts'

/** Places in the headers of an IPv4 packet. */
const IDENTIFICATION = ETHERNET_HEADER_LENGTH + IPV4_IDENTIFICATION_OFFSET
const HEADER_CHECKSUM = ETHERNET_HEADER_LENGTH + IPV4_CHECKSUM_OFFSET

export class FlowEgress implements Egress {
  /** A packet was refused since this was cleared: device full, link down, neighbor unresolved. */
  refused = false
  readonly segmentation: SegmentationUse = { tcpv4: true, tcpv6: true, udp: true }
  /** Of the poll under way: for paths that are opened in it. */
  nowMs = 0
  hasInternalFlows = false
  readonly wayCount: number
  readonly news: PathNews
  readonly deadline: EarliestDeadline
  private readonly interfaces: readonly InterfaceParts[]
  private readonly choice: RouteChoice
  private readonly groupDestination: LinkDestination = { high: 0, low: 0 }
  private readonly paths: PathFactory
  private readonly series = new SeriesEgress()
  /** Of a host with one interface: elsewhere its choice depends on the others' routes too. */
  private readonly recent: RecentPath | null
  private readonly resolveModel = (path: FlowPath, nowMs: number) => this.lookUp(path, nowMs)

  constructor(interfaces: readonly InterfaceParts[], choice: RouteChoice, news: PathNews) {
    this.news = news
    this.interfaces = interfaces
    this.choice = choice
    const { random, bulk, device, deadline } = interfaces[0]!
    this.deadline = deadline
    const isPlain = interfaces.length === 1 && !device.capabilities.hasTransmitQueues
    this.wayCount = isPlain ? 1 : interfaces.length + 1
    this.paths = new PathFactory(random, bulk)
    this.recent = interfaces.length === 1 ? new RecentPath() : null
  }

  openFlow(
    destination: IpAddress,
    source: IpAddress | null,
    protocol: number,
    fields: FlowFields = ORDINARY_FIELDS,
    interfaceIndex = NO_INTERFACE,
  ): Flow | null {
    const { choice, recent } = this
    const mayRecur = recent !== null && source !== null && fields === ORDINARY_FIELDS
    if (mayRecur && interfaceIndex <= 0) {
      const model = recent.modelFor(source, destination, protocol, this.nowMs, this.resolveModel)
      if (model !== null) return recent.takeSpare(model) ?? this.paths.copy(model)
    }
    if (isUnspecified(destination) || isIpv4Mapped(destination)) return null
    // RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: such packets must never leave a host.
    const zone = choice.zoneOf(destination, source, interfaceIndex)
    if (isLoopback(destination) || choice.isOurs(destination, zone)) {
      const own = source ?? destination
      const owner = choice.ownerOf(own, zone)
      let place = owner
      // RFC 4007 §6: in the zone that is named, whichever interface has the source.
      if (isLinkLocal(destination)) {
        place = choice.ownerOf(destination, zone === NO_INTERFACE ? owner : zone)
      }
      // RFC 4007 §5: the zone of one link-local address is not that of the other.
      if (isLinkLocal(own) && place !== owner) return null
      return this.openPath(this.interfaces[place]!, own, destination, protocol, fields, true)
    }
    if (source !== null && isLoopback(source)) return null
    const parts = choice.choose(destination, source, interfaceIndex)
    if (parts === null) return null
    const { addresses, routes } = parts
    const route = routes.lookup(destination)
    let scope: number = AddressScope.Global
    if (isGroup(parts, destination)) {
      // RFC 9293 MUST-46: "A TCP implementation MUST reject as an error a local OPEN call for an
      // invalid remote IP address (e.g., a broadcast or multicast address)."
      if (protocol === IpProtocol.Tcp) return null
      // RFC 4291 §2.7: none of scope 0 may be sent, and those of scope 1 reach no link.
      scope = scopeOf(destination)
      if (scope === 0) return null
    } else if (route === null) {
      return null
    }
    const chosen = source ?? addresses.selectSource(destination, route?.gateway)
    if (chosen === null) return null
    const path = this.openPath(parts, chosen, destination, protocol, fields, false)
    if (scope === AddressScope.InterfaceLocal && path !== null) path.tx = NOWHERE
    if (path !== null && mayRecur) this.noteOpened(path, recent)
    return path
  }

  closeFlow(flow: Flow): void {
    this.recent?.giveBack(flow as FlowPath)
  }

  private openPath(
    parts: InterfaceParts,
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    fields: FlowFields,
    isInternal: boolean,
  ): FlowPath | null {
    const { link, internal, device } = parts
    if (source.version !== destination.version) return null
    const ownLimit = destination.version === 4 ? DEFAULT_HOP_LIMIT : link.hopLimit
    const hopLimit = fields.hopLimit === 0 ? ownLimit : fields.hopLimit
    const { trafficClass, dontFragment } = fields
    // Not spread: a connection pays for it.
    const written = { hopLimit, trafficClass, dontFragment }
    const mtu = linkMtu(parts.link, destination.version)
    const path = this.paths.make(source, destination, protocol, mtu, written)
    path.parts = parts
    path.interfaceIndex = this.choice.ownerOf(source, parts.index)
    path.zone = parts.index
    path.tx = isInternal ? internal : device.tx
    if (isInternal) this.hasInternalFlows = true
    // Sizes are planned before the first packet resolves the path.
    this.adoptPathMtu(path, this.nowMs)
    return path
  }

  /** Of the second path in a row between the same ends a copy is kept, for those that follow. */
  private noteOpened(path: FlowPath, recent: RecentPath): void {
    const { source, destination, protocol } = path
    if (!recent.isAskedAgain(source, destination, protocol)) return
    const model = this.paths.copy(path)
    if (this.lookUp(model, this.nowMs)) recent.keep(model)
  }

  prepare(
    flow: Flow,
    transportHeaderLength: number,
    payloadLength: number,
    segmentSize: number,
    nowMs: number,
  ): boolean {
    const path = flow as FlowPath
    const isResolved =
      nowMs < path.validUntilMs && path.generation === path.parts.neighbors.generation
    if (!isResolved && !this.resolve(path, nowMs)) return false
    path.prepare(transportHeaderLength, payloadLength, segmentSize)
    return true
  }

  openReplyFlow(ipVersion: 4 | 6, protocol: number, arrivalIndex: number): ReplyFlow {
    const parts = this.interfaces[arrivalIndex]!
    const path = new ReplyPath(ipVersion, protocol, linkMtu(parts.link, ipVersion))
    path.parts = parts
    path.zone = arrivalIndex
    path.tx = parts.device.tx
    return path
  }

  prepareReply(
    flow: Flow,
    origin: PacketOrigin,
    transportHeaderLength: number,
    nowMs: number,
  ): boolean {
    const path = flow as ReplyPath
    if (!path.aimAt(origin, nowMs)) return false
    path.prepare(transportHeaderLength, 0, 0)
    return true
  }

  submit(flow: Flow): boolean {
    const path = flow as FlowPath
    const { record, identification } = path
    if (path.ipVersion === 4) {
      const { header } = record
      // Octets of an array: a store costs half of what a method of DataView does.
      header[IDENTIFICATION] = identification >> 8
      header[IDENTIFICATION + 1] = identification
      // Three terms of 16 bits: two end-around carries at most.
      let sum = path.lengthSum + identification
      if (sum > 0xffff) sum -= 0xffff
      if (sum > 0xffff) sum -= 0xffff
      header[HEADER_CHECKSUM] = ~sum >> 8
      header[HEADER_CHECKSUM + 1] = ~sum
    }
    if (!path.tx.submit(record)) {
      this.refused = true
      return false
    }
    // RFC 6864 §4.1 allows any value where DF is set; receivers that coalesce want consecutive
    // ones.
    path.identification = (path.identification + path.identifications) & 0xffff
    path.parts.counters.framesSent++
    return true
  }

  submitSeries(flow: Flow, length: number, count: number): number {
    const sent = this.series.submit(flow as FlowPath, length, count)
    if (sent === 0) this.refused = true
    return sent
  }

  submitFragments(flow: Flow, nowMs: number): boolean {
    const path = flow as FlowPath
    if (path.tx === NOWHERE) return true
    const { bulk, fragmenter } = path.parts
    const { record, headerLength } = path
    const buffer = fragmenter.open()
    if (buffer === null) {
      this.refused = true
      return false
    }
    const frameLength = gatherTransmit(record, buffer, MESSAGE_OFFSET - headerLength, bulk)
    const length = frameLength - headerLength
    if (path.checksumOffset !== NO_CHECKSUM) {
      // The seed lies in the field, so the sum over all of it is the checksum, which no device
      // computes over fragments.
      let checksum = ~bulk.checksum(buffer, MESSAGE_OFFSET, length, 0) & 0xffff
      // RFC 768: a computed zero is sent as all ones.
      if (checksum === 0 && path.protocol === IpProtocol.Udp) checksum = 0xffff
      buffer[MESSAGE_OFFSET + path.checksumOffset] = checksum >> 8
      buffer[MESSAGE_OFFSET + path.checksumOffset + 1] = checksum
    }
    const { source, destination, pathMtu } = path
    if (fragmenter.send(source, destination, length, pathMtu, record.flowHash, nowMs)) return true
    this.refused = true
    return false
  }

  superSegmentLimit(flow: Flow, transportHeaderLength: number): number {
    const path = flow as FlowPath
    const { segmentation } = path.parts.device.capabilities
    const isIpv4 = path.ipVersion === 4
    let limit = isIpv4 ? segmentation.tcpv4 : segmentation.tcpv6
    let isUsed = isIpv4 ? this.segmentation.tcpv4 : this.segmentation.tcpv6
    if (path.protocol === IpProtocol.Udp) {
      limit = isIpv4 ? segmentation.udpv4 : segmentation.udpv6
      isUsed = this.segmentation.udp
    }
    if (limit === undefined || !isUsed) return 0
    return limit - path.headerLength - transportHeaderLength
  }

  isUnreachable(flow: Flow, nowMs: number): boolean {
    const path = flow as FlowPath
    if (path.generation !== path.parts.neighbors.generation) this.lookUp(path, nowMs)
    return path.noRoute || (path.neighbor?.unreachable ?? false)
  }

  isCutOff(flow: Flow): boolean {
    return this.interfaces.length > 1 && !(flow as FlowPath).parts.device.link.isUp
  }

  wayOf(flow: Flow): number {
    const { parts, tx } = flow as FlowPath
    return tx === parts.internal ? this.interfaces.length : parts.index
  }

  isWayOpen(way: number): boolean {
    return this.interfaces[way]?.device.link.isUp ?? true
  }

  suspect(flow: Flow, nowMs: number): void {
    const { neighbor, generation, parts } = flow as FlowPath
    const { neighbors } = parts
    // With another generation the entry may have left the cache; the path is resolved anew anyway.
    if (neighbor !== null && generation === neighbors.generation) neighbors.suspect(neighbor, nowMs)
  }

  noteBlackHole(flow: Flow, nowMs: number): boolean {
    return noteBlackHole(flow as FlowPath, nowMs)
  }

  noteMtuProbe(flow: Flow, probedMtu: number, hasArrived: boolean, nowMs: number): void {
    noteMtuProbe(flow as FlowPath, probedMtu, hasArrived, nowMs)
    this.adoptPathMtu(flow as FlowPath, nowMs)
  }

  /**
   * Brings what the path carries up to date: what others have learned of it, and forgotten after
   * its time.
   */
  private adoptPathMtu(path: FlowPath, nowMs: number): void {
    const { pathMtus } = path.parts
    const known = pathMtus.find(path.destination, nowMs)
    const link = linkMtu(path.parts.link, path.ipVersion)
    const mtu = known === null ? link : Math.min(link, known.mtu)
    path.pathMtu = Math.min(mtu, path.blackHoleMtu)
    if (path.blackHoleMtu !== Number.POSITIVE_INFINITY) planSearch(path, mtu, nowMs)
    if (known?.mayFragment) {
      // A flow that goes without DF anyway goes on without it when this is forgotten.
      if (path.allowFragments()) path.isWithoutDfByCache = true
    } else if (path.isWithoutDfByCache) {
      path.forbidFragments()
      path.isWithoutDfByCache = false
    }
  }

  /**
   * Brings the record's hardware addresses up to date; false, and the packet refused, while there
   * are none.
   */
  private resolve(path: FlowPath, nowMs: number): boolean {
    if (this.lookUp(path, nowMs)) return true
    this.refused = true
    path.isResolving = true
    return false
  }

  private lookUp(path: FlowPath, nowMs: number): boolean {
    const { parts } = path
    const { neighbors, hardwareHigh, hardwareLow } = parts
    const group = this.groupDestination
    path.generation = neighbors.generation
    path.validUntilMs = Number.NEGATIVE_INFINITY
    path.noRoute = false
    path.isResolving = false
    path.neighbor = null
    this.adoptPathMtu(path, nowMs)
    const isInternal = path.tx === parts.internal
    // To ourselves it may come from any interface.
    const from = isInternal ? this.interfaces[path.interfaceIndex]! : parts
    if (!this.choice.mayLeave(path.source, from)) {
      path.noRoute = true
      path.isSourceLost = true
      path.isAltered = true
      return false
    }
    if (isInternal) return this.lookUpInternal(path, nowMs)
    if (isGroup(parts, path.destination)) {
      resolveGroup(path.destination, group)
      path.setHardwareAddresses(group.high, group.low, hardwareHigh, hardwareLow)
      path.validUntilMs = Number.POSITIVE_INFINITY
      return true
    }
    const route = findRoute(parts, path.destination, nowMs)
    if (route === null) {
      path.noRoute = true
      return false
    }
    const entry = useNextHop(parts, path.source, path.destination, route, nowMs)
    path.neighbor = entry
    if (entry === null || !entry.isUsable()) return false
    if (path.progress !== null && hasAdvanced(path, nowMs)) neighbors.confirmProgress(entry, nowMs)
    path.setHardwareAddresses(entry.hardwareHigh, entry.hardwareLow, hardwareHigh, hardwareLow)
    path.validUntilMs =
      entry.state === NeighborState.Reachable ? entry.reachableUntilMs : nowMs + RECHECK_MS
    return true
  }

  /**
   * The frames have no hardware addresses; there is no way any more once the destination is ours no
   * longer.
   */
  private lookUpInternal(path: FlowPath, nowMs: number): boolean {
    const { destination, parts } = path
    path.noRoute = !isLoopback(destination) && !this.choice.isOurs(destination, parts.index)
    if (path.noRoute) return false
    // The generation says nothing of a source that another interface has.
    const isOfOne = path.interfaceIndex === parts.index
    path.validUntilMs = isOfOne ? Number.POSITIVE_INFINITY : nowMs + RECHECK_MS
    return true
  }
}
