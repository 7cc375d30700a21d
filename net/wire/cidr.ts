/**
 * Address prefixes: an address and how many of its leading bits count (RFC 4632, RFC 4291 §2.3).
 */
import { type IpAddress, isLimitedBroadcast, isLoopback, isUnicast } from './ip-address.ts'
import { formatIpAddress, parseIpAddress } from './ip-address-text.ts'

export interface Cidr {
  readonly address: IpAddress
  /** 0..32 or 0..128. */
  readonly prefixLength: number
}

/** "A.B.C.D/N" or "X::Y/N", strictly; host bits may be set. Null when malformed. */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  if (slash < 0) return null
  const address = parseIpAddress(text.slice(0, slash))
  const lengthText = text.slice(slash + 1)
  if (address === null || !/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return null
  const prefixLength = Number(lengthText)
  if (prefixLength > (address.version === 4 ? 32 : 128)) return null
  return { address, prefixLength }
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpAddress(cidr.address)}/${cidr.prefixLength}`
}

/** int32 with the first `count` bits set; counts beyond 0..32 are clamped. */
function maskWord(count: number): number {
  if (count <= 0) return 0
  return count >= 32 ? -1 : ~(-1 >>> count)
}

/** True when the first `prefixLength` bits of both addresses are the same and so is the family. */
export function isInPrefix(address: IpAddress, prefix: IpAddress, prefixLength: number): boolean {
  if (address.version !== prefix.version) return false
  if (address.version === 4) {
    return ((address.word3 ^ prefix.word3) & maskWord(prefixLength)) === 0
  }
  return (
    ((address.word0 ^ prefix.word0) & maskWord(prefixLength)) === 0 &&
    ((address.word1 ^ prefix.word1) & maskWord(prefixLength - 32)) === 0 &&
    ((address.word2 ^ prefix.word2) & maskWord(prefixLength - 64)) === 0 &&
    ((address.word3 ^ prefix.word3) & maskWord(prefixLength - 96)) === 0
  )
}

/** How many leading bits two addresses of one family share: RFC 6724 §2.2's CommonPrefixLen. */
export function commonPrefixLength(a: IpAddress, b: IpAddress): number {
  if (a.version !== b.version) return 0
  if (a.version === 4) return Math.clz32(a.word3 ^ b.word3)
  if (a.word0 !== b.word0) return Math.clz32(a.word0 ^ b.word0)
  if (a.word1 !== b.word1) return 32 + Math.clz32(a.word1 ^ b.word1)
  if (a.word2 !== b.word2) return 64 + Math.clz32(a.word2 ^ b.word2)
  return 96 + Math.clz32(a.word3 ^ b.word3)
}

/**
 * The directed broadcast address of an IPv4 prefix as int32; /31 and /32 have none (RFC 3021): then
 * 0.
 */
export function broadcastWord(cidr: Cidr): number {
  if (cidr.address.version !== 4 || cidr.prefixLength > 30) return 0
  return cidr.address.word3 | ~maskWord(cidr.prefixLength)
}

/** True for an address that one host of the prefix can have. */
export function isHostAddress(cidr: Cidr): boolean {
  const { address, prefixLength } = cidr
  if (!isUnicast(address) || isLoopback(address) || isLimitedBroadcast(address)) return false
  const broadcast = broadcastWord(cidr)
  if (broadcast === 0) return true
  // The number of a subnet has all host bits 0, its broadcast address all 1 (RFC 1122 §3.2.1.3).
  return address.word3 !== broadcast && (address.word3 & ~maskWord(prefixLength)) !== 0
}
