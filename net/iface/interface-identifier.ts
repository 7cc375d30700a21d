/**
 * IPv6 interface identifiers made of hardware addresses (RFC 4291 appendix A, RFC 2464 §4 and §5).
 */
import { type IpAddress, ipv6Address } from '../wire/ip-address.ts'

/**
 * fe80::/64 with the modified EUI-64 of an Ethernet address: its universal bit inverted, ff:fe in
 * its middle.
 */
export function linkLocalAddress(hardwareHigh: number, hardwareLow: number): IpAddress {
  const word2 = ((hardwareHigh ^ 0x0200) << 16) | ((hardwareLow >>> 16) & 0xff00) | 0xff
  const word3 = 0xfe000000 | (hardwareLow & 0xffffff)
  return ipv6Address(0xfe800000, 0, word2, word3)
}
