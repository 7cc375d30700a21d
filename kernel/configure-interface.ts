/**
 * Configures an interface as the command line wants it: by hand, by servers and routers, or not at
 * all.
 */
import type { Stack } from '../net/api/stack.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import type { KernelOptions } from './command-line.ts'
import type { Logger } from './logger.ts'

const IPV6_MIN_MTU = 1280

/**
 * `identify` makes the function that addresses are made with that routers have us make (RFC 7217).
 */
export function configureInterface(
  stack: Pick<Stack, 'host' | 'configure'>,
  interfaceIndex: number,
  options: Pick<KernelOptions<IpAddress>, 'interfaces'>,
  identify: () => (message: Uint8Array) => Uint8Array,
  nowMs: number,
  log: Logger,
): void {
  const iface = stack.host.interfaces[interfaceIndex]!
  const settings = options.interfaces[interfaceIndex]!
  const { ip, dns, search } = settings
  // RFC 8200 §5: "IPv6 requires that every link in the Internet have an MTU of 1280 octets or
  // greater."
  const mtu = iface.device.capabilities.maxTransmissionUnit
  const isTooSmall = mtu < IPV6_MIN_MTU && settings.ip6.kind !== 'off'
  if (isTooSmall) {
    log.warn(
      `the device's MTU of ${mtu} is below ${IPV6_MIN_MTU}, so there is no IPv6: ` +
        `give it host_mtu=${IPV6_MIN_MTU} or more, or the guest ip6=off`,
    )
  }
  const ip6 = isTooSmall ? ({ kind: 'off' } as const) : settings.ip6
  if (ip6.kind !== 'off') iface.addLinkLocalAddress(nowMs)
  for (const given of [ip, ip6]) {
    if (given.kind !== 'static') continue
    iface.addAddress(given, nowMs)
    if (given.gateway !== null) iface.addDefaultRoute(given.gateway)
  }
  if (dns.length + search.length > 0) iface.nameServers.set('static', dns, search)
  const dhcp = ip.kind === 'automatic'
  const isRouted = ip6.kind === 'automatic'
  if (dhcp || isRouted) {
    const identifierOf = isRouted ? identify() : null
    stack.configure({ dhcp, identifierOf }, nowMs, interfaceIndex)
  }
}
