/**
 * What a server's OFFER or ACK gives: read, checked and put into one record (RFC 2131 §4.3.1, RFC
 * 2132, RFC 3397, RFC 3442).
 */
import { isHostAddress } from '../../wire/cidr.ts'
import {
  type ClasslessRoute,
  Dhcpv4Option,
  type Dhcpv4Options,
  type Dhcpv4Reply,
  parseClasslessRoutes,
  readWord,
} from '../../wire/dhcpv4.ts'
import { isDomainName, parseSearchOption } from '../../wire/domain-list.ts'
import {
  IPV4_UNSPECIFIED,
  type IpAddress,
  ipv4Address,
  isLoopback,
  isUnicast,
  isUnspecified,
} from '../../wire/ip-address.ts'

/** Of each list that a server may send; RFC 2132 has no limit. */
export const MAX_LEASE_ROUTES = 16
const MAX_LEASE_SERVERS = 8
/** No server means less; a client of it would do nothing but renew. */
export const MINIMUM_LEASE_SECONDS = 10
/** RFC 2131 §3.3: "infinity". */
const INFINITE_SECONDS = 0xffffffff

export interface Dhcpv4Lease {
  readonly address: IpAddress
  readonly prefixLength: number
  /** The server identifier, by which servers are told apart. */
  readonly server: IpAddress
  /** From the moment of the request; Infinity = for ever. T1 < T2 < lease. */
  readonly leaseMs: number
  readonly renewalMs: number
  readonly rebindingMs: number
  /** The default route among them. */
  readonly routes: readonly ClasslessRoute[]
  readonly nameServers: readonly IpAddress[]
  readonly ntpServers: readonly IpAddress[]
  /** Null when not given or none. */
  readonly domain: string | null
  /** Where names without a dot are looked for: the search option's, else the domain's. */
  readonly search: readonly string[]
  readonly hostName: string | null
  /** 0 = not given. */
  readonly mtu: number
}

/** Octets of options that are numbers or one address. */
const FIXED_LENGTHS: readonly (readonly [number, number])[] = [
  [Dhcpv4Option.SubnetMask, 4],
  [Dhcpv4Option.InterfaceMtu, 2],
  [Dhcpv4Option.LeaseTime, 4],
  [Dhcpv4Option.MessageType, 1],
  [Dhcpv4Option.ServerIdentifier, 4],
  [Dhcpv4Option.RenewalTime, 4],
  [Dhcpv4Option.RebindingTime, 4],
]
const ADDRESS_LISTS = [
  Dhcpv4Option.Router,
  Dhcpv4Option.DomainNameServer,
  Dhcpv4Option.NtpServers,
] as const

/**
 * False when an option of a message has a length that its kind cannot have: nothing of the message
 * is believed then.
 */
export function hasPossibleLengths(options: Dhcpv4Options): boolean {
  for (const [code, length] of FIXED_LENGTHS) {
    const value = options.get(code)
    if (value !== undefined && value.length !== length) return false
  }
  for (const code of ADDRESS_LISTS) {
    const value = options.get(code)
    if (value !== undefined && (value.length === 0 || value.length % 4 !== 0)) return false
  }
  return true
}

/**
 * Null when the message, whose lengths are possible, gives no address that we could use, or not for
 * long enough.
 */
export function readLease({ yourAddress, options }: Dhcpv4Reply): Dhcpv4Lease | null {
  const address = ipv4Address(yourAddress)
  const server = readServer(options)
  const seconds = readNumber(options, Dhcpv4Option.LeaseTime)
  const prefixLength = readPrefixLength(options, yourAddress)
  if (server === null || seconds < MINIMUM_LEASE_SECONDS || prefixLength === 0) return null
  if (!isHostAddress({ address, prefixLength })) return null
  const routes = readRoutes(options, address)
  if (routes === null) return null
  const domain = readName(options, Dhcpv4Option.DomainName)
  return {
    ...{ address, prefixLength, server, routes, domain },
    ...readTimes(options, seconds),
    nameServers: readAddresses(options, Dhcpv4Option.DomainNameServer),
    ntpServers: readAddresses(options, Dhcpv4Option.NtpServers),
    search: readSearch(options, domain),
    hostName: readName(options, Dhcpv4Option.HostName),
    mtu: readMtu(options),
  }
}

/** The server identifier, or null when there is none that a server can have. */
export function readServer(options: Dhcpv4Options): IpAddress | null {
  const value = options.get(Dhcpv4Option.ServerIdentifier)
  if (value === undefined) return null
  const server = ipv4Address(readWord(value))
  return isUnicast(server) && !isLoopback(server) ? server : null
}

/**
 * RFC 2131 §4.4.5: T1 is 0.5 and T2 0.875 of the lease where the server says nothing; what it says
 * counts only as "T1 MUST be earlier than T2, which, in turn, MUST be earlier than the time at
 * which the client's lease will expire".
 */
