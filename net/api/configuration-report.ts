/** What a stack was told of its network, and by whom, as plain data for status pages. */
import { Dhcpv4State } from '../socket/dhcp/dhcpv4-state.ts'
import type { DhcpStatistics } from '../socket/dhcp/statistics.ts'
import { formatIpAddress } from '../wire/ip-address-text.ts'
import type { Stack } from './stack.ts'

const STATE_NAMES = Object.keys(Dhcpv4State).map((name) => name.toLowerCase())

export interface ConfigurationReport {
  readonly nameServers: readonly string[]
  readonly search: readonly string[]
  readonly mtu: { readonly ipv4: number; readonly ipv6: number }
  readonly hopLimit: number
  /** Null when the address is given by hand. */
  readonly dhcp: {
    readonly state: string
    readonly server: string | null
    /** Null without a lease, and for one without end. */
    readonly leaseSeconds: number | null
    readonly hostName: string | null
    readonly ntpServers: readonly string[]
    readonly statistics: DhcpStatistics
  } | null
  /** Default routers that have advertised themselves, best first. */
  readonly routers: readonly string[]
}

export function reportConfiguration(
  stack: Pick<Stack, 'host' | 'configurations'>,
  interfaceIndex: number,
): ConfigurationReport {
  const iface = stack.host.interfaces[interfaceIndex]!
  const configuration = stack.configurations[interfaceIndex] ?? null
  const { nameServers, link } = iface
  const routers = configuration?.routers?.routers.routers ?? []
  return {
    nameServers: nameServers.nameservers.map(formatIpAddress),
    search: nameServers.search,
    mtu: { ipv4: link.mtu4, ipv6: link.mtu6 },
    hopLimit: link.hopLimit,
    dhcp: reportDhcp(configuration?.dhcp ?? null),
    routers: routers.map(({ address }) => formatIpAddress(address)),
  }
}

type Client = NonNullable<NonNullable<Stack['configurations'][number]>['dhcp']>

function reportDhcp(client: Client | null): ConfigurationReport['dhcp'] {
  if (client === null) return null
  const { lease, state, statistics } = client
  const isEndless = lease === null || lease.leaseMs === Number.POSITIVE_INFINITY
  return {
    state: STATE_NAMES[state] ?? '',
    server: lease === null ? null : formatIpAddress(lease.server),
    leaseSeconds: isEndless ? null : lease.leaseMs / 1000,
    hostName: lease?.hostName ?? null,
    ntpServers: lease?.ntpServers.map(formatIpAddress) ?? [],
    statistics: { ...statistics, drops: { ...statistics.drops } },
  }
}
