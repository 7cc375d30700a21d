/** Which address of a peer is tried first (RFC 6724 §6), and families in turn (RFC 8305 §4). */
import type { AddressTable } from '../iface/address-table.ts'
import { commonPrefixLength } from '../wire/cidr.ts'
import { type IpAddress, isLinkLocal, isLoopback, isUniqueLocal } from '../wire/ip-address.ts'

export type SourceSelection = Pick<AddressTable, 'selectSource'>

interface Candidate<Kind> {
  readonly address: Kind
  readonly hasSource: boolean
  readonly precedence: number
  /**
   * Bits that it shares with the source; IPv4 has no such rule here, since its prefixes follow no
   * topology.
   */
  readonly common: number
}

/**
 * Sorted, the best first: usable ones (rule 1), then by precedence (6), scope (8) and longest
 * common prefix (9), else as given (10).
 */
export function orderDestinations<Kind extends IpAddress>(
  addresses: readonly Kind[],
  sources: SourceSelection,
): Kind[] {
  return addresses
    .map((address) => describe(address, sources))
    .sort(
      (a, b) =>
        Number(b.hasSource) - Number(a.hasSource) ||
        b.precedence - a.precedence ||
        b.common - a.common,
    )
    .map(({ address }) => address)
}

/**
 * The next of a sorted list: of the family that was not tried last, if there is one. Takes it out.
 */
export function takeNext<Kind extends IpAddress>(sorted: Kind[], last: Kind | null): Kind | null {
  const other = sorted.findIndex(({ version }) => last !== null && version !== last.version)
  const [next] = sorted.splice(Math.max(other, 0), 1)
  return next ?? null
}

function describe<Kind extends IpAddress>(
  address: Kind,
  sources: SourceSelection,
): Candidate<Kind> {
  const source = sources.selectSource(address)
  return {
    address,
    hasSource: source !== null,
    precedence: precedenceOf(address),
    common: source === null || address.version === 4 ? 0 : commonPrefixLength(source, address),
  }
}

/**
 * RFC 6724 §2.1, the default policy table. Rule 8 puts smaller scopes first, within a precedence.
 */
function precedenceOf(address: IpAddress): number {
  if (isLoopback(address)) return 50
  const ofScope = isLinkLocal(address) ? 0.5 : 0
  if (address.version === 4) return 35 + ofScope
  const { word0 } = address
  if (word0 >>> 16 === 0x2002) return 30
  if (word0 === 0x20010000) return 5
  if (isUniqueLocal(address)) return 3
  return 40 + ofScope
}
