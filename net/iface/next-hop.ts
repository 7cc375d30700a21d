/**
 * The neighbor that a path's packets go to next, asked for unless an optimistic address would be
 * the one that asks (RFC 4429 §3.2).
 */
import { IPV6_UNSPECIFIED, type IpAddress } from '../wire/ip-address.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { NeighborEntry } from './neighbor-entry.ts'
import type { Route } from './route-table.ts'

/**
 * The entry of the route's gateway, or of the destination itself, usable or not. Null while the
 * cache is full of live entries, and while packets wait for duplicate detection.
 */
export function useNextHop(
  parts: InterfaceParts,
  source: IpAddress,
  destination: IpAddress,
  { gateway }: Route,
  nowMs: number,
): NeighborEntry | null {
  const { neighbors, addresses } = parts
  if (gateway === null && !addresses.mayAsk(source)) {
    // "When a node has a unicast packet to send from an Optimistic Address to a neighbor, but does
    // not know the neighbor's link-layer address, it MUST NOT perform Address Resolution. It SHOULD
    // forward the packet to a default router on the link … Otherwise, it SHOULD buffer the packet
    // until DAD is complete."
    const isKnown = neighbors.lookup(destination)?.isUsable() ?? false
    if (!isKnown) return useDefaultRouter(parts, nowMs)
  }
  return neighbors.use(gateway ?? destination, gateway !== null, nowMs)
}

/** A default router whose hardware address is known, or null. */
function useDefaultRouter(
  { neighbors, routes }: InterfaceParts,
  nowMs: number,
): NeighborEntry | null {
  let route = routes.lookup(IPV6_UNSPECIFIED)
  for (; route !== null; route = routes.lookupAfter(route)) {
    const { gateway } = route
    if (gateway !== null && neighbors.lookup(gateway)?.isUsable()) {
      return neighbors.use(gateway, true, nowMs)
    }
  }
  return null
}
