/**
 * The addresses of one interface, their states (RFC 4862 §5.5.4) and which is used as source (RFC
 * 6724 §5).
 */
import { broadcastWord, type Cidr, isInPrefix } from '../wire/cidr.ts'
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import { chooseSource } from './source-selection.ts'

/** More than any sane configuration needs; what routers announce must not grow without bound. */
export const MAX_INTERFACE_ADDRESSES = 16

export const AddressState = {
  /** Duplicate detection runs; not used at all. */
  Tentative: 0,
  /** Duplicate detection runs; used, but never to overwrite a neighbor's knowledge (RFC 4429). */
  Optimistic: 1,
  Preferred: 2,
  /** Lifetime ran out: kept for existing conversations only. */
  Deprecated: 3,
  /** Somebody else has it: not used. */
  Duplicate: 4,
} as const
export type AddressState = (typeof AddressState)[keyof typeof AddressState]

/**
 * Of each state, how far it is preferred as a source. RFC 4429 §3.3: an optimistic one only where
 * there is no other.
 */
const SOURCE_RANKS: readonly number[] = [0, 2, 3, 1, 0]
/** The same without those that somebody else may turn out to have. */
const CERTAIN_RANKS: readonly number[] = [0, 0, 3, 1, 0]

/** Where an address came from; DHCP and SLAAC remove only their own. */
export type AddressOrigin = 'static' | 'link-local' | 'slaac' | 'dhcp'

export interface InterfaceAddress {
  readonly address: IpAddress
  readonly prefixLength: number
  readonly origin: AddressOrigin
  state: AddressState
  /** Then it is deprecated, and then it goes; Infinity = for ever. Set by AddressLifetimes. */
  preferredUntilMs: number
  validUntilMs: number
}

export type AddressChange = 'added' | 'removed' | 'state'
export type AddressListener = (entry: InterfaceAddress, change: AddressChange) => void

export class AddressTable {
  /** Changes with every change of the table. Read only outside. */
  generation = 0
  /** In order of addition. Read only outside. */
  readonly entries: InterfaceAddress[] = []
  /** Usable IPv4 addresses and directed broadcast addresses, for the packet path. */
  private ipv4Words: number[] = []
  private broadcastWords: number[] = []
  private usableIpv6: IpAddress[] = []
  private readonly listeners: AddressListener[] = []

  /** Called after each change; listeners stay for good. */
  onChange(listener: AddressListener): void {
    this.listeners.push(listener)
  }

  /** Of IPv4, those that packets may use; a new array with each change. */
  get usableIpv4Words(): readonly number[] {
    return this.ipv4Words
  }

  get hasRoom(): boolean {
    return this.entries.length < MAX_INTERFACE_ADDRESSES
  }

  /** Throws when the table is full or holds the address already. */
  add(cidr: Cidr, origin: AddressOrigin, state: AddressState): InterfaceAddress {
    if (this.entries.length === MAX_INTERFACE_ADDRESSES) {
      throw new RangeError(`Cannot add address: the interface has ${MAX_INTERFACE_ADDRESSES}`)
    }
    if (this.find(cidr.address) !== null) {
      throw new RangeError('Cannot add address: the interface has it already')
    }
    const entry: InterfaceAddress = {
      address: cidr.address,
      prefixLength: cidr.prefixLength,
      origin,
      state,
      preferredUntilMs: Number.POSITIVE_INFINITY,
      validUntilMs: Number.POSITIVE_INFINITY,
    }
    this.entries.push(entry)
    this.rebuild(entry, 'added')
    return entry
  }

  remove(entry: InterfaceAddress): void {
    const index = this.entries.indexOf(entry)
    if (index < 0) return
    this.entries.splice(index, 1)
    this.rebuild(entry, 'removed')
  }

  setState(entry: InterfaceAddress, state: AddressState): void {
    entry.state = state
    this.rebuild(entry, 'state')
  }

  /** True while another address of the same prefix keeps its route. */
  hasOther({ address, prefixLength, origin }: InterfaceAddress): boolean {
    return this.entries.some(
      (other) =>
        other.prefixLength === prefixLength &&
        other.origin !== 'slaac' &&
        origin !== 'slaac' &&
        isInPrefix(other.address, address, prefixLength),
    )
  }

  /** The entry of an address in any state, or null. */
  find(address: IpAddress): InterfaceAddress | null {
    for (const entry of this.entries) {
      if (isSameAddress(entry.address, address)) return entry
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

  /** The address is one that packets to it and from it may use. */
  isLocal(address: IpAddress): boolean {
    const { word3 } = address
    if (address.version === 4) return this.isLocalIpv4(word3)
    const usable = this.usableIpv6
    for (let index = 0; index < usable.length; index++) {
      const ours = usable[index]!
      if (
        ours.word3 === word3 &&
        ours.word2 === address.word2 &&
        ours.word1 === address.word1 &&
        ours.word0 === address.word0
      ) {
        return true
      }
    }
    return false
  }

  /** A directed broadcast address of one of our prefixes, or 255.255.255.255. */
  isBroadcast(word: number): boolean {
    return word === -1 || this.broadcastWords.includes(word)
  }

  /**
   * The source for a destination, which goes to `nextHop` or, when that is null, straight there
   * (RFC 6724 §5). Null when there is no usable address of the family, or only a link-local one for
   * a far destination.
   */
  selectSource(destination: IpAddress, nextHop: IpAddress | null = null): IpAddress | null {
    return chooseSource(this.entries, SOURCE_RANKS, destination, nextHop ?? destination)
  }

  /** The same of those that duplicate detection is over for; null while it runs for all of them. */
  selectCertainSource(destination: IpAddress): IpAddress | null {
    return chooseSource(this.entries, CERTAIN_RANKS, destination, destination)
  }

  /** The source of a question to a neighbor; null while none may ask. */
  selectAskingSource(neighbor: IpAddress): IpAddress | null {
    const certain = this.selectCertainSource(neighbor)
    if (certain !== null) return certain
    const byHand = this.entries.filter(({ origin }) => origin === 'static')
    return chooseSource(byHand, SOURCE_RANKS, neighbor, neighbor)
  }

  /**
   * RFC 4429 §3.2: "A node MUST NOT use an Optimistic Address as the source address of a Neighbor
   * Solicitation." One that was given by hand may: detection never delays a static set-up.
   */
  mayAsk(source: IpAddress): boolean {
    const entry = this.find(source)
    return entry?.state !== AddressState.Optimistic || entry.origin === 'static'
  }

  isOptimistic(address: IpAddress): boolean {
    return this.find(address)?.state === AddressState.Optimistic
  }

  private rebuild(entry: InterfaceAddress, change: AddressChange): void {
    this.generation = (this.generation + 1) | 0
    const usable = this.entries.filter(({ state }) => isUsable(state))
    const ipv4 = usable.filter(({ address }) => address.version === 4)
    this.ipv4Words = ipv4.map(({ address }) => address.word3)
    this.broadcastWords = ipv4.map(broadcastWord).filter((word) => word !== 0)
    this.usableIpv6 = usable
      .filter(({ address }) => address.version === 6)
      .map(({ address }) => address)
    for (const listener of this.listeners) listener(entry, change)
  }
}

export function isUsable(state: AddressState): boolean {
  return state !== AddressState.Tentative && state !== AddressState.Duplicate
}
