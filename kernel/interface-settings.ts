/**
 * What the command line says of each network interface: addresses, gateways, name servers. The
 * first has plain words, the others their number behind them (`ip.1`).
 */
import { badValue, CommandLineError, show } from './command-line-error.ts'

/**
 * So many network devices are driven: more than machines have networks, few enough that each turn
 * looks at all of them.
 */
export const MAX_NETWORK_INTERFACES = 8

/** Reading addresses is the stack's business; the composition root lends it. */
export interface AddressSyntax<Address> {
  /** Null when the text is no address of that version in the usual notation. */
  parse(text: string, version: 4 | 6): Address | null
  /**
   * True for an address that one host may own in a prefix of that length and peers can reach: no
   * group, loopback, unspecified or broadcast address and no subnet number.
   */
  isHost(address: Address, prefixLength: number): boolean
  /** True for an IPv6 link-local address. */
  isLinkLocal(address: Address): boolean
  /** True when both lie in the same prefix. */
  isSamePrefix(a: Address, b: Address, prefixLength: number): boolean
  isEqual(a: Address, b: Address): boolean
  /** True for a domain name without a final dot. */
  isDomainName(text: string): boolean
}

export interface StaticAddress<Address> {
  readonly kind: 'static'
  readonly address: Address
  readonly prefixLength: number
  readonly gateway: Address | null
}
export interface AutomaticAddress {
  /** `automatic`: by DHCP, or by what routers advertise. */
  readonly kind: 'off' | 'automatic'
}

export interface InterfaceSettings<Address> {
  readonly ip: StaticAddress<Address> | AutomaticAddress
  readonly ip6: StaticAddress<Address> | AutomaticAddress
  readonly dns: readonly Address[]
  /** Domains that names without a dot are looked for in. */
  readonly search: readonly string[]
}

/** Words of each interface. */
export const INTERFACE_KEYS = ['ip', 'gateway', 'ip6', 'gateway6', 'dns', 'search'] as const

/**
 * The number behind a word of an interface; 0 when there is none. Throws CommandLineError when it
 * is none that an interface has. Null for any other word.
 */
export function interfaceOfKey(name: string): number | null {
  const key = INTERFACE_KEYS.find((known) => name === known || name.startsWith(`${known}.`))
  if (key === undefined) return null
  if (name === key) return 0
  const text = name.slice(key.length + 1)
  const index = /^[1-9]$/.test(text) ? Number(text) : 0
  if (index >= 1 && index < MAX_NETWORK_INTERFACES) return index
  const most = MAX_NETWORK_INTERFACES - 1
  throw new CommandLineError(
    `${show(name)} names no interface; expected ${key} for the first, ${key}.1 to ${key}.${most} for the others`,
  )
}

/** Throws CommandLineError. */
export function parseInterface<Address>(
  values: ReadonlyMap<string, string>,
  syntax: AddressSyntax<Address>,
  index: number,
): InterfaceSettings<Address> {
  const suffix = index === 0 ? '' : `.${index}`
  return {
    ip: parseAddressing(values, syntax, 4, suffix),
    ip6: parseAddressing(values, syntax, 6, suffix),
    dns: parseServers(`dns${suffix}`, values.get(`dns${suffix}`), syntax),
    search: parseSearch(`search${suffix}`, values.get(`search${suffix}`), syntax),
  }
}

function parseAddressing<Address>(
  values: ReadonlyMap<string, string>,
  syntax: AddressSyntax<Address>,
  version: 4 | 6,
  suffix: string,
): StaticAddress<Address> | AutomaticAddress {
  const key = `${version === 4 ? 'ip' : 'ip6'}${suffix}`
  const gatewayKey = `${version === 4 ? 'gateway' : 'gateway6'}${suffix}`
  const value = values.get(key)
  const gatewayText = values.get(gatewayKey)
  const automatic = version === 4 ? 'dhcp' : 'slaac'
  if (value === undefined || value === automatic || value === 'off') {
    if (gatewayText !== undefined) {
      throw new CommandLineError(`${gatewayKey} needs a static address in ${key}=`)
    }
    return { kind: value === 'off' ? 'off' : 'automatic' }
  }
  const expected =
    version === 4
      ? 'dhcp, off or A.B.C.D/N (N from 1 to 32)'
      : 'slaac, off or X::Y/N (N from 1 to 128)'
  const slash = value.indexOf('/')
  const address = syntax.parse(slash === -1 ? '' : value.slice(0, slash), version)
  const prefixLength = parsePrefixLength(value.slice(slash + 1), version === 4 ? 32 : 128)
  if (address === null || prefixLength === -1) throw badValue(key, value, expected)
  if (!syntax.isHost(address, prefixLength)) {
    throw badValue(
      key,
      value,
      'an address that a host may own, not a group, broadcast or loopback one',
    )
  }
  const gateway =
    gatewayText === undefined
      ? null
      : parseGateway(gatewayKey, gatewayText, syntax, version, address, prefixLength)
  return { kind: 'static', address, prefixLength, gateway }
}

function parseGateway<Address>(
  key: string,
  value: string,
  syntax: AddressSyntax<Address>,
  version: 4 | 6,
  own: Address,
  prefixLength: number,
): Address {
  const gateway = syntax.parse(value, version)
  if (gateway === null || !syntax.isHost(gateway, prefixLength)) {
    throw badValue(key, value, version === 4 ? 'A.B.C.D' : 'X::Y')
  }
  if (syntax.isEqual(gateway, own)) {
    throw badValue(key, value, 'an address other than the own one')
  }
  const longest = version === 4 ? 32 : 128
  // A prefix of one address has no room for a gateway: clouds that give it mean one that is on the
  // link all the same.
  const onLink =
    prefixLength === longest ||
    syntax.isSamePrefix(own, gateway, prefixLength) ||
    (version === 6 && syntax.isLinkLocal(gateway))
  if (!onLink) {
    const otherwise = `or the own address with /${longest} if the gateway is on the link without being in the prefix`
    throw badValue(key, value, `an address in the own prefix, /${prefixLength}, ${otherwise}`)
  }
  return gateway
}

/** -1 when the text is no decimal number from 1 to `longest`. */
function parsePrefixLength(text: string, longest: number): number {
  if (!/^[1-9][0-9]{0,2}$/.test(text)) return -1
  const prefixLength = Number(text)
  return prefixLength <= longest ? prefixLength : -1
}

function parseServers<Address>(
  key: string,
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): readonly Address[] {
  if (value === undefined) return []
  return value.split(',').map((text) => {
    const address = syntax.parse(text, 4) ?? syntax.parse(text, 6)
    if (address === null || !syntax.isHost(address, 128)) {
      throw badValue(key, value, 'addresses separated by commas')
    }
    return address
  })
}

function parseSearch<Address>(
  key: string,
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): readonly string[] {
  if (value === undefined) return []
  return value.split(',').map((text) => {
    const domain = text.replace(/\.$/, '')
    if (!syntax.isDomainName(domain)) throw badValue(key, value, 'domains separated by commas')
    return domain
  })
}
