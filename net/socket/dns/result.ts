/** How a question ends, for whoever has asked it. */
import type { IpAddress } from '../../wire/ip-address.ts'

export interface Result {
  /** Empty: there is none, or `failure` says why nobody knows. */
  readonly addresses: readonly IpAddress[]
  /** In words, without the name; null when the answer is definite. */
  readonly failure: string | null
  /** The failure is that nobody answered: another name would end alike. */
  readonly isSilence: boolean
}

export function found(addresses: readonly IpAddress[]): Result {
  return { addresses, failure: null, isSilence: false }
}

export function failed(failure: string, isSilence: boolean): Result {
  return { addresses: [], failure, isSilence }
}
