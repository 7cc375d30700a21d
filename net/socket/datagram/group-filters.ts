/**
 * The groups that one socket listens to, each with the sources it wants (RFC 3376 §3.1, RFC 3810
 * §4.1).
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import { acceptsAny, acceptsSource, type SourceFilter } from '../../iface/source-filter.ts'
import { copyOfAddress, type IpAddress, isMulticast, isSameAddress } from '../../wire/ip-address.ts'

/** Each is looked at for each datagram to a group. */
export const MAX_SOCKET_GROUPS = 32

/** What the host does for listeners of groups, on one interface or, with NO_INTERFACE, on all. */
export interface GroupHost {
  /**
   * `known` is what the listener wants of the group up to now. Throws RangeError, with nothing
   * changed, when the address is no group's, or there are too many groups or sources.
   */
  listenToGroup(
    listener: object,
    group: IpAddress,
    filter: SourceFilter,
    nowMs: number,
    interfaceIndex: number,
    known?: SourceFilter,
  ): void
  /** Every socket hears it, without having joined. */
  isGroupOfAll(address: IpAddress): boolean
  /** Limited or of one of our prefixes. */
  isBroadcast(address: IpAddress): boolean
}

interface GroupFilter {
  readonly group: IpAddress
  readonly interfaceIndex: number
  filter: SourceFilter
}

export class GroupFilters {
  private readonly host: GroupHost
  private entries: GroupFilter[] = []

  constructor(host: GroupHost) {
    this.host = host
  }

  /**
   * What is wanted of the group from now on; NO_SOURCES leaves it. Throws as GroupHost does, with
   * nothing changed.
   */
  set(group: IpAddress, filter: SourceFilter, nowMs: number, interfaceIndex: number): void {
    const isMeant = (entry: GroupFilter) =>
      entry.interfaceIndex === interfaceIndex && isSameAddress(entry.group, group)
    const known = this.entries.find(isMeant) ?? null
    const isWanted = acceptsAny(filter)
    if (isWanted) {
      if (known === null && this.entries.length === MAX_SOCKET_GROUPS) {
        throw new RangeError(`Cannot join a group: the socket is in ${MAX_SOCKET_GROUPS}`)
      }
      if (filter.sources.some(({ version }) => version !== group.version)) {
        throw new RangeError('Cannot join a group: a source is of another family')
      }
    }
    const entry = known ?? { group: copyOfAddress(group), interfaceIndex, filter }
    this.host.listenToGroup(entry, group, filter, nowMs, interfaceIndex, known?.filter)
    entry.filter = filter
    if (!isWanted) this.entries = this.entries.filter((other) => other !== entry)
    else if (known === null) this.entries = [...this.entries, entry]
  }

  /** Whether a datagram to a group, of whatever kind, is for this socket. */
  hears(destination: IpAddress, source: IpAddress, arrivalIndex: number): boolean {
    let isJoined = false
    for (const { group, interfaceIndex, filter } of this.entries) {
      if (!isSameAddress(group, destination)) continue
      if (interfaceIndex !== NO_INTERFACE && interfaceIndex !== arrivalIndex) continue
      if (acceptsSource(filter, source)) return true
      isJoined = true
    }
    if (isJoined) return false
    return !isMulticast(destination) || this.host.isGroupOfAll(destination)
  }

  leaveAll(nowMs: number): void {
    for (const entry of this.entries) {
      const nothing = { isExclude: false, sources: [] }
      this.host.listenToGroup(entry, entry.group, nothing, nowMs, entry.interfaceIndex)
    }
    this.entries = []
  }
}
