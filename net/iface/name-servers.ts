/**
 * The DNS servers and search domains of one interface: from whom they come, in which order they
 * count, who hears of changes.
 */
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'

/**
 * What is told by anybody on the link must not grow without bound; a resolver asks the first few
 * anyway.
 */
export const MAX_NAME_SERVERS = 8
/** As many as resolvers of others take (glibc took 6 for decades). */
export const MAX_SEARCH_DOMAINS = 8

/**
 * In order of preference. What a person has written comes first; RFC 8106 §5.3.1: "the DNS
 * information from DHCP takes precedence over that from RA for DNS queries".
 */
export const NAME_SERVER_ORIGINS = ['static', 'dhcpv4', 'dhcpv6', 'router-advertisement'] as const
export type NameServerOrigin = (typeof NAME_SERVER_ORIGINS)[number]

interface Told {
  readonly servers: readonly IpAddress[]
  readonly search: readonly string[]
}

export class NameServers {
  /**
   * Best first, at most MAX_NAME_SERVERS, none twice; a new array with each change. Read only
   * outside.
   */
  nameservers: readonly IpAddress[] = []
  /**
   * Domain names in lower case without a final dot, best first; a new array with each change. Read
   * only outside.
   */
  search: readonly string[] = []
  /** Changes with every change of either. Read only outside. */
  generation = 0
  private readonly told = new Map<NameServerOrigin, Told>()
  private readonly listeners: (() => void)[] = []

  /** Called after each change; listeners stay for good. */
  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  /**
   * Replaces what one origin has told; empty lists take it back. Domain names are valid ones in
   * text form.
   */
  set(origin: NameServerOrigin, servers: readonly IpAddress[], search: readonly string[]): void {
    this.told.set(origin, { servers, search: search.map(normalizeDomain) })
    const nameservers: IpAddress[] = []
    const domains: string[] = []
    for (const known of NAME_SERVER_ORIGINS) {
      const told = this.told.get(known)
      if (told === undefined) continue
      for (const server of told.servers) {
        const isNew = !nameservers.some((other) => isSameAddress(other, server))
        if (isNew && nameservers.length < MAX_NAME_SERVERS) nameservers.push(server)
      }
      for (const domain of told.search) {
        const isNew = domain !== '' && !domains.includes(domain)
        if (isNew && domains.length < MAX_SEARCH_DOMAINS) domains.push(domain)
      }
    }
    if (isSameList(nameservers, this.nameservers) && domains.join() === this.search.join()) return
    this.nameservers = nameservers
    this.search = domains
    this.generation = (this.generation + 1) | 0
    for (const listener of this.listeners) listener()
  }
}

function normalizeDomain(domain: string): string {
  return domain.replace(/\.$/, '').toLowerCase()
}

function isSameList(a: readonly IpAddress[], b: readonly IpAddress[]): boolean {
  return a.length === b.length && a.every((address, index) => isSameAddress(address, b[index]!))
}
