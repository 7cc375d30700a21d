/**
 * Router Advertisements and Solicitations: options parsed, what cannot be left out (RFC 4861 §4.1,
 * §4.2, RFC 8106 §5).
 */
import { parseDomainList } from './domain-list.ts'
import { Icmpv6Type } from './icmpv6.ts'
import { type IpAddress, readIpAddress } from './ip-address.ts'
import { emitHardwareAddress } from './mac-address.ts'
import { NdpOption } from './ndp.ts'

const RDNSS_OPTION = 25
const DNSSL_OPTION = 31
const ADVERTISEMENT_LENGTH = 16
const SOLICITATION_LENGTH = 8
/** RFC 4861 §4.6.2, RFC 8106 §5.1: all ones = infinity. */
const INFINITE_SECONDS = 0xffffffff

/** Bits of the octet behind the hop limit. */
const MANAGED = 0x80
const OTHER = 0x40
/** Bits of a Prefix Information option. */
const ON_LINK = 0x80
const AUTONOMOUS = 0x40

export interface AdvertisedPrefix {
  readonly prefix: IpAddress
  /** 0..255 as on the wire. */
  readonly prefixLength: number
  readonly isOnLink: boolean
  readonly isAutonomous: boolean
  /** Infinity when it never ends. */
  readonly validSeconds: number
  readonly preferredSeconds: number
}

export interface AdvertisedServers {
  readonly lifetimeSeconds: number
  readonly servers: readonly IpAddress[]
}

export interface AdvertisedDomains {
  readonly lifetimeSeconds: number
  readonly domains: readonly string[]
}

export interface RouterAdvertisement {
  /** 0 = unspecified. */
  readonly hopLimit: number
  /** DHCPv6 has addresses, or other parameters, for us. */
  readonly isManaged: boolean
  readonly hasOtherConfiguration: boolean
  /** 0 = not a default router. */
  readonly lifetimeSeconds: number
  /**
   * How long a neighbor counts as reachable, and how long a question waits for its answer; 0 =
   * unspecified.
   */
  readonly reachableTimeMs: number
  readonly retransTimerMs: number
  /** RFC 4191 §2.1: 1 high, 0 medium, -1 low. */
  readonly preference: number
  /** 0 = not given. */
  readonly mtu: number
  /** Negative high word: not given. */
  readonly linkLayerHigh: number
  readonly linkLayerLow: number
  readonly prefixes: readonly AdvertisedPrefix[]
  readonly servers: readonly AdvertisedServers[]
  readonly domains: readonly AdvertisedDomains[]
}

/**
 * Reads an advertisement that isValidNdp has approved. Options of a length that their kind cannot
 * have are left out, as are unknown ones (RFC 4861 §4.6: "MUST silently ignore"). Allocates.
 */
export function parseRouterAdvertisement(
  view: DataView,
  offset: number,
  length: number,
): RouterAdvertisement {
  const flags = view.getUint8(offset + 5)
  const lifetimeSeconds = view.getUint16(offset + 6)
  const found = {
    hopLimit: view.getUint8(offset + 4),
    isManaged: (flags & MANAGED) !== 0,
    hasOtherConfiguration: (flags & OTHER) !== 0,
    lifetimeSeconds,
    reachableTimeMs: view.getUint32(offset + 8),
    retransTimerMs: view.getUint32(offset + 12),
    preference: preferenceOf(flags, lifetimeSeconds),
    mtu: 0,
    linkLayerHigh: -1,
    linkLayerLow: 0,
    prefixes: [] as AdvertisedPrefix[],
    servers: [] as AdvertisedServers[],
    domains: [] as AdvertisedDomains[],
  }
  const end = offset + length
  let position = offset + ADVERTISEMENT_LENGTH
  while (position < end) {
    const units = view.getUint8(position + 1)
    switch (view.getUint8(position)) {
      case NdpOption.SourceLinkLayerAddress:
        if (units !== 1) break
        found.linkLayerHigh = view.getUint16(position + 2)
        found.linkLayerLow = view.getInt32(position + 4)
        break
      case NdpOption.Mtu:
        if (units === 1) found.mtu = view.getUint32(position + 4)
        break
      case NdpOption.PrefixInformation:
        if (units === 4) found.prefixes.push(readPrefix(view, position))
        break
      case RDNSS_OPTION:
        // RFC 8106 §5.3.1: at least 3, and one more for each half of an address makes no sense.
        if (units >= 3 && (units & 1) === 1) found.servers.push(readServers(view, position, units))
        break
      case DNSSL_OPTION: {
        const domains = units < 2 ? null : readDomains(view, position, units)
        if (domains !== null) found.domains.push(domains)
        break
      }
      default:
    }
    position += units << 3
  }
  return found
}

/** RFC 4191 §2.2: the reserved value and a lifetime of 0 make it medium. */
function preferenceOf(flags: number, lifetimeSeconds: number): number {
  const bits = (flags >> 3) & 3
  if (lifetimeSeconds === 0) return 0
  return bits === 1 ? 1 : bits === 3 ? -1 : 0
}

function readPrefix(view: DataView, offset: number): AdvertisedPrefix {
  const flags = view.getUint8(offset + 3)
  return {
    prefix: readIpAddress(view, offset + 16, 6),
    prefixLength: view.getUint8(offset + 2),
    isOnLink: (flags & ON_LINK) !== 0,
    isAutonomous: (flags & AUTONOMOUS) !== 0,
    validSeconds: readLifetime(view, offset + 4),
    preferredSeconds: readLifetime(view, offset + 8),
  }
}

function readServers(view: DataView, offset: number, units: number): AdvertisedServers {
  const servers: IpAddress[] = []
  for (let unit = 1; unit < units; unit += 2) {
    servers.push(readIpAddress(view, offset + (unit << 3), 6))
  }
  return { lifetimeSeconds: readLifetime(view, offset + 4), servers }
}

function readDomains(view: DataView, offset: number, units: number): AdvertisedDomains | null {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, units << 3)
  const domains = parseDomainList(bytes, 8, bytes.length)
  return domains === null ? null : { lifetimeSeconds: readLifetime(view, offset + 4), domains }
}

function readLifetime(view: DataView, offset: number): number {
  const seconds = view.getUint32(offset)
  return seconds === INFINITE_SECONDS ? Number.POSITIVE_INFINITY : seconds
}

/**
 * Writes a solicitation with a zero checksum; returns its length. `high` negative = without our
 * hardware address.
 */
export function emitRouterSolicitation(
  view: DataView,
  offset: number,
  high: number,
  low: number,
): number {
  view.setInt32(offset, Icmpv6Type.RouterSolicitation << 24)
  view.setInt32(offset + 4, 0)
  if (high < 0) return SOLICITATION_LENGTH
  view.setUint16(offset + 8, (NdpOption.SourceLinkLayerAddress << 8) | 1)
  emitHardwareAddress(view, offset + 10, high, low)
  return SOLICITATION_LENGTH + 8
}
