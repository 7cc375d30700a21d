/** Where packets go next: longest prefix match over on-link prefixes and gateways. */
import { type Cidr, isInPrefix } from '../wire/cidr.ts'
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'

/**
 * Bounds what routers and servers may announce; more than all their limits together, beside some
 * routes configured by hand.
 */
export const MAX_ROUTES = 64

export interface Route {
  readonly prefix: Cidr
  /** Null = the destination itself is on the link. */
  readonly gateway: IpAddress | null
  /** Of routes with the same prefix, the one with the smallest is used while it works. */
  readonly metric: number
}

export class RouteTable {
  /** Read only outside. */
  readonly routes: Route[] = []

  /**
   * Throws when the table is full. The same prefix and gateway again changes the metric at most.
   */
  add(prefix: Cidr, gateway: IpAddress | null, metric = 0): void {
    if (gateway !== null && gateway.version !== prefix.address.version) {
      throw new RangeError('Cannot add route: gateway is of another family')
    }
    const known = this.indexOf(prefix, gateway)
    if (known >= 0) this.routes.splice(known, 1)
    if (this.routes.length === MAX_ROUTES) {
      throw new RangeError(`Cannot add route: the table holds ${MAX_ROUTES}`)
    }
    this.routes.push({ prefix, gateway, metric })
    // Longest first, so that the first match is the best one; among equals those that were there
    // before.
    this.routes.sort((a, b) => b.prefix.prefixLength - a.prefix.prefixLength || a.metric - b.metric)
  }

  get hasRoom(): boolean {
    return this.routes.length < MAX_ROUTES
  }

  has(prefix: Cidr, gateway: IpAddress | null): boolean {
    return this.indexOf(prefix, gateway) >= 0
  }

  remove(prefix: Cidr, gateway: IpAddress | null): void {
    const index = this.indexOf(prefix, gateway)
    if (index >= 0) this.routes.splice(index, 1)
  }

  /** The longest matching route, or null. */
  lookup(destination: IpAddress): Route | null {
    const { routes } = this
    // Not `for of`, whose iterator each new path would pay for.
    for (let index = 0; index < routes.length; index++) {
      const route = routes[index]!
      const { address, prefixLength } = route.prefix
      if (isInPrefix(destination, address, prefixLength)) return route
    }
    return null
  }

  /** The next best with the same prefix, for when a route does not work; null = there is none. */
  lookupAfter(route: Route): Route | null {
    const { address, prefixLength } = route.prefix
    for (let index = this.routes.indexOf(route) + 1; index < this.routes.length; index++) {
      const next = this.routes[index]!
      if (next.prefix.prefixLength !== prefixLength) break
      if (isInPrefix(next.prefix.address, address, prefixLength)) return next
    }
    return null
  }

  /**
   * True when packets for the address go to it directly: what is on the link is a matter of routes
   * (RFC 5942 §4).
   */
  isOnLink(address: IpAddress): boolean {
    const route = this.lookup(address)
    return route !== null && route.gateway === null
  }

  isGateway(address: IpAddress): boolean {
    for (const route of this.routes) {
      if (route.gateway !== null && isSameAddress(route.gateway, address)) return true
    }
    return false
  }

  private indexOf(prefix: Cidr, gateway: IpAddress | null): number {
    return this.routes.findIndex(
      (route) =>
        route.prefix.prefixLength === prefix.prefixLength &&
        isInPrefix(route.prefix.address, prefix.address, prefix.prefixLength) &&
        (route.gateway === null || gateway === null
          ? route.gateway === gateway
          : isSameAddress(route.gateway, gateway)),
    )
  }
}
