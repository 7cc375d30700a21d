/** One network interface: wires its parts and runs them when its host is polled. */
import type { NetDevice } from '../phy/net-device.ts'
import { ChecksumWork } from '../phy/offload.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import type { Cidr } from '../wire/cidr.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import {
  IPV4_UNSPECIFIED,
  IPV6_UNSPECIFIED,
  type IpAddress,
  isMulticast,
} from '../wire/ip-address.ts'
import { readHardwareHigh, readHardwareLow } from '../wire/mac-address.ts'
import { AddressLifetimes } from './address-lifetimes.ts'
import type { AddressProbe } from './address-probe.ts'
import {
  type AddressOrigin,
  AddressState,
  AddressTable,
  type InterfaceAddress,
  isUsable,
} from './address-table.ts'
import { Arp } from './arp.ts'
import type { AwaitedPorts } from './awaited-ports.ts'
import { ControlSender } from './control-sender.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import { Fragmenter } from './fragments/fragmenter.ts'
import { Reassembler } from './fragments/reassembler.ts'
import type { GroupMembership } from './group-membership.ts'
import { hardwareGroups } from './hardware-groups.ts'
import type { HostAddresses } from './host-addresses.ts'
import { IcmpErrorSender } from './icmp-error-sender.ts'
import { IcmpReceiver } from './icmp-receiver.ts'
import { Igmp } from './igmp.ts'
import { Ingress } from './ingress.ts'
import { Intake } from './intake.ts'
import { createInterfaceCounters, type InterfaceCounters } from './interface-counters.ts'
import { linkLocalAddress } from './interface-identifier.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type InternalLink, InternalPort } from './internal-link.ts'
import { Ipv4Ingress } from './ipv4-ingress.ts'
import { Ipv6Ingress } from './ipv6-ingress.ts'
import { LastFlow } from './last-flow.ts'
import { LinkParameters } from './link-parameters.ts'
import { MulticastListener } from './multicast-listener.ts'
import { NameServers } from './name-servers.ts'
import { NeighborCache } from './neighbor-cache.ts'
import { NeighborDiscovery } from './neighbor-discovery.ts'
import type { NeighborEntry } from './neighbor-entry.ts'
import { PathMtuCache } from './path-mtu-cache.ts'
import type { PathNews } from './path-news.ts'
import type { ProtocolHandler } from './protocol-handler.ts'
import type { RandomSource } from './random-source.ts'
import { createReceivedPacket } from './received-packet.ts'
import { isReportedGroup } from './reported-group.ts'
import type { AddressHost, RouteHost } from './route-host.ts'
import { RouteTable } from './route-table.ts'
import { RouterDiscovery } from './router-discovery.ts'
import type { Solicitor } from './solicitor.ts'
import type { SourceFilter } from './source-filter.ts'
import type { IdentifierFunction } from './stable-identifier.ts'
import { TaskSchedule } from './task-schedule.ts'
import { TransportDelivery } from './transport-delivery.ts'

export interface InterfaceOptions {
  readonly device: NetDevice
  /** Its number among those of the host, from 0 on. */
  readonly index: number
  /** Of the host. */
  readonly internal: InternalLink
  readonly hostAddresses: HostAddresses
  readonly awaitedPorts: AwaitedPorts
  readonly isWeak: boolean
  /** Of the host. */
  readonly news: PathNews
  /** Of the host. */
  readonly deadline: EarliestDeadline
  readonly handlers: readonly (ProtocolHandler | null)[]
  readonly bulk: BulkOperations
  readonly random: RandomSource
  /** Memory for datagrams that arrive in fragments. */
  readonly reassemblyBytes?: number | undefined
}

export class Interface implements Solicitor, AddressHost, RouteHost {
  /** Its number among those of the host. */
  readonly index: number
  readonly counters: InterfaceCounters
  readonly addresses: AddressTable
  readonly routes: RouteTable
  readonly neighbors: NeighborCache
  /** Whom to ask for names, as configured by hand, by DHCP and by routers. */
  readonly nameServers = new NameServers()
  readonly tasks: TaskSchedule
  private readonly deadline: EarliestDeadline
  readonly link: LinkParameters
  readonly lifetimes: AddressLifetimes
  /** Whether somebody has an IPv4 address that we are about to use. */
  readonly probe: AddressProbe
  /** Told when the link has come up, the first time included. */
  readonly onLinkUp: ((nowMs: number) => void)[] = []
  readonly device: NetDevice
  /** For the host. */
  readonly parts: InterfaceParts
  private readonly arp: Arp
  private readonly sender: ControlSender
  private readonly discovery: NeighborDiscovery
  private readonly ipv4: Ipv4Ingress
  private readonly groups4: GroupMembership
  private readonly groups6: GroupMembership
  private readonly reassembler: Reassembler
  private wasLinkUp = false
  private readonly ingress: Ingress
  private readonly intake: Intake

