/**
 * Which sources of a group are wanted, and what several listeners want together (RFC 3376 §2 and
 * §3.2, RFC 3810 §3 and §4.2).
 */
import { type IpAddress, isSameAddress } from '../wire/ip-address.ts'

/** What a listener wants of a group: packets of these sources, or of all but these. Immutable. */
export interface SourceFilter {
  /** The filter mode is EXCLUDE. */
  readonly isExclude: boolean
  readonly sources: readonly IpAddress[]
}

/** Sources that one listener may name of a group; Linux takes 10 of IPv4 and 64 of IPv6. */
export const MAX_FILTER_SOURCES = 64

export const ALL_SOURCES: SourceFilter = { isExclude: true, sources: [] }
/** RFC 3376 §3.1: whoever asks for this has left the group. */
export const NO_SOURCES: SourceFilter = { isExclude: false, sources: [] }

export function includesAddress(addresses: readonly IpAddress[], address: IpAddress): boolean {
  for (let index = 0; index < addresses.length; index++) {
    if (isSameAddress(addresses[index]!, address)) return true
  }
  return false
}

export function acceptsSource(filter: SourceFilter, source: IpAddress): boolean {
  return includesAddress(filter.sources, source) !== filter.isExclude
}

/** False when no packet at all is wanted. */
export function acceptsAny(filter: SourceFilter): boolean {
  return filter.isExclude || filter.sources.length > 0
}

/**
 * RFC 3376 §3.2: with one listener in mode EXCLUDE, all but the sources that each of those excludes
 * and no other includes; otherwise what any of them includes.
 */
export function mergeFilters(filters: Iterable<SourceFilter>): SourceFilter {
  let excluded: IpAddress[] | null = null
  const included: IpAddress[] = []
  for (const { isExclude, sources } of filters) {
    if (!isExclude) {
      for (const source of sources) if (!includesAddress(included, source)) included.push(source)
    } else if (excluded === null) {
      excluded = [...sources]
    } else {
      excluded = excluded.filter((source) => includesAddress(sources, source))
    }
  }
  if (excluded === null) return { isExclude: false, sources: included }
  const sources = excluded.filter((source) => !includesAddress(included, source))
  return { isExclude: true, sources }
}
