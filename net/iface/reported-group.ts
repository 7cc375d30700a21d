/** Which groups routers are told of: those that not every host is in anyhow. */
import type { IpAddress } from '../wire/ip-address.ts'
import { IPV4_ALL_SYSTEMS } from './igmp.ts'
import { isReportedIpv6Group } from './multicast-listener.ts'

export function isReportedGroup(group: IpAddress): boolean {
  return group.version === 4 ? group.word3 !== IPV4_ALL_SYSTEMS : isReportedIpv6Group(group)
}
