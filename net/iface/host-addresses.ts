/**
 * All addresses of the host, whichever interface has them: what is ours at all, and whose it is.
 */
import type { IpAddress } from '../wire/ip-address.ts'
import type { AddressTable, InterfaceAddress } from './address-table.ts'

/** Where no interface is meant in particular, or none is known. */
export const NO_INTERFACE = -1

export class HostAddresses {
  /** There is more than one interface. Read only outside. */
  areOfSeveral = false
  private readonly tables: AddressTable[] = []
  /** Usable IPv4 addresses, for the packet path. */
  private ipv4Words: number[] = []

  /** That of the next interface. */
  add(table: AddressTable): void {
    this.tables.push(table)
    this.areOfSeveral = this.tables.length > 1
    table.onChange(() => {
      this.ipv4Words = this.tables.flatMap((each) => each.usableIpv4Words)
    })
  }

  /** Of all interfaces, in their order. */
  get entries(): InterfaceAddress[] {
    return this.tables.flatMap(({ entries }) => entries)
  }

  /** The best source for a destination, of the first interface that has any. */
  selectSource(destination: IpAddress): IpAddress | null {
    for (const table of this.tables) {
      const source = table.selectSource(destination)
      if (source !== null) return source
    }
    return null
  }

  isLocalIpv4(word: number): boolean {
    const words = this.ipv4Words
    for (let index = 0; index < words.length; index++) {
      if (words[index] === word) return true
    }
    return false
  }

  isLocal(address: IpAddress): boolean {
    return this.ownerOf(address) !== NO_INTERFACE
  }

  /** The first interface that has the address and may use it; NO_INTERFACE = none has. */
  ownerOf(address: IpAddress): number {
    const { tables } = this
    for (let index = 0; index < tables.length; index++) {
      if (tables[index]!.isLocal(address)) return index
    }
    return NO_INTERFACE
  }
}
