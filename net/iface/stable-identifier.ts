/**
 * Interface identifiers that stay the same in one network and say nothing in another (RFC 7217 §5,
 * RFC 8064).
 */
import { type IpAddress, ipv6Address } from '../wire/ip-address.ts'
import { emitHardwareAddress } from '../wire/mac-address.ts'

/**
 * F() of RFC 7217 with its secret key inside: at least 8 octets that nobody can foretell without
 * the key.
 */
export type IdentifierFunction = (message: Uint8Array) => Uint8Array

const PREFIX_OCTETS = 8
const HARDWARE_OCTETS = 6

/** The address in a /64 for the given count of duplicates found. */
export function stableAddress(
  prefix: IpAddress,
  hardwareHigh: number,
  hardwareLow: number,
  duplicates: number,
  identifierOf: IdentifierFunction,
): IpAddress {
  const message = new Uint8Array(PREFIX_OCTETS + HARDWARE_OCTETS + 2)
  const view = new DataView(message.buffer)
  view.setInt32(0, prefix.word0)
  view.setInt32(4, prefix.word1)
  emitHardwareAddress(view, PREFIX_OCTETS, hardwareHigh, hardwareLow)
  // §5: an identifier that is reserved is made anew with the next counter; a second octet keeps
  // these apart from duplicates.
  for (let attempt = 0; ; attempt++) {
    message[PREFIX_OCTETS + HARDWARE_OCTETS] = duplicates
    message[PREFIX_OCTETS + HARDWARE_OCTETS + 1] = attempt
    const digest = identifierOf(message)
    const digits = new DataView(digest.buffer, digest.byteOffset, 8)
    const word2 = digits.getInt32(0)
    const word3 = digits.getInt32(4)
    if (!isReserved(word2, word3)) return ipv6Address(prefix.word0, prefix.word1, word2, word3)
  }
}

/** RFC 5453 §2: Subnet-Router anycast, what IANA has of Ethernet's addresses, reserved anycast. */
function isReserved(word2: number, word3: number): boolean {
  return (
    (word2 | word3) === 0 ||
    (word2 === 0x02005eff && word3 >>> 24 === 0xfe) ||
    (word2 === (0xfdffffff | 0) && word3 >>> 0 >= 0xffffff80)
  )
}
