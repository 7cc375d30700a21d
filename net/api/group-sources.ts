/** How applications say which senders to a group they want. */
import type { SourceFilter } from '../iface/source-filter.ts'
import { requireAddress } from './address-text.ts'

/** These senders, or all but those; all of them without either. */
export interface GroupSources {
  readonly sources?: readonly string[]
  readonly except?: readonly string[]
}

/** Throws TypeError when both are given, NetError when one is no address. */
export function filterOf({ sources, except }: GroupSources): SourceFilter {
  if (sources !== undefined && except !== undefined) {
    throw new TypeError('Cannot join a group: both sources and except are given')
  }
  const texts = sources ?? except ?? []
  return { isExclude: sources === undefined, sources: texts.map(requireAddress) }
}
