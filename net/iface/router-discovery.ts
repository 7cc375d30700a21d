/**
 * Asks for routers and takes what they advertise (RFC 4861 §6.3, RFC 7559): routes, prefixes, MTU,
 * hop limit, DNS.
 */
import {
  copyOfAddress,
  IPV6_ALL_ROUTERS,
  type IpAddress,
  isLinkLocal,
  isLoopback,
  isUnicast,
} from '../wire/ip-address.ts'
import { isStationHardwareAddress } from '../wire/mac-address.ts'
import { NDP_HOP_LIMIT } from '../wire/ndp.ts'
import {
  type AdvertisedPrefix,
  emitRouterSolicitation,
  parseRouterAdvertisement,
  type RouterAdvertisement,
} from '../wire/router-advertisement.ts'
import type { AddressLifetimes } from './address-lifetimes.ts'
import type { InterfaceAddress } from './address-table.ts'
import { AdvertisedNames } from './advertised-names.ts'
import type { ControlSender } from './control-sender.ts'
import { DefaultRouterList } from './default-router-list.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { NameServers } from './name-servers.ts'
import { PrefixList } from './prefix-list.ts'
import type { ReceivedPacket } from './received-packet.ts'
import { nextIntervalMs } from './retransmission-interval.ts'
import type { AddressHost, RouteHost } from './route-host.ts'
import type { IdentifierFunction } from './stable-identifier.ts'
import { StatelessAutoconfiguration } from './stateless-autoconfiguration.ts'
import type { TimedTask } from './task-schedule.ts'

/** RFC 7559 §2: IRT is RTR_SOLICITATION_INTERVAL of RFC 4861 §10; MRT is 3600 s. */
const INITIAL_INTERVAL_MS = 4_000
const MAXIMUM_INTERVAL_MS = 3_600_000
/**
 * RFC 4861 §6.3.7 has hosts wait up to 1 s, so that those that start together do not ask together.
 * A guest that a person waits for waits a tenth of it: boots differ by that much anyway.
 */
const MAX_INITIAL_DELAY_MS = 100

export interface RouterDiscoveryOptions {
  readonly parts: InterfaceParts
  readonly sender: ControlSender
  readonly host: AddressHost & RouteHost
  readonly lifetimes: AddressLifetimes
  readonly nameServers: NameServers
  readonly identifierOf: IdentifierFunction
}

