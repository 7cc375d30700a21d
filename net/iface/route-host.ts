/** What configures routes and addresses asks of its interface. */
import type { Cidr } from '../wire/cidr.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import type { AddressOrigin, InterfaceAddress } from './address-table.ts'

export interface RouteHost {
  /** Throws when the table is full. */
  addRoute(prefix: Cidr, gateway: IpAddress | null): void
  removeRoute(prefix: Cidr, gateway: IpAddress | null): void
}

export interface AddressHost {
  /** Throws when the table is full or has the address. `optimistic`: used at once (RFC 4429). */
  addAddress(
    cidr: Cidr,
    nowMs: number,
    origin: AddressOrigin,
    optimistic?: boolean,
  ): InterfaceAddress
  removeAddress(entry: InterfaceAddress, nowMs: number): void
}
