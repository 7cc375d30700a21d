/** Gives the interface the addresses and routes of the command line. */
import type { Stack } from '../net/api/stack.ts'
import type { IpAddress } from '../net/wire/ip-address.ts'
import type { KernelOptions } from './command-line.ts'
import type { Logger } from './logger.ts'

export function configureInterface(
  iface: Stack['interface'],
  options: KernelOptions<IpAddress>,
  nowMs: number,
  log: Logger,
): void {
  const { ip, ip6, dns } = options
  if (ip6.kind !== 'off') iface.addLinkLocalAddress(nowMs)
  for (const settings of [ip, ip6]) {
    if (settings.kind !== 'static') continue
    iface.addAddress(settings, nowMs)
    if (settings.gateway !== null) iface.addDefaultRoute(settings.gateway)
  }
  if (ip6.kind === 'absent') {
    log.info('ip6 is not given: link-local address only, SLAAC comes with a later version')
  }
  if (dns.length > 0) log.info('dns= is noted; name resolution comes with a later version')
}
