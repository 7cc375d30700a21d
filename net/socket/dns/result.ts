/** How a question ends, for whoever has asked it. */
import type { IpAddress } from '../../wire/ip-address.ts'

/**
 * An address of a name. A link-local one is good on the link that told of it and no other (RFC 4007
 * §6): `zone` is the number of its interface, where there are several.
 */
export interface FoundAddress extends IpAddress {
  readonly zone?: number
}

export interface Result {
  /** Empty: there is none, or `failure` says why nobody knows. */
  readonly addresses: readonly FoundAddress[]
  /** In words, without the name; null when the answer is definite. */
  readonly failure: string | null
  /** The failure is that nobody answered: another name would end alike. */
  readonly isSilence: boolean
}

export function found(addresses: readonly FoundAddress[]): Result {
  return { addresses, failure: null, isSilence: false }
}

export function failed(failure: string, isSilence: boolean): Result {
  return { addresses: [], failure, isSilence }
}
