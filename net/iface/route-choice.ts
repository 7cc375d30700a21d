/**
 * By which interface and which of its routes packets leave: the longest prefix of all (RFC 1122
 * §3.3.1), from an address of that interface (§3.3.4.2, RFC 6724 §4).
 */
import {
  type IpAddress,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUnspecified,
} from '../wire/ip-address.ts'
import { type HostAddresses, NO_INTERFACE } from './host-addresses.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { Route } from './route-table.ts'

export class RouteChoice {
  private readonly interfaces: readonly InterfaceParts[]
  private readonly addresses: HostAddresses
  /** RFC 1122 §3.3.4.2, weak ES model: an address is good on every interface. */
  private readonly isWeak: boolean

  constructor(interfaces: readonly InterfaceParts[], addresses: HostAddresses, isWeak: boolean) {
    this.interfaces = interfaces
    this.addresses = addresses
    this.isWeak = isWeak
  }

  /**
   * The zone that an address is of, where it is a link-local one: `interfaceIndex` or, where that
   * is not known, that of a link-local source (RFC 4007 §6).
   */
  zoneOf(address: IpAddress, source: IpAddress | null, interfaceIndex: number): number {
    if (interfaceIndex !== NO_INTERFACE || source === null) return interfaceIndex
    if (!isLinkLocal(address) || !isLinkLocal(source)) return interfaceIndex
    return this.addresses.ownerOf(source)
  }

  /**
   * True for an address of this host, of a link-local one only on the link that is meant (RFC 4007
   * §6).
   */
  isOurs(address: IpAddress, interfaceIndex: number): boolean {
    if (interfaceIndex !== NO_INTERFACE && isLinkLocal(address)) {
      return this.interfaces[interfaceIndex]?.addresses.isLocal(address) ?? false
    }
    return this.addresses.isLocal(address)
  }

  /** The interface that has the address: `preferred` if it does, or if none has. */
  ownerOf(address: IpAddress, preferred: number): number {
    const { interfaces } = this
    const fallback = preferred === NO_INTERFACE ? 0 : preferred
    if (interfaces.length === 1) return 0
    if (interfaces[fallback]!.addresses.isLocal(address)) return fallback
    const owner = this.addresses.ownerOf(address)
    return owner === NO_INTERFACE ? fallback : owner
  }

  /** True when packets from that address may leave by the interface. */
  mayLeave(source: IpAddress, { addresses }: InterfaceParts): boolean {
    if (addresses.isLocal(source) || isUnspecified(source) || isLoopback(source)) return true
    return this.isWeak && !isLinkLocal(source) && this.addresses.isLocal(source)
  }

  /** RFC 4007 §6: a link-local address is of no other link, with a weak host either. */
  private staysHome(source: IpAddress): boolean {
    return !this.isWeak || isLinkLocal(source)
  }

  /** Null when there is no interface of that number, or none that leads to the destination. */
  choose(
    destination: IpAddress,
    source: IpAddress | null,
    interfaceIndex: number,
  ): InterfaceParts | null {
    const { interfaces } = this
    const ofLink = destination.version === 6 && isLinkLocal(destination)
    if (interfaceIndex !== NO_INTERFACE) {
      const own = interfaces[interfaceIndex] ?? null
      if (source === null || this.staysHome(source) || ofLink || own === null) return own
    }
    if (interfaces.length === 1) return interfaces[0]!
    if (source !== null && this.staysHome(source) && !isUnspecified(source)) {
      const owner = this.addresses.ownerOf(source)
      if (owner !== NO_INTERFACE) return interfaces[owner]!
    }
    // RFC 4007 §6: nothing says which link is meant.
    if (ofLink) return null
    return this.chooseBest(destination, source === null, interfaceIndex)
  }

  /**
   * Of equal prefixes, a way that works goes before one that does not, then the smaller metric,
   * then the interface that is preferred, then the first.
   */
  private chooseBest(
    destination: IpAddress,
    needsSource: boolean,
    preferred: number,
  ): InterfaceParts | null {
    let best: InterfaceParts | null = null
    let bestRank = NO_WAY
    for (const parts of this.interfaces) {
      const rank = rankOf(parts, destination, needsSource)
      const isBetter = compareRanks(rank, bestRank)
      if (isBetter > 0 || (isBetter === 0 && parts.index === preferred && rank !== NO_WAY)) {
        best = parts
        bestRank = rank
      }
    }
    return best
  }
}

interface Rank {
  /** -1 = there is no way; of groups, which have no routes everywhere, 0 at least. */
  readonly prefixLength: number
  readonly works: boolean
  readonly metric: number
}

const NO_WAY: Rank = { prefixLength: -1, works: false, metric: 0 }

function rankOf(parts: InterfaceParts, destination: IpAddress, needsSource: boolean): Rank {
  const { routes, addresses, device } = parts
  const { isUp } = device.link
  const route = routes.lookup(destination)
  if (needsSource && addresses.selectSource(destination, route?.gateway) === null) return NO_WAY
  if (isGroup(parts, destination)) {
    const prefixLength = route === null ? 0 : route.prefix.prefixLength
    return { prefixLength, works: isUp, metric: route?.metric ?? 0 }
  }
  if (route === null) return NO_WAY
  const works = isUp && hasGateway(parts, route)
  return { prefixLength: route.prefix.prefixLength, works, metric: route.metric }
}

function compareRanks(a: Rank, b: Rank): number {
  return a.prefixLength - b.prefixLength || Number(a.works) - Number(b.works) || b.metric - a.metric
}

/** The route, or another with its prefix, leads to a gateway that is not known to be silent. */
function hasGateway({ routes, neighbors }: InterfaceParts, best: Route): boolean {
  for (let route: Route | null = best; route !== null; route = routes.lookupAfter(route)) {
    const { gateway } = route
    if (gateway === null || neighbors.lookup(gateway)?.hasFailed !== true) return true
  }
  return false
}

/**
 * The best route whose gateway answers, of those with the longest prefix (RFC 1122 §3.3.1.4, RFC
 * 4861 §6.3.6). Those that do not are asked on as long as they are wanted, so that they are used
 * again once they are back.
 */
export function findRoute(
  { routes, neighbors }: InterfaceParts,
  destination: IpAddress,
  nowMs: number,
): Route | null {
  const best = routes.lookup(destination)
  for (let route = best; route !== null; route = routes.lookupAfter(route)) {
    const { gateway } = route
    if (gateway === null || neighbors.lookup(gateway)?.hasFailed !== true) return route
    neighbors.use(gateway, true, nowMs)
  }
  return best
}

/** A multicast group, or a broadcast address of the interface. */
export function isGroup({ addresses }: InterfaceParts, destination: IpAddress): boolean {
  return (
    isMulticast(destination) ||
    (destination.version === 4 && addresses.isBroadcast(destination.word3))
  )
}
