/**
 * The prefixes that routers say are on this link, as routes of the interface (RFC 4861 §6.3.4, RFC
 * 5942).
 */
import { type Cidr, isInPrefix } from '../wire/cidr.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { type Advertised, type IsRouter, placeToFree, renewOwner } from './advertised-place.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { RouteHost } from './route-host.ts'

/** What anybody on the link announces must not grow without bound: see advertised-place.ts. */
export const MAX_ON_LINK_PREFIXES = 8

interface OnLinkPrefix extends Advertised {
  readonly prefix: Cidr
  untilMs: number
}

export class PrefixList {
  private prefixes: OnLinkPrefix[] = []
  private readonly host: RouteHost
  private readonly isRouter: IsRouter
  private readonly counters: InterfaceCounters

  constructor(host: RouteHost, isRouter: IsRouter, counters: InterfaceCounters) {
    this.host = host
    this.isRouter = isRouter
    this.counters = counters
  }

  /** 0 seconds = no longer on the link. False when there is no room for another. */
  update(prefix: Cidr, validSeconds: number, router: IpAddress, nowMs: number): boolean {
    const known = this.prefixes.find((other) => isSamePrefix(other.prefix, prefix))
    if (validSeconds === 0) {
      if (known !== undefined) this.keep((other) => other !== known)
      return true
    }
    const untilMs = nowMs + validSeconds * 1000
    if (known !== undefined) {
      known.untilMs = untilMs
      renewOwner(known, router, this.isRouter)
      return true
    }
    if (this.prefixes.length === MAX_ON_LINK_PREFIXES) {
      const freed = placeToFree(this.prefixes, router, this.isRouter)
      if (freed === null) return false
      this.keep((other) => other !== freed)
      this.counters.routerOptionsEvicted++
    }
    this.prefixes.push({ prefix, untilMs, router })
    this.host.addRoute(prefix, null)
    return true
  }

  /** When the first of them ends; Infinity without one. */
  earliestEndMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.prefixes.map(({ untilMs }) => untilMs))
  }

  expire(nowMs: number): void {
    this.keep(({ untilMs }) => nowMs < untilMs)
  }

  private keep(isKept: (prefix: OnLinkPrefix) => boolean): void {
    for (const entry of this.prefixes) if (!isKept(entry)) this.host.removeRoute(entry.prefix, null)
    this.prefixes = this.prefixes.filter(isKept)
  }
}

function isSamePrefix(a: Cidr, b: Cidr): boolean {
  return a.prefixLength === b.prefixLength && isInPrefix(a.address, b.address, a.prefixLength)
}
