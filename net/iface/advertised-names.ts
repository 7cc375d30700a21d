/**
 * DNS servers and search domains that routers advertise, each with its lifetime (RFC 8106 §5.3.1,
 * §6).
 */

import { type IpAddress, isLoopback, isUnicast } from '../wire/ip-address.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import type { RouterAdvertisement } from '../wire/router-advertisement.ts'
import { MAX_NAME_SERVERS, MAX_SEARCH_DOMAINS, type NameServers } from './name-servers.ts'

interface Advertised<Value> {
  readonly value: Value
  untilMs: number
}

/**
 * Values by their text, oldest first; a newcomer beyond the limit is refused, so that a flood ousts
 * nobody.
 */
class AdvertisedList<Value> {
  private readonly entries = new Map<string, Advertised<Value>>()
  private readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  update(key: string, value: Value, lifetimeSeconds: number, nowMs: number): boolean {
    const known = this.entries.get(key)
    // RFC 8106 §5.1: "A value of zero means that the RDNSS addresses MUST no longer be used."
    if (lifetimeSeconds === 0) {
      this.entries.delete(key)
      return true
    }
    const untilMs = nowMs + lifetimeSeconds * 1000
    if (known !== undefined) known.untilMs = untilMs
    else if (this.entries.size === this.limit) return false
    else this.entries.set(key, { value, untilMs })
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
  private readonly servers = new AdvertisedList<IpAddress>(MAX_NAME_SERVERS)
  private readonly domains = new AdvertisedList<string>(MAX_SEARCH_DOMAINS)
  private readonly nameServers: NameServers

  constructor(nameServers: NameServers) {
    this.nameServers = nameServers
  }

  /**
   * Returns how many values were refused: addresses that no host can have, and those beyond the
   * limits.
   */
  update(advertisement: RouterAdvertisement, nowMs: number): number {
    let refused = 0
    for (const { servers, lifetimeSeconds } of advertisement.servers) {
      for (const server of servers) {
        const isTaken =
          isUnicast(server) &&
          !isLoopback(server) &&
          this.servers.update(formatIpAddress(server), server, lifetimeSeconds, nowMs)
        if (!isTaken) refused++
      }
    }
    for (const { domains, lifetimeSeconds } of advertisement.domains) {
      for (const domain of domains) {
        if (!this.domains.update(domain, domain, lifetimeSeconds, nowMs)) refused++
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