function readTimes(options: Dhcpv4Options, seconds: number) {
  if (seconds === INFINITE_SECONDS) {
    const never = Number.POSITIVE_INFINITY
    return { leaseMs: never, renewalMs: never, rebindingMs: never }
  }
  const leaseMs = seconds * 1000
  const wantedRebindingMs = readNumber(options, Dhcpv4Option.RebindingTime) * 1000
  const isRebindingPossible = wantedRebindingMs > 0 && wantedRebindingMs < leaseMs
  const rebindingMs = isRebindingPossible ? wantedRebindingMs : leaseMs * 0.875
  const wantedRenewalMs = readNumber(options, Dhcpv4Option.RenewalTime) * 1000
  const isRenewalPossible = wantedRenewalMs > 0 && wantedRenewalMs < rebindingMs
  // Half of the lease may be beyond the T2 that the server gave.
  const defaultRenewalMs = (leaseMs * 0.5 < rebindingMs ? leaseMs : rebindingMs) * 0.5
  const renewalMs = isRenewalPossible ? wantedRenewalMs : defaultRenewalMs
  return { leaseMs, renewalMs, rebindingMs }
}

/** Unsigned; 0 when absent. */
function readNumber(options: Dhcpv4Options, code: number): number {
  const value = options.get(code)
  return value === undefined ? 0 : readWord(value) >>> 0
}

function readMtu(options: Dhcpv4Options): number {
  const value = options.get(Dhcpv4Option.InterfaceMtu)
  return value === undefined ? 0 : (value[0]! << 8) | value[1]!
}

/**
 * Of the mask, or without one of the address's class (RFC 950); 0 when the mask has holes or is
 * empty.
 */
function readPrefixLength(options: Dhcpv4Options, address: number): number {
  const value = options.get(Dhcpv4Option.SubnetMask)
  if (value === undefined) return address >= 0 ? 8 : address >>> 30 === 2 ? 16 : 24
  const mask = readWord(value)
  const hostBits = ~mask
  return (hostBits & (hostBits + 1)) === 0 ? Math.clz32(hostBits) : 0
}

/**
 * Null when option 121 is there and malformed. RFC 3442: "the DHCP client MUST ignore the Router
 * option" when it is there.
 */
function readRoutes(options: Dhcpv4Options, own: IpAddress): ClasslessRoute[] | null {
  const value = options.get(Dhcpv4Option.ClasslessRoutes)
  if (value !== undefined) {
    const routes = parseClasslessRoutes(value)
    if (routes === null) return null
    return routes.filter((route) => isPossibleRoute(route, own)).slice(0, MAX_LEASE_ROUTES)
  }
  return readAddresses(options, Dhcpv4Option.Router)
    .map((router) => ({ destination: IPV4_UNSPECIFIED, prefixLength: 0, router }))
    .filter((route) => isPossibleRoute(route, own))
}

function isPossibleRoute({ destination, prefixLength, router }: ClasslessRoute, own: IpAddress) {
  if (router !== null && (!isUnicast(router) || isLoopback(router))) return false
  if (router !== null && router.word3 === own.word3) return false
  // 0.0.0.0/1 with 128.0.0.0/1 is how some servers write a default route.
  if (isUnspecified(destination)) return prefixLength < 8
  return isUnicast(destination) && !isLoopback(destination)
}

/** Those that a host can have, the first few. */
function readAddresses(options: Dhcpv4Options, code: number): IpAddress[] {
  const value = options.get(code)
  const addresses: IpAddress[] = []
  if (value === undefined) return addresses
  for (let offset = 0; offset < value.length; offset += 4) {
    const address = ipv4Address(readWord(value, offset))
    if (isUnicast(address) && !isLoopback(address)) addresses.push(address)
  }
  return addresses.slice(0, MAX_LEASE_SERVERS)
}

/** A list that is malformed is none: nothing but short names depends on it. */
function readSearch(options: Dhcpv4Options, domain: string | null): readonly string[] {
  const value = options.get(Dhcpv4Option.DomainSearch)
  const names = value === undefined ? null : parseSearchOption(value, MAX_LEASE_SERVERS)
  if (names !== null && names.length > 0) return names
  return domain === null ? [] : [domain]
}

/**
 * RFC 2132 §2: "Options containing NVT ASCII data SHOULD NOT include a trailing NULL; however, the
 * receiver ... MUST be prepared".
 */
function readName(options: Dhcpv4Options, code: number): string | null {
  const value = options.get(code)
  if (value === undefined) return null
  const text = String.fromCharCode(...value).replace(/\0+$/, '')
  const name = text.replace(/\.$/, '').toLowerCase()
  return isDomainName(name) ? name : null
}
