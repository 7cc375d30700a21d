/** Gives the interface the addresses and routes of the command line. */
import type { Stack } from '../net/api/stack.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import type { KernelOptions } from './command-line.ts'
import type { Logger } from './logger.ts'

const IPV6_MIN_MTU = 1280

export function configureInterface(
  iface: Stack['interface'],
  options: KernelOptions<IpAddress>,
  nowMs: number,
  log: Logger,
): void {
  const { ip, dns } = options
  // RFC 8200 §5: "IPv6 requires that every link in the Internet have an MTU of 1280 octets or greater."
  const mtu = iface.device.capabilities.maxTransmissionUnit
  const isTooSmall = mtu < IPV6_MIN_MTU && options.ip6.kind !== 'off'
  if (isTooSmall) {
    log.warn(
      `the device's MTU of ${mtu} is below ${IPV6_MIN_MTU}, so there is no IPv6: ` +
        `give it host_mtu=${IPV6_MIN_MTU} or more, or the guest ip6=off`,
    )
  }
  const ip6 = isTooSmall ? ({ kind: 'off' } as const) : options.ip6
  if (ip6.kind !== 'off') iface.addLinkLocalAddress(nowMs)
  for (const settings of [ip, ip6]) {
    if (settings.kind !== 'static') continue
    iface.addAddress(settings, nowMs)
    if (settings.gateway !== null) iface.addDefaultRoute(settings.gateway)
  }
  if (ip6.kind === 'absent') {
    log.info('ip6 is not given: link-local address only, SLAAC comes with a later version')
  }
  iface.nameServers.set('static', dns, [])
}
