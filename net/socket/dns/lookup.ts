/**
 * One name that somebody wants the addresses of: over which names and families to ask, and when
 * that is answered.
 */
import { type AddressType, DnsType } from '../../wire/dns.ts'
import { NetError } from '../net-error.ts'
import type { FoundAddress, Result } from './result.ts'

/** All are called in the stack's turn, or within the call that begins the lookup. */
export interface LookupListener {
  /** Some addresses, of one family at a time. */
  onAddresses(addresses: readonly FoundAddress[]): void
  /**
   * There will be no more. `error` is NetError 'name-not-found' or 'name-unresolved', and null when
   * there were addresses.
   */
  onResolved(error: NetError | null): void
}

/** Answers one question, at once or later. */
export type Ask = (name: string, type: AddressType, onEnd: (result: Result) => void) => void

export class Lookup {
  private readonly hostname: string
  /** In the order in which they are tried. */
  private readonly names: readonly string[]
  private readonly types: readonly AddressType[]
  private readonly ask: Ask
  private readonly listener: LookupListener
  private index = 0
  private waiting = 0
  private hasAddresses = false
  /** Of the name that is asked for now. */
  private isSilence = false
  /** Of any of the names. */
  private failure: string | null = null

  constructor(
    hostname: string,
    names: readonly string[],
    families: readonly (4 | 6)[],
    ask: Ask,
    listener: LookupListener,
  ) {
    this.hostname = hostname
    this.names = names
    this.types = families.map((family) => (family === 4 ? DnsType.A : DnsType.Aaaa))
    this.ask = ask
    this.listener = listener
  }

  start(): void {
    const name = this.names[this.index]!
    const { types } = this
    this.isSilence = false
    this.waiting = types.length
    for (const type of types) this.ask(name, type, (result) => this.take(result))
  }

  private take(result: Result): void {
    this.waiting--
    if (result.failure !== null) this.failure ??= result.failure
    if (result.isSilence) this.isSilence = true
    if (result.addresses.length > 0) {
      this.hasAddresses = true
      this.listener.onAddresses(result.addresses)
    }
    if (this.waiting === 0) this.conclude()
  }

  private conclude(): void {
    if (this.hasAddresses) {
      this.listener.onResolved(null)
      return
    }
    this.index++
    // As resolvers of others do: a refusal does not keep the other names from being asked for,
    // silence does.
    if (this.index < this.names.length && !this.isSilence) {
      this.start()
      return
    }
    const { failure, hostname } = this
    this.listener.onResolved(
      failure === null
        ? new NetError('name-not-found', `Cannot resolve "${hostname}": there is no such name`)
        : new NetError('name-unresolved', `Cannot resolve "${hostname}": ${failure}`),
    )
  }
}
