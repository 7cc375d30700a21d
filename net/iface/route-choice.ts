/** By which way packets to a destination leave: the route of an interface that works. */
import { type IpAddress, isMulticast } from '../wire/ip-address.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { Route } from './route-table.ts'

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