export class RouterDiscovery implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  /** Solicitations since routers were last missing. Read only outside. */
  solicitations = 0
  /** Told of each advertisement that says that DHCPv6 knows more. */
  onOtherConfiguration: ((nowMs: number) => void) | null = null
  readonly routers: DefaultRouterList
  readonly autoconfiguration: StatelessAutoconfiguration
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly prefixes: PrefixList
  private readonly names: AdvertisedNames
  /** Infinity = not now, since there is a router. */
  private solicitAtMs = Number.POSITIVE_INFINITY
  private intervalMs = 0

  constructor(options: RouterDiscoveryOptions) {
    this.parts = options.parts
    this.sender = options.sender
    const { counters, neighbors } = options.parts
    this.routers = new DefaultRouterList(options.host, neighbors, counters)
    const isRouter = (address: IpAddress) => this.routers.isRouter(address)
    this.prefixes = new PrefixList(options.host, isRouter, counters)
    this.names = new AdvertisedNames(options.nameServers, isRouter, counters)
    this.autoconfiguration = new StatelessAutoconfiguration(options, isRouter)
    options.parts.tasks.add(this)
  }

  /** Begins to ask: at the start, and when the link has come up. */
  solicit(nowMs: number): void {
    this.solicitations = 0
    this.intervalMs = 0
    this.solicitAtMs = nowMs + ((this.parts.random.nextInt32() >>> 1) % MAX_INITIAL_DELAY_MS)
    this.updateDeadline()
  }

  /** Takes a Router Advertisement that isValidNdp has approved. */
  process(packet: ReceivedPacket, view: DataView, nowMs: number): void {
    const { counters, neighbors } = this.parts
    const source = copyOfAddress(packet.source)
    const { transportOffset, transportLength } = packet
    const advertisement = parseRouterAdvertisement(view, transportOffset, transportLength)
    const { linkLayerHigh: high, linkLayerLow: low } = advertisement
    if (high >= 0 && !isStationHardwareAddress(high, low)) {
      counters.ndpInvalid++
      return
    }
    counters.routerAdvertisements++
    let refused = this.applyLink(advertisement, nowMs)
    const { lifetimeSeconds, preference } = advertisement
    if (!this.routers.update(source, lifetimeSeconds, preference, nowMs)) refused++
    // §6.3.4: the link-layer address "SHOULD be recorded in the Neighbor Cache entry for the
    // router".
    else if (high >= 0 && lifetimeSeconds > 0) neighbors.learn(source, high, low, nowMs)
    for (const prefix of advertisement.prefixes) {
      if (!this.applyPrefix(prefix, source, nowMs)) refused++
    }
    refused += this.names.update(advertisement, source, nowMs)
    counters.routerOptionsRefused += refused
    // RFC 7559 §2.1: an advertisement without a router does not end the questions.
    if (this.routers.routers.length > 0) this.solicitAtMs = Number.POSITIVE_INFINITY
    else if (this.solicitAtMs === Number.POSITIVE_INFINITY) this.resume(nowMs)
    if (advertisement.isManaged || advertisement.hasOtherConfiguration) {
      this.onOtherConfiguration?.(nowMs)
    }
    this.updateDeadline()
  }

  /** A neighbor says that it is no router. */
  withdraw(address: IpAddress, nowMs: number): void {
    if (!this.routers.has(address)) return
    this.routers.update(address, 0, 0, nowMs)
    if (this.routers.routers.length === 0) this.resume(nowMs)
    this.updateDeadline()
  }

  /** Duplicate detection is over for an address. */
  settle(entry: InterfaceAddress, nowMs: number): void {
    this.autoconfiguration.settle(entry, nowMs)
    this.updateDeadline()
  }

  processTimers(nowMs: number): void {
    const hadRouters = this.routers.routers.length > 0
    this.routers.expire(nowMs)
    this.prefixes.expire(nowMs)
    this.names.expire(nowMs)
    this.autoconfiguration.processTimers(nowMs)
    if (hadRouters && this.routers.routers.length === 0) this.resume(nowMs)
    if (nowMs >= this.solicitAtMs) this.sendSolicitation(nowMs)
    this.updateDeadline()
  }

  /**
   * The last router is gone: asked for again, but not as fast as somebody lets routers come and go.
   */
  private resume(nowMs: number): void {
    this.solicitations = 0
    this.intervalMs = 0
    this.solicitAtMs = nowMs + INITIAL_INTERVAL_MS
  }

  private applyLink(advertisement: RouterAdvertisement, nowMs: number): number {
    const { link, neighbors, random } = this.parts
    const { mtu, hopLimit, reachableTimeMs, retransTimerMs } = advertisement
    const { mtu6: mtuBefore, hopLimit: hopLimitBefore } = link
    let refused = mtu !== 0 && !link.setMtu6(mtu) ? 1 : 0
    if (!link.setHopLimit(hopLimit)) refused++
    if (!link.setReachableTime(reachableTimeMs, random, nowMs)) refused++
    if (!link.setRetransTimer(retransTimerMs)) refused++
    // Headers that are kept for the next packet hold both.
    if (link.mtu6 !== mtuBefore || link.hopLimit !== hopLimitBefore) neighbors.invalidatePaths()
    return refused
  }

  /** False when nothing of it was taken. */
  private applyPrefix(advertised: AdvertisedPrefix, router: IpAddress, nowMs: number): boolean {
    const { prefix, prefixLength, validSeconds } = advertised
    // RFC 4861 §6.3.4, RFC 4862 §5.5.3 b: "The link-local prefix" is silently ignored, and so is
    // what no host of a link can have.
    if (prefixLength === 0 || prefixLength > 128 || isLinkLocal(prefix)) return false
    if (!isUnicast(prefix) || isLoopback(prefix)) return false
    let isTaken = true
    if (advertised.isOnLink) {
      isTaken = this.prefixes.update({ address: prefix, prefixLength }, validSeconds, router, nowMs)
    }
    if (advertised.isAutonomous) {
      isTaken = this.autoconfiguration.update(advertised, router, nowMs) && isTaken
    }
    return isTaken
  }

  private sendSolicitation(nowMs: number): void {
    const { random, counters, addresses, hardwareHigh, hardwareLow } = this.parts
    // RFC 4429 §3.2: they "SHOULD be sent from a non-Optimistic or the Unspecified Address;
    // however, they MAY be sent from an Optimistic Address as long as the SLLAO is not included".
    // What comes from nobody is answered to all, which a router does once in three seconds only.
    const sure = addresses.selectCertainSource(IPV6_ALL_ROUTERS)
    const source = sure ?? addresses.selectSource(IPV6_ALL_ROUTERS)
    if (source !== null) {
      const record = this.sender.beginGroup(source, IPV6_ALL_ROUTERS, NDP_HOP_LIMIT)
      const { messageOffset } = this.sender
      const high = sure === null ? -1 : hardwareHigh
      const length = emitRouterSolicitation(record.view, messageOffset, high, hardwareLow)
      if (this.sender.finish(record, length)) counters.routerSolicitationsSent++
    }
    this.solicitations++
    this.intervalMs = nextIntervalMs(
      this.intervalMs,
      INITIAL_INTERVAL_MS,
      MAXIMUM_INTERVAL_MS,
      random,
    )
    this.solicitAtMs = nowMs + this.intervalMs
  }

  private updateDeadline(): void {
    this.nextDeadlineMs = Math.min(
      this.solicitAtMs,
      this.routers.earliestEndMs(),
      this.prefixes.earliestEndMs(),
      this.names.earliestEndMs(),
      this.autoconfiguration.earliestDeadlineMs(),
    )
    this.parts.tasks.update()
  }
}
