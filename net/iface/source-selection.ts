/**
 * Which of our addresses a packet comes from (RFC 6724 §5): the rules that there are for one
 * interface.
 */
import { AddressScope, labelOf, scopeOf } from '../wire/address-policy.ts'
import { commonPrefixLength, isInPrefix } from '../wire/cidr.ts'
import { type IpAddress, isLinkLocal, isSameAddress } from '../wire/ip-address.ts'

export interface SourceCandidate {
  readonly address: IpAddress
  readonly prefixLength: number
  /** An index of the ranks below. */
  readonly state: number
}

/**
 * The best usable address, or null: there is none of the family, or only a link-local one for a
 * destination beyond the link. `ranks` says of each state how it is liked: 0 = not used. `nextHop`
 * is the gateway, or the destination itself. Of equals the first wins.
 */
export function chooseSource(
  entries: readonly SourceCandidate[],
  ranks: readonly number[],
  destination: IpAddress,
  nextHop: IpAddress,
): IpAddress | null {
  let best: SourceCandidate | null = null
  for (const entry of entries) {
    if (entry.address.version !== destination.version || ranks[entry.state] === 0) continue
    if (!canAnswer(entry.address, destination)) continue
    if (best === null || isBetter(entry, best, ranks, destination, nextHop)) best = entry
  }
  return best === null ? null : best.address
}

/** RFC 4291 §2.5.6: no router passes on what comes from a link-local address. */
function canAnswer(source: IpAddress, destination: IpAddress): boolean {
  const isBeyondLink = scopeOf(destination) > AddressScope.LinkLocal
  return source.version === 4 || !isBeyondLink || !isLinkLocal(source)
}

function isBetter(
  entry: SourceCandidate,
  best: SourceCandidate,
  ranks: readonly number[],
  destination: IpAddress,
  nextHop: IpAddress,
): boolean {
  const [a, b] = [entry.address, best.address]
  // Rule 1: the destination itself.
  if (isSameAddress(a, destination)) return true
  if (isSameAddress(b, destination)) return false
  // Rule 2: the smallest scope that reaches as far as the destination.
  const [scopeA, scopeB] = [scopeOf(a), scopeOf(b)]
  if (scopeA !== scopeB) {
    return scopeA < scopeB ? scopeA >= scopeOf(destination) : scopeB < scopeOf(destination)
  }
  // Rule 3: no deprecated address where there is another.
  const [rankA, rankB] = [ranks[entry.state]!, ranks[best.state]!]
  if (rankA !== rankB) return rankA > rankB
  // Rule 5.5 as far as one interface can know it: of the subnet that the next hop is on. In IPv4
  // that is all there is (RFC 1122 §3.3.4.3).
  const [onA, onB] = [isOnSubnet(entry, nextHop), isOnSubnet(best, nextHop)]
  if (onA !== onB) return onA
  // Rule 6: the same label as the destination's.
  const label = labelOf(destination)
  const [labelA, labelB] = [labelOf(a), labelOf(b)]
  if ((labelA === label) !== (labelB === label)) return labelA === label
  // Rule 8: the longest prefix in common, of the source's subnet only (§2.2).
  return commonLength(entry, destination) > commonLength(best, destination)
}

function isOnSubnet({ address, prefixLength }: SourceCandidate, other: IpAddress): boolean {
  return isInPrefix(other, address, prefixLength)
}

function commonLength({ address, prefixLength }: SourceCandidate, destination: IpAddress): number {
  return Math.min(commonPrefixLength(address, destination), prefixLength)
}
