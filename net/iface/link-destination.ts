/** Hardware addresses of groups, derived from the IP address without asking anybody. */
import type { IpAddress } from '../wire/ip-address.ts'
import {
  BROADCAST_HIGH,
  BROADCAST_LOW,
  IPV4_MULTICAST_HARDWARE_HIGH,
  IPV6_MULTICAST_HARDWARE_HIGH,
  ipv4MulticastHardwareLow,
} from '../wire/mac-address.ts'

/** A hardware address in words. */
export interface LinkDestination {
  high: number
  low: number
}

/** `destination` is multicast, or any IPv4 broadcast address. */
export function resolveGroup(destination: IpAddress, out: LinkDestination): void {
  if (destination.version === 6) {
    out.high = IPV6_MULTICAST_HARDWARE_HIGH
    out.low = destination.word3
  } else if (destination.word3 >>> 28 === 14) {
    out.high = IPV4_MULTICAST_HARDWARE_HIGH
    out.low = ipv4MulticastHardwareLow(destination.word3)
  } else {
    out.high = BROADCAST_HIGH
    out.low = BROADCAST_LOW
  }
}