  /** Throws when the device leaves checksums to the stack: see withSoftwareOffload. */
  constructor(options: InterfaceOptions) {
    const { device, bulk, random, index, hostAddresses, isWeak, handlers, deadline } = options
    const internal = new InternalPort(options.internal, index)
    const { tcp, udp } = device.capabilities.checksum
    if (((tcp | udp) & ChecksumWork.Transmit) !== 0) {
      throw new Error('Cannot open an interface: its device does not compute checksums')
    }
    this.device = device
    this.index = options.index
    this.deadline = deadline
    this.counters = createInterfaceCounters()
    this.addresses = new AddressTable()
    hostAddresses.add(this.addresses)
    this.routes = new RouteTable()
    this.link = new LinkParameters(device.capabilities.maxTransmissionUnit)
    this.tasks = new TaskSchedule(deadline)
    this.neighbors = new NeighborCache(this.counters, this.link, deadline, options.news)
    this.lifetimes = new AddressLifetimes(this.addresses, this.tasks, (entry, nowMs) =>
      this.removeAddress(entry, nowMs),
    )
    const hardware = device.hardwareAddress
    const view = new DataView(hardware.buffer, hardware.byteOffset, hardware.byteLength)
    this.parts = {
      ...{ device, index, internal, hostAddresses, isWeak, bulk, random },
      reassemblyBytes: options.reassemblyBytes,
      counters: this.counters,
      addresses: this.addresses,
      routes: this.routes,
      neighbors: this.neighbors,
      link: this.link,
      tasks: this.tasks,
      deadline,
      pathMtus: new PathMtuCache(this.counters, random),
      fragmenter: new Fragmenter(device.tx, internal, bulk, this.counters, random, deadline),
      hardwareHigh: readHardwareHigh(view, 0),
      hardwareLow: readHardwareLow(view, 0),
      maxFrameLength: ETHERNET_HEADER_LENGTH + device.capabilities.maxTransmissionUnit,
    }
    const { parts } = this
    const sender = new ControlSender(parts)
    this.sender = sender
    const packet = createReceivedPacket(options.index)
    const lastFlow = new LastFlow(parts, packet)
    this.arp = new Arp(parts, sender)
    this.probe = this.arp.probe
    const listener = new MulticastListener(parts, sender)
    const igmp = new Igmp(parts, sender)
    this.groups6 = listener.membership
    this.groups4 = igmp.membership
    this.discovery = new NeighborDiscovery(parts, sender, listener)
    const errors = new IcmpErrorSender(parts, sender)
    const icmp = new IcmpReceiver(parts, sender, this.discovery, listener, handlers)
    const delivery = new TransportDelivery(parts, handlers, icmp, errors, igmp, lastFlow)
    const reassembler = new Reassembler(parts, packet, errors)
    this.reassembler = reassembler
    const ipv6 = new Ipv6Ingress(parts, packet, delivery, errors, this.groups6, reassembler)
    this.ipv4 = new Ipv4Ingress(parts, packet, delivery, this.groups4, reassembler)
    this.ingress = new Ingress(parts, this.arp, this.ipv4, ipv6, delivery, lastFlow)
    this.intake = new Intake(device, this.ingress, this.counters, bulk, options.awaitedPorts)
  }

  /**
   * Gives the interface an address and a route to its prefix; returns the entry, whose state tells
   * later what duplicate detection found. IPv6 addresses are optimistic (usable at once, RFC 4429)
   * unless asked otherwise.
   */
  addAddress(
    cidr: Cidr,
    nowMs: number,
    origin: AddressOrigin = 'static',
    optimistic = true,
  ): InterfaceAddress {
    const isIpv4 = cidr.address.version === 4
    const detectedState = optimistic ? AddressState.Optimistic : AddressState.Tentative
    const state = isIpv4 ? AddressState.Preferred : detectedState
    const entry = this.addresses.add(cidr, origin, state)
    // What a router advertises is on the link only where it says so (RFC 5942 §4): see PrefixList.
    if (origin !== 'slaac') this.routes.add(cidr, null)
    this.neighbors.invalidatePaths()
    if (isIpv4) this.arp.announce(cidr.address.word3)
    else this.discovery.addAddress(entry, nowMs)
    return entry
  }

