/**
 * The groups that one socket listens to, each with the sources it wants (RFC 3376 §3.1, RFC 3810
 * §4.1).
 */
import { acceptsAny, acceptsSource, type SourceFilter } from '../../iface/source-filter.ts'
import { copyOfAddress, type IpAddress, isMulticast, isSameAddress } from '../../wire/ip-address.ts'

/** Each is looked at for each datagram to a group. */
export const MAX_SOCKET_GROUPS = 32

/** What the interface does for listeners of groups. */
export interface GroupHost {
  /** Throws RangeError when the address is no group's, or there are too many groups or sources. */
  listenToGroup(listener: object, group: IpAddress, filter: SourceFilter, nowMs: number): void
  /** Every socket hears it, without having joined. */
  isGroupOfAll(address: IpAddress): boolean
  /** Limited or of one of our prefixes. */
  isBroadcast(address: IpAddress): boolean
}

interface GroupFilter {
  readonly group: IpAddress
  readonly filter: SourceFilter
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
  set(group: IpAddress, filter: SourceFilter, nowMs: number): void {
    const others = this.entries.filter((entry) => !isSameAddress(entry.group, group))
    if (acceptsAny(filter)) {
      if (others.length === MAX_SOCKET_GROUPS) {
        throw new RangeError(`Cannot join a group: the socket is in ${MAX_SOCKET_GROUPS}`)
      }
      if (filter.sources.some(({ version }) => version !== group.version)) {
        throw new RangeError('Cannot join a group: a source is of another family')
      }
      others.push({ group: copyOfAddress(group), filter })
    }
    this.host.listenToGroup(this, group, filter, nowMs)
    this.entries = others
  }

  /** Whether a datagram to a group, of whatever kind, is for this socket. */
  hears(destination: IpAddress, source: IpAddress): boolean {
    for (const { group, filter } of this.entries) {
      if (isSameAddress(group, destination)) return acceptsSource(filter, source)
    }
    return !isMulticast(destination) || this.host.isGroupOfAll(destination)
  }

  leaveAll(nowMs: number): void {
    for (const { group } of this.entries) {
      this.host.listenToGroup(this, group, { isExclude: false, sources: [] }, nowMs)
    }
    this.entries = []
  }
}
