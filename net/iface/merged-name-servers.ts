/** The DNS servers and search domains of all interfaces, in the order of the interfaces. */
import { type IpAddress, isLinkLocal, isSameAddress } from '../wire/ip-address.ts'
import { NO_INTERFACE } from './host-addresses.ts'
import { MAX_NAME_SERVERS, MAX_SEARCH_DOMAINS, type NameServers } from './name-servers.ts'

export class MergedNameServers {
  /** Best first, none twice; a new array with each change. Read only outside, as what follows. */
  nameservers: readonly IpAddress[] = []
  search: readonly string[] = []
  /** Changes with every change of either. */
  generation = 0
  private readonly parts: readonly NameServers[]
  private readonly listeners: (() => void)[] = []

  constructor(parts: readonly NameServers[]) {
    this.parts = parts
    for (const part of parts) part.onChange(() => this.merge())
    this.merge()
  }

  /** Called after each change; listeners stay for good. */
  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  /**
   * The interface that a server is asked by: of a link-local one the first that has told of it,
   * NO_INTERFACE = whichever leads there.
   */
  interfaceOf(server: IpAddress): number {
    if (!isLinkLocal(server)) return NO_INTERFACE
    return this.parts.findIndex(({ nameservers }) =>
      nameservers.some((known) => isSameAddress(known, server)),
    )
  }

  private merge(): void {
    const servers: IpAddress[] = []
    const search = new Set<string>()
    for (const part of this.parts) {
      for (const server of part.nameservers) {
        if (!servers.some((known) => isSameAddress(known, server))) servers.push(server)
      }
      for (const domain of part.search) search.add(domain)
    }
    this.nameservers = servers.slice(0, MAX_NAME_SERVERS)
    this.search = [...search].slice(0, MAX_SEARCH_DOMAINS)
    this.generation = (this.generation + 1) | 0
    for (const listener of this.listeners) listener()
  }
}
