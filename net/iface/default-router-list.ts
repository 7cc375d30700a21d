/**
 * The routers that have offered themselves as default, best first, as routes of the interface (RFC
 * 4861 §6.3.4, RFC 4191).
 */
import { IPV6_UNSPECIFIED, type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { NeighborCache } from './neighbor-cache.ts'
import type { RouteHost } from './route-host.ts'

/**
 * What anybody on the link announces must not grow without bound; a newcomer beyond it takes the
 * place of one that does not answer, or is refused.
 */
export const MAX_DEFAULT_ROUTERS = 8

const DEFAULT_ROUTE = { address: IPV6_UNSPECIFIED, prefixLength: 0 }

interface DefaultRouter {
  readonly address: IpAddress
  preference: number
  untilMs: number
}

export class DefaultRouterList {
  /** Best first. Read only outside. */
  routers: readonly DefaultRouter[] = []
  private readonly host: RouteHost
  private readonly neighbors: NeighborCache
  private readonly counters: InterfaceCounters

  constructor(host: RouteHost, neighbors: NeighborCache, counters: InterfaceCounters) {
    this.host = host
    this.neighbors = neighbors
    this.counters = counters
  }

  /**
   * A router says for how long it is one; 0 = no longer. False when there is no room for another.
   */
  update(address: IpAddress, lifetimeSeconds: number, preference: number, nowMs: number): boolean {
    const known = this.routers.find((router) => isSameAddress(router.address, address))
    if (lifetimeSeconds === 0) {
      if (known !== undefined) this.replace(this.routers.filter((router) => router !== known))
      return true
    }
    const untilMs = nowMs + lifetimeSeconds * 1000
    if (known === undefined) {
      let { routers } = this
      if (routers.length === MAX_DEFAULT_ROUTERS) {
        const silent = routers.findLast((router) => this.isSilent(router.address))
        if (silent === undefined) return false
        routers = routers.filter((router) => router !== silent)
        this.counters.routerOptionsEvicted++
      }
      this.replace([...routers, { address, preference, untilMs }])
      return true
    }
    known.untilMs = untilMs
    if (known.preference !== preference) {
      known.preference = preference
      this.replace([...this.routers])
    }
    return true
  }

  has(address: IpAddress): boolean {
    return this.routers.some((router) => isSameAddress(router.address, address))
  }

  /** True when it is one of them that is not known to be silent. */
  isRouter(address: IpAddress): boolean {
    return this.has(address) && !this.isSilent(address)
  }

  /** When the first of them ends; Infinity without one. */
  earliestEndMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.routers.map((router) => router.untilMs))
  }

  expire(nowMs: number): void {
    const left = this.routers.filter((router) => nowMs < router.untilMs)
    if (left.length < this.routers.length) this.replace(left)
  }

  private isSilent(address: IpAddress): boolean {
    return this.neighbors.lookup(address)?.hasFailed === true
  }

  /**
   * The first of equal routes is taken: so the order of preference is the order in which they are
   * added.
   */
  private replace(routers: DefaultRouter[]): void {
    for (const { address } of this.routers) this.host.removeRoute(DEFAULT_ROUTE, address)
    routers.sort((a, b) => b.preference - a.preference)
    this.routers = routers
    for (const { address } of routers) this.host.addRoute(DEFAULT_ROUTE, address)
  }
}
