/** The hardware addresses of groups, each once, those that every host is in included. */
import { IPV6_ALL_NODES, type IpAddress, ipv4Address } from '../wire/ip-address.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'
import { IPV4_ALL_SYSTEMS } from './igmp.ts'
import { resolveGroup } from './link-destination.ts'

/** Many groups share an address: 32 of IPv4, more of IPv6. */
export function hardwareGroups(groups: readonly IpAddress[]): Uint8Array[] {
  const found = new Map<string, Uint8Array>()
  for (const group of [ipv4Address(IPV4_ALL_SYSTEMS), IPV6_ALL_NODES, ...groups]) {
    const destination = { high: 0, low: 0 }
    resolveGroup(group, destination)
    const bytes = new Uint8Array(6)
    emitHardwareAddress(new DataView(bytes.buffer), 0, destination.high, destination.low)
    found.set(bytes.join(), bytes)
  }
  return [...found.values()]
}
