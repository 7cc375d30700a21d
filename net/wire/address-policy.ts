/**
 * What RFC 6724 knows of addresses by themselves: scopes (§3.1) and the labels of the default
 * policy table (§2.1).
 */
import {
  type IpAddress,
  isLinkLocal,
  isLoopback,
  isMulticast,
  isUniqueLocal,
} from './ip-address.ts'

/** RFC 4291 §2.7. */
export const AddressScope = { InterfaceLocal: 1, LinkLocal: 2, SiteLocal: 5, Global: 14 } as const

export function scopeOf(address: IpAddress): number {
  if (isMulticast(address)) return multicastScopeOf(address)
  if (isLinkLocal(address) || isLoopback(address)) return AddressScope.LinkLocal
  return isSiteLocal(address) ? AddressScope.SiteLocal : AddressScope.Global
}

/**
 * Two addresses of different labels belong to different worlds: native, 6to4, Teredo, unique local.
 */
export function labelOf(address: IpAddress): number {
  // §3.2: IPv4 addresses are treated as IPv4-mapped ones.
  if (address.version === 4) return 4
  const { word0, word1, word2 } = address
  if (isLoopback(address)) return 0
  if ((word0 | word1) === 0 && word2 === 0xffff) return 4
  if ((word0 | word1 | word2) === 0) return 3
  if (isUniqueLocal(address)) return 13
  if (isSiteLocal(address)) return 11
  switch (word0 >>> 16) {
    case 0x2002:
      return 2
    case 0x3ffe:
      return 12
    case 0x2001:
      return (word0 & 0xffff) === 0 ? 5 : 1
    default:
      return 1
  }
}

/**
 * IPv6 says it in the address; of IPv4 (RFC 2365 §6.1, RFC 5771 §4) 224.0.0.0/24 stays on the link.
 */
function multicastScopeOf({ version, word0, word3 }: IpAddress): number {
  if (version === 6) return (word0 >>> 16) & 15
  return word3 >>> 8 === 0xe00000 ? AddressScope.LinkLocal : AddressScope.Global
}

/** fec0::/10, deprecated by RFC 3879. */
function isSiteLocal({ version, word0 }: IpAddress): boolean {
  return version === 6 && word0 >>> 22 === 0xfec0 >>> 6
}
