/** The guest's command line, with addresses as the stack reads them and offloads as drivers do. */
import { OFFLOAD_NAMES } from '../drivers/virtio/net/features.ts'
import { isHostAddress, isInPrefix } from '../net/wire/cidr.ts'
import { isDomainName } from '../net/wire/domain-list.ts'
import { type IpAddress, isLinkLocal, isSameAddress } from '../net/wire/ip-address.ts'
import { parseIpAddress } from '../net/wire/ip-address-text.ts'
import { type AddressSyntax, type KernelOptions, parseCommandLine } from './command-line.ts'

const ADDRESS_SYNTAX: AddressSyntax<IpAddress> = {
  parse(text, version) {
    const address = parseIpAddress(text)
    return address !== null && address.version === version ? address : null
  },
  isHost: (address, prefixLength) => isHostAddress({ address, prefixLength }),
  isLinkLocal,
  isSamePrefix: (a, b, prefixLength) => isInPrefix(a, b, prefixLength),
  isEqual: isSameAddress,
  isDomainName,
}

/** Throws CommandLineError at the first key or value that is not understood. */
export function readCommandLine(text: string): KernelOptions<IpAddress> {
  return parseCommandLine(text, ADDRESS_SYNTAX, OFFLOAD_NAMES)
}
