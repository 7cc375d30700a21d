/**
 * Whose place goes when a table of what routers advertise is full: what somebody has filled it
 * with, be it for ever, must not keep the router out that is one.
 */
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'

/** True for a default router that is not known to be silent (RFC 4861 §7.3). */
export type IsRouter = (address: IpAddress) => boolean

/** What a router has advertised. */
export interface Advertised {
  /** The router that it is of: who told of it first, or again after that one was none any more. */
  router: IpAddress
}

/** `router` tells of what is known already. */
export function renewOwner(known: Advertised, router: IpAddress, isRouter: IsRouter): void {
  if (!isRouter(known.router)) known.router = router
}

/**
 * The entry that a newcomer of `router` is taken for, or null when it is refused, as what comes in
 * a flood mostly is: else that would oust what is good. It takes the oldest of those who are no
 * routers any more, or do not answer; then the newest of a router that has more than half alone.
 */
export function placeToFree<Entry extends Advertised>(
  entries: readonly Entry[],
  router: IpAddress,
  isRouter: IsRouter,
): Entry | null {
  if (!isRouter(router)) return null
  const stray = entries.find((entry) => !isRouter(entry.router))
  if (stray !== undefined) return stray
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index]!
    if (isSameAddress(entry.router, router)) continue
    const its = entries.filter((other) => isSameAddress(other.router, entry.router))
    if (its.length > entries.length / 2) return entry
  }
  return null
}
