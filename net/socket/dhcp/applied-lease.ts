/**
 * Puts what a lease gives on the interface, and takes it off again: address, routes, MTU, name
 * servers.
 */
import type { InterfaceAddress } from '../../iface/address-table.ts'
import type { Interface } from '../../iface/interface.ts'
import type { ClasslessRoute } from '../../wire/dhcpv4.ts'
import { type IpAddress, isSameAddress } from '../../wire/ip-address.ts'
import type { Dhcpv4Lease } from './dhcpv4-lease.ts'

type LeaseInterface = Pick<
  Interface,
  | 'addAddress'
  | 'removeAddress'
  | 'addRoute'
  | 'removeRoute'
  | 'addresses'
  | 'routes'
  | 'lifetimes'
  | 'link'
  | 'nameServers'
  | 'neighbors'
>

export class AppliedLease {
  private readonly iface: LeaseInterface
  private entry: InterfaceAddress | null = null
  private routes: ClasslessRoute[] = []

  constructor(iface: LeaseInterface) {
    this.iface = iface
  }

  /**
   * The lease that is there now takes the place of the one before. False when the interface has no
   * room for its address.
   */
  apply(lease: Dhcpv4Lease, validUntilMs: number, nowMs: number): boolean {
    const { iface } = this
    if (!this.hasAddress(lease)) {
      this.remove(nowMs)
      // Somebody has configured it by hand meanwhile, or the table is full.
      const { address, prefixLength } = lease
      if (!iface.addresses.hasRoom || iface.addresses.find(address) !== null) return false
      this.entry = iface.addAddress({ address, prefixLength }, nowMs, 'dhcp')
    }
    iface.lifetimes.set(this.entry!, validUntilMs, validUntilMs, nowMs)
    this.applyRoutes(lease.routes)
    if (!iface.link.setMtu4(lease.mtu)) iface.link.setMtu4(0)
    iface.neighbors.invalidatePaths()
    iface.nameServers.set('dhcpv4', lease.nameServers, lease.search)
    return true
  }

  remove(nowMs: number): void {
    const { iface, entry } = this
    this.applyRoutes([])
    this.entry = null
    if (entry !== null) iface.removeAddress(entry, nowMs)
    iface.link.setMtu4(0)
    iface.nameServers.set('dhcpv4', [], [])
  }

  private hasAddress({ address, prefixLength }: Dhcpv4Lease): boolean {
    const { entry } = this
    if (entry === null || !this.iface.addresses.entries.includes(entry)) return false
    return isSameAddress(entry.address, address) && entry.prefixLength === prefixLength
  }

  private applyRoutes(wanted: readonly ClasslessRoute[]): void {
    const { iface } = this
    for (const { destination: address, prefixLength, router } of this.routes) {
      iface.removeRoute({ address, prefixLength }, router)
    }
    this.routes = []
    // Those on the link first: routers are reached through them.
    for (const route of wanted) if (route.router === null) this.add(route)
    for (const route of wanted) {
      if (route.router === null) continue
      this.reach(route.router)
      this.add(route)
    }
  }

  /**
   * A router in none of our prefixes is on the link all the same, as clouds hand it out with a mask
   * of 32 bits.
   */
  private reach(router: IpAddress): void {
    if (this.iface.routes.isOnLink(router)) return
    this.add({ destination: router, prefixLength: 32, router: null })
  }

  private add(route: ClasslessRoute): void {
    const { iface } = this
    const prefix = { address: route.destination, prefixLength: route.prefixLength }
    // What is there by another's hand stays when the lease goes.
    if (!iface.routes.hasRoom || iface.routes.has(prefix, route.router)) return
    iface.addRoute(prefix, route.router)
    this.routes.push(route)
  }
}
