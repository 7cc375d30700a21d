/**
 * The prefixes that routers say are on this link, as routes of the interface (RFC 4861 §6.3.4, RFC
 * 5942).
 */
import { type Cidr, isInPrefix } from '../wire/cidr.ts'
import type { RouteHost } from './route-host.ts'

/**
 * What anybody on the link announces must not grow without bound; a newcomer beyond it is refused.
 */
export const MAX_ON_LINK_PREFIXES = 8

interface OnLinkPrefix {
  readonly prefix: Cidr
  untilMs: number
}

export class PrefixList {
  private prefixes: OnLinkPrefix[] = []
  private readonly host: RouteHost

  constructor(host: RouteHost) {
    this.host = host
  }

  /** 0 seconds = no longer on the link. False when there is no room for another. */
  update(prefix: Cidr, validSeconds: number, nowMs: number): boolean {
    const known = this.prefixes.find((other) => isSamePrefix(other.prefix, prefix))
    if (validSeconds === 0) {
      if (known !== undefined) this.keep((other) => other !== known)
      return true
    }
    const untilMs = nowMs + validSeconds * 1000
    if (known !== undefined) {
      known.untilMs = untilMs
      return true
    }
    if (this.prefixes.length === MAX_ON_LINK_PREFIXES) return false
    this.prefixes.push({ prefix, untilMs })
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