  /** Adds fe80::/64 with the interface identifier made of the hardware address. */
  addLinkLocalAddress(nowMs: number): InterfaceAddress {
    const address = linkLocalAddress(this.parts.hardwareHigh, this.parts.hardwareLow)
    return this.addAddress({ address, prefixLength: 64 }, nowMs, 'link-local')
  }

  removeAddress(entry: InterfaceAddress, nowMs: number): void {
    if (entry.address.version === 6) this.discovery.removeAddress(entry, nowMs)
    this.addresses.remove(entry)
    if (entry.origin !== 'slaac' && !this.addresses.hasOther(entry)) this.routes.remove(entry, null)
    this.neighbors.invalidatePaths()
  }

  /**
   * Receives what is sent to a group from now on, and tells routers and switches so. Each join
   * wants a leave. Throws when the address is no group's, or there are too many.
   */
  joinGroup(group: IpAddress, nowMs: number): void {
    if (!isMulticast(group)) throw new RangeError('Cannot join a group: the address is no group')
    if (isReportedGroup(group)) this.groupsOf(group).join(group, nowMs)
  }

  leaveGroup(group: IpAddress, nowMs: number): void {
    if (isReportedGroup(group)) this.groupsOf(group).leave(group, nowMs)
  }

  /**
   * What `listener` wants of a group from now on, merged with what others want; NO_SOURCES takes
   * all back. Throws when the address is no group's, or there are too many groups or sources.
   */
  listenToGroup(listener: object, group: IpAddress, filter: SourceFilter, nowMs: number): void {
    if (!isMulticast(group)) throw new RangeError('Cannot join a group: the address is no group')
    if (isReportedGroup(group)) this.groupsOf(group).listen(listener, group, filter, nowMs)
  }

  /** Every host is in it, or the interface is, for no listener in particular. */
  isGroupOfAll(address: IpAddress): boolean {
    return !isReportedGroup(address) || this.groupsOf(address).isJoined(address)
  }

  isBroadcast(address: IpAddress): boolean {
    return address.version === 4 && this.addresses.isBroadcast(address.word3)
  }

  /** Where frames to groups that are wanted here come to: what a device need not drop. */
  groupHardwareAddresses(): Uint8Array[] {
    return hardwareGroups([...this.groups4.wantedGroups(), ...this.groups6.wantedGroups()])
  }

  /** `listener` is called after each change of groupHardwareAddresses. */
  onGroupChange(listener: () => void): void {
    for (const groups of [this.groups4, this.groups6]) groups.onChange = listener
  }

  /** Tells a new link of all addresses and groups (RFC 5227 §2.3, RFC 4861 §7.2.6). */
  announce(nowMs: number): void {
    for (const entry of this.addresses.entries) {
      if (!isUsable(entry.state)) continue
      if (entry.address.version === 4) this.arp.announce(entry.address.word3)
      else this.discovery.announce(entry)
    }
    this.arp.dispatch()
    for (const groups of [this.groups4, this.groups6]) groups.announceAll(nowMs)
  }

  private groupsOf(group: IpAddress): GroupMembership {
    return group.version === 4 ? this.groups4 : this.groups6
  }

  /**
   * Has routers configure IPv6 from now on. `identifierOf` is what addresses are made with: with
   * the same key inside they stay the same from one run to the next.
   */
  startRouterDiscovery(identifierOf: IdentifierFunction, nowMs: number): RouterDiscovery {
    const { parts, sender, lifetimes, nameServers } = this
    const routers = new RouterDiscovery({
      ...{ parts, sender, lifetimes, nameServers, identifierOf },
      host: this,
    })
    this.discovery.routers = routers
    this.onLinkUp.push((upMs) => routers.solicit(upMs))
    routers.solicit(nowMs)
    return routers
  }

  /**
   * Takes datagrams for this UDP port whatever address they are sent to: servers send to the
   * address that they are about to give (RFC 2131 §4.1). 0 = no longer.
   */
  acceptUnconfigured(port: number): void {
    this.ipv4.unconfiguredPort = port
  }

