/** The DNS servers and search domains of all interfaces, in the order of the interfaces. */
import { type IpAddress, isLinkLocal, isSameAddress } from '../wire/ip-address.ts'
import { NO_INTERFACE } from './host-addresses.ts'
import { MAX_NAME_SERVERS, MAX_SEARCH_DOMAINS, type NameServers } from './name-servers.ts'

export interface NameServer {
  readonly address: IpAddress
  /**
   * That by which it is asked: of a link-local one that which has told of it, NO_INTERFACE =
   * whichever leads there.
   */
  readonly interfaceIndex: number
}

export class MergedNameServers {
  /** Best first, none twice; a new array with each change. Read only outside, as what follows. */
  servers: readonly NameServer[] = []
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

  private merge(): void {
    const servers: NameServer[] = []
    const search = new Set<string>()
    for (const [index, part] of this.parts.entries()) {
      for (const address of part.nameservers) {
        // RFC 4007 §6: the same link-local address on another link is another server.
        const interfaceIndex = isLinkLocal(address) ? index : NO_INTERFACE
        const isKnown = servers.some(
          (known) =>
            known.interfaceIndex === interfaceIndex && isSameAddress(known.address, address),
        )
        if (!isKnown) servers.push({ address, interfaceIndex })
      }
      for (const domain of part.search) search.add(domain)
    }
    this.servers = servers.slice(0, MAX_NAME_SERVERS)
    this.search = [...search].slice(0, MAX_SEARCH_DOMAINS)
    this.generation = (this.generation + 1) | 0
    for (const listener of this.listeners) listener()
  }
}
