/** How long a neighbor counts as reachable, and how often it is asked (RFC 4861 §6.3.2). */
import { type LinkParameters, REACHABLE_TIME_MS, RETRANS_TIMER_MS } from './link-parameters.ts'
import type { NeighborEntry } from './neighbor-entry.ts'

/** What routers say of IPv6 neighbors; of IPv4 the defaults hold. */
export type NeighborTimes = Pick<LinkParameters, 'reachableTimeMs' | 'retransTimerMs'>

export function reachableTimeOf({ address }: NeighborEntry, link: NeighborTimes): number {
  return address.version === 4 ? REACHABLE_TIME_MS : link.reachableTimeMs
}

export function retransTimerOf({ address }: NeighborEntry, link: NeighborTimes): number {
  return address.version === 4 ? RETRANS_TIMER_MS : link.retransTimerMs
}
