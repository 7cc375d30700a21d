/**
 * DNS servers and search domains that routers advertise, each with its lifetime (RFC 8106 §5.3.1,
 * §6).
 */

import { type IpAddress, isLoopback, isUnicast } from '../wire/ip-address.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import type { RouterAdvertisement } from '../wire/router-advertisement.ts'
import { type Advertised, type IsRouter, placeToFree, renewOwner } from './advertised-place.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import { MAX_NAME_SERVERS, MAX_SEARCH_DOMAINS, type NameServers } from './name-servers.ts'

interface AdvertisedValue<Value> extends Advertised {
  readonly key: string
  readonly value: Value
  untilMs: number
}

/** What is advertised by whom, for how long. */
interface Telling {
  readonly router: IpAddress
  readonly lifetimeSeconds: number
  readonly nowMs: number
}

/** Values by their text, oldest first; for a newcomer beyond the limit see advertised-place.ts. */
class AdvertisedList<Value> {
  private readonly entries = new Map<string, AdvertisedValue<Value>>()
  private readonly limit: number
  private readonly isRouter: IsRouter
  private readonly counters: InterfaceCounters

  constructor(limit: number, isRouter: IsRouter, counters: InterfaceCounters) {
    this.limit = limit
    this.isRouter = isRouter
    this.counters = counters
  }

  update(key: string, value: Value, { router, lifetimeSeconds, nowMs }: Telling): boolean {
    const known = this.entries.get(key)
    // RFC 8106 §5.1: "A value of zero means that the RDNSS addresses MUST no longer be used."
    if (lifetimeSeconds === 0) {
      this.entries.delete(key)
      return true
    }
    const untilMs = nowMs + lifetimeSeconds * 1000
    if (known !== undefined) {
      known.untilMs = untilMs
      renewOwner(known, router, this.isRouter)
      return true
    }
    if (this.entries.size === this.limit && !this.free(router)) return false
    this.entries.set(key, { key, value, untilMs, router })
    return true
  }

  /** Makes room for a value of `router`; false when all others stay. */
  private free(router: IpAddress): boolean {
    const freed = placeToFree([...this.entries.values()], router, this.isRouter)
    if (freed === null) return false
    this.entries.delete(freed.key)
    this.counters.routerOptionsEvicted++
    return true
  }

  expire(nowMs: number): void {
    for (const [key, { untilMs }] of this.entries) if (nowMs >= untilMs) this.entries.delete(key)
  }

  earliestEndMs(): number {
    let earliest = Number.POSITIVE_INFINITY
    for (const { untilMs } of this.entries.values()) earliest = Math.min(earliest, untilMs)
    return earliest
  }

  values(): Value[] {
    return Array.from(this.entries.values(), ({ value }) => value)
  }
}

export class AdvertisedNames {
  private readonly servers: AdvertisedList<IpAddress>
  private readonly domains: AdvertisedList<string>
  private readonly nameServers: NameServers

  constructor(nameServers: NameServers, isRouter: IsRouter, counters: InterfaceCounters) {
    this.servers = new AdvertisedList<IpAddress>(MAX_NAME_SERVERS, isRouter, counters)
    this.domains = new AdvertisedList<string>(MAX_SEARCH_DOMAINS, isRouter, counters)
    this.nameServers = nameServers
  }

  /**
   * Returns how many values were refused: addresses that no host can have, and those beyond the
   * limits.
   */
  update(advertisement: RouterAdvertisement, router: IpAddress, nowMs: number): number {
    let refused = 0
    for (const { servers, lifetimeSeconds } of advertisement.servers) {
      const telling = { router, lifetimeSeconds, nowMs }
      for (const server of servers) {
        const isTaken =
          isUnicast(server) &&
          !isLoopback(server) &&
          this.servers.update(formatIpAddress(server), server, telling)
        if (!isTaken) refused++
      }
    }
    for (const { domains, lifetimeSeconds } of advertisement.domains) {
      const telling = { router, lifetimeSeconds, nowMs }
      for (const domain of domains) {
        if (!this.domains.update(domain, domain, telling)) refused++
      }
    }
    this.publish()
    return refused
  }

  earliestEndMs(): number {
    return Math.min(this.servers.earliestEndMs(), this.domains.earliestEndMs())
  }

  expire(nowMs: number): void {
    this.servers.expire(nowMs)
    this.domains.expire(nowMs)
    this.publish()
  }

  private publish(): void {
    this.nameServers.set('router-advertisement', this.servers.values(), this.domains.values())
  }
}