  /** Of equal prefixes, the smallest metric is used while its gateway answers. */
  addRoute(prefix: Cidr, gateway: IpAddress | null, metric = 0): void {
    this.routes.add(prefix, gateway, metric)
    this.neighbors.invalidatePaths()
  }

  removeRoute(prefix: Cidr, gateway: IpAddress | null): void {
    this.routes.remove(prefix, gateway)
    const neighbor = gateway === null ? null : this.neighbors.lookup(gateway)
    // No route goes through it any more: it may be evicted like any other.
    if (neighbor !== null && !this.routes.isGateway(neighbor.address)) neighbor.isGateway = false
    this.neighbors.invalidatePaths()
  }

  /** A gateway in none of our prefixes is on the link all the same: it gets a route of its own. */
  addDefaultRoute(gateway: IpAddress): void {
    const isIpv4 = gateway.version === 4
    if (!this.routes.isOnLink(gateway)) {
      this.addRoute({ address: gateway, prefixLength: isIpv4 ? 32 : 128 }, null)
    }
    const address = isIpv4 ? IPV4_UNSPECIFIED : IPV6_UNSPECIFIED
    this.addRoute({ address, prefixLength: 0 }, gateway)
  }

  /** The first half of a turn, before protocols send. True = there may be more to take in. */
  takeIn(nowMs: number): boolean {
    this.device.tx.reclaim()
    if (this.device.link.isUp !== this.wasLinkUp) this.noteLink(nowMs)
    const mayHaveMore = this.intake.take(nowMs)
    // So that senders learn at once of a neighbor that has not answered.
    if (nowMs >= this.deadline.ms) this.neighbors.processTimers(this, nowMs)
    const { fragmenter } = this.parts
    if (fragmenter.remaining > 0) fragmenter.resume(nowMs)
    return mayHaveMore
  }

  /** Takes a frame that the host has sent to itself from an address of this interface. */
  takeInternal(nowMs: number): void {
    this.ingress.processInternal(nowMs)
  }

  /**
   * The second half of a turn: what is due by time, then the device is told. True = addresses have
   * changed, so that what was refused for want of one may go now.
   */
  finishTurn(nowMs: number): boolean {
    const hasNewAddress = nowMs >= this.deadline.ms && this.processTimers(nowMs)
    // After what may have given us an address.
    if (this.arp.hasAnnouncements) this.arp.dispatch()
    this.device.tx.flush()
    return hasNewAddress
  }

  /** When there must be a turn even though nothing arrives; Infinity = never. */
  nextDeadlineMs(): number {
    const { groups4, groups6, tasks, neighbors, reassembler } = this
    return Math.min(
      groups4.nextDeadlineMs,
      groups6.nextDeadlineMs,
      tasks.nextDeadlineMs,
      neighbors.nextDeadlineMs,
      reassembler.table.nextDeadlineMs,
      this.parts.fragmenter.nextDeadlineMs(),
    )
  }

  /** True when addresses have changed. */
  private processTimers(nowMs: number): boolean {
    const { generation } = this.addresses
    const { groups4, groups6, reassembler, tasks, neighbors } = this
    // Before detection (a task), whose probes reach a group that was reported.
    for (const groups of [groups4, groups6]) groups.processTimers(nowMs)
    reassembler.processTimers(nowMs)
    if (nowMs >= tasks.nextDeadlineMs) tasks.processTimers(nowMs)
    neighbors.processTimers(this, nowMs)
    return this.addresses.generation !== generation
  }

  /** For the neighbor cache. */
  maySolicit({ address }: NeighborEntry): boolean {
    return address.version === 4 || this.discovery.maySolicit(address)
  }

  solicit(entry: NeighborEntry, unicast: boolean): void {
    if (entry.address.version === 4) this.arp.solicit(entry, unicast)
    else this.discovery.solicit(entry, unicast)
  }

  /** Behind a link that comes up may be a switch that has not heard of us. */
  private noteLink(nowMs: number): void {
    this.wasLinkUp = this.device.link.isUp
    if (!this.wasLinkUp) return
    for (const groups of [this.groups4, this.groups6]) groups.announceAll(nowMs)
    for (const tell of this.onLinkUp) tell(nowMs)
  }
}
