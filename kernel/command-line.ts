/**
 * The kernel command line: space-separated key=value pairs, each checked; what is unknown stops the
 * boot.
 */

import { MAX_TIME_SERVERS } from './clock/time-client.ts'
import { badValue, CommandLineError, show } from './command-line-error.ts'
import {
  parseExitAfter,
  parseGrace,
  parseInterruptDelay,
  parseLogFormat,
  parsePoll,
  parseQueues,
  parseUnhandled,
  parseWatchdog,
} from './command-line-values.ts'
import { LOG_LEVELS, type LogLevel } from './logger.ts'
import { SETTING_NAME } from './settings-text.ts'
import type { SyslogTarget } from './syslog-client.ts'

export { CommandLineError }

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

export const BUILT_IN_SERVICES = ['echo', 'discard', 'chargen', 'http', 'iperf3'] as const
export type ServiceName = (typeof BUILT_IN_SERVICES)[number]

export interface KernelOptions<Address> {
  readonly ip: StaticAddress<Address> | AutomaticAddress
  readonly ip6: StaticAddress<Address> | AutomaticAddress
  /**
   * What the identifiers of automatic IPv6 addresses are made with; null: what the guest draws at
   * each boot.
   */
  readonly ip6Secret: Uint8Array | null
  readonly dns: readonly Address[]
  /** Host names and addresses of NTP servers; null: those of the network. Empty: none. */
  readonly ntp: readonly string[] | null
  /** Domains that names without a dot are looked for in. */
  readonly search: readonly string[]
  /** Feature names to accept, as on the command line; the driver knows what they stand for. */
  readonly offload: 'all' | 'none' | readonly string[]
  /** Values of `virtio_mmio.device`, which the machine adds, one a device. */
  readonly mmioDevices: readonly string[]
  /** How long the interrupts of the network device may wait for more frames; null = they do not. */
  readonly interruptDelayUs: number | null
  /** Pairs of queues of it that may be used; null = as the driver sees fit. */
  readonly queuePairs: number | null
  readonly log: LogLevel
  readonly logFormat: 'text' | 'json'
  /** The collector that the log goes to as well; null: none. */
  readonly syslog: SyslogTarget | null
  /** Null: not given, the default set. */
  readonly services: readonly ServiceName[] | null
  readonly exitAfterReady: boolean
  /** What `env.NAME=value` gives the app. */
  readonly env: ReadonlyMap<string, string>
  /** What becomes of a rejected promise that nobody handles once the app has started. */
  readonly unhandled: 'log' | 'exit'
  /**
   * How long the loop may be blocked before the machine's watchdog acts; null: not at all watched.
   */
  readonly watchdogSeconds: number | null
  /** What connections get to end in when the machine is to be switched off. */
  readonly graceMs: number
  /** Looks at the rings before it halts, when that has paid lately. */
  readonly polls: boolean
}

/** What the guest understands. */
export const KEYS = [
  'ip',
  'gateway',
  'ip6',
  'gateway6',
  'ip6-secret',
  'dns',
  'search',
  'ntp',
  'offload',
  'interrupt-delay',
  'queues',
  'log',
  'services',
  'exit-after',
  'grace',
  'poll',
  'unhandled',
  'watchdog',
  'log-format',
  'syslog',
] as const
type Key = (typeof KEYS)[number]

/** Of what is not for the kernel but for its app. */
const APP_PREFIX = 'env.'

/** Not the user's: QEMU's microvm appends it for each virtio-mmio device (auto-kernel-cmdline). */
const KEY_OF_MACHINE = 'virtio_mmio.device'

/** RFC 5426 §3.3, RFC 6587 has none; rsyslog and syslog-ng listen there. */
const SYSLOG_UDP_PORT = 514
const SYSLOG_TCP_PORT = 601

/**
 * Reads the command line. `offloadNames` are the names that `offload=` may list. Throws
 * CommandLineError at the first key or value that is not understood.
 */
export function parseCommandLine<Address>(
  text: string,
  syntax: AddressSyntax<Address>,
  offloadNames: readonly string[],
): KernelOptions<Address> {
  const env = new Map<string, string>()
  const mmioDevices: string[] = []
  const values = splitPairs(text, env, mmioDevices)
  return {
    env,
    ip: parseAddressing(values, syntax, 4),
    ip6: parseAddressing(values, syntax, 6),
    ip6Secret: parseSecret(values.get('ip6-secret')),
    dns: parseServers(values.get('dns'), syntax),
    search: parseSearch(values.get('search'), syntax),
    ntp: parseTimeServers(values.get('ntp'), syntax),
    offload: parseOffload(values.get('offload'), offloadNames),
    mmioDevices,
    interruptDelayUs: parseInterruptDelay(values.get('interrupt-delay')),
    queuePairs: parseQueues(values.get('queues')),
    log: parseLog(values.get('log')),
    logFormat: parseLogFormat(values.get('log-format')),
    syslog: parseSyslog(values.get('syslog'), syntax),
    services: parseServices(values.get('services')),
    exitAfterReady: parseExitAfter(values.get('exit-after')),
    graceMs: parseGrace(values.get('grace')),
    polls: parsePoll(values.get('poll')),
    unhandled: parseUnhandled(values.get('unhandled')),
    watchdogSeconds: parseWatchdog(values.get('watchdog')),
  }
}

/**
 * What begins with `env.` goes to `env`: the app's names are not ours; what the machine adds goes
 * to `mmioDevices`.
 */
function splitPairs(
  text: string,
  env: Map<string, string>,
  mmioDevices: string[],
): Map<Key, string> {
  const values = new Map<Key, string>()
  for (const word of text.split(/[ \t\r\n]+/)) {
    if (word === '') continue
    const equals = word.indexOf('=')
    const name = equals === -1 ? word : word.slice(0, equals)
    if (name === KEY_OF_MACHINE) {
      mmioDevices.push(equals === -1 ? '' : word.slice(equals + 1))
      continue
    }
    if (name.startsWith(APP_PREFIX)) {
      takeSetting(name.slice(APP_PREFIX.length), equals === -1 ? null : word.slice(equals + 1), env)
      continue
    }
    const key = KEYS.find((known) => known === name)
    if (key === undefined) {
      const known = `${KEYS.join(', ')}, ${APP_PREFIX}NAME`
      throw new CommandLineError(`unknown key ${show(name)}; expected one of ${known}`)
    }
    if (equals === -1) throw new CommandLineError(`${key} has no value; expected ${key}=VALUE`)
    if (values.has(key)) throw new CommandLineError(`${key} is given twice; expected it once`)
    values.set(key, word.slice(equals + 1))
  }
  return values
}

function takeSetting(name: string, value: string | null, env: Map<string, string>): void {
  const key = `${APP_PREFIX}${name}`
  if (!SETTING_NAME.test(name)) {
    const expected = `${APP_PREFIX} and a name of letters, digits and _`
    throw new CommandLineError(`unknown key ${show(key)}; expected ${expected}`)
  }
  if (value === null) throw new CommandLineError(`${key} has no value; expected ${key}=VALUE`)
  if (env.has(name)) throw new CommandLineError(`${key} is given twice; expected it once`)
  env.set(name, value)
}

function parseAddressing<Address>(
  values: Map<Key, string>,
  syntax: AddressSyntax<Address>,
  version: 4 | 6,
): StaticAddress<Address> | AutomaticAddress {
  const key = version === 4 ? 'ip' : 'ip6'
  const gatewayKey = version === 4 ? 'gateway' : 'gateway6'
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
  key: Key,
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

/** RFC 7217 §5: "SHOULD be at least 128 bits". */
function parseSecret(value: string | undefined): Uint8Array | null {
  if (value === undefined) return null
  if (!/^([0-9a-f]{2}){16,64}$/i.test(value)) {
    throw badValue('ip6-secret', value, '32 to 128 hexadecimal digits, two for each octet')
  }
  return Uint8Array.from(value.match(/../g)!, (digits) => Number.parseInt(digits, 16))
}

function parseServers<Address>(
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): readonly Address[] {
  if (value === undefined) return []
  return value.split(',').map((text) => {
    const address = syntax.parse(text, 4) ?? syntax.parse(text, 6)
    if (address === null || !syntax.isHost(address, 128)) {
      throw badValue('dns', value, 'addresses separated by commas')
    }
    return address
  })
}

function parseSearch<Address>(
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): readonly string[] {
  if (value === undefined) return []
  return value.split(',').map((text) => {
    const domain = text.replace(/\.$/, '')
    if (!syntax.isDomainName(domain)) throw badValue('search', value, 'domains separated by commas')
    return domain
  })
}

function parseTimeServers<Address>(
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): readonly string[] | null {
  if (value === undefined) return null
  if (value === 'off') return []
  const servers = value.split(',')
  const isServer = (text: string) => {
    // Some servers and none is not what anybody means.
    if (text === 'off') return false
    const address = syntax.parse(text, 4) ?? syntax.parse(text, 6)
    return address === null ? isHostName(text, syntax) : syntax.isHost(address, 128)
  }
  if (servers.length > MAX_TIME_SERVERS || !servers.every(isServer)) {
    const expected = `off, or up to ${MAX_TIME_SERVERS} names or addresses separated by commas`
    throw badValue('ntp', value, expected)
  }
  return servers
}

/** What looks like an address and is none is a slip, not a name (RFC 1123 §2.1). */
function isHostName<Address>(text: string, syntax: AddressSyntax<Address>): boolean {
  return syntax.isDomainName(text) && !/(^|\.)\d+$/.test(text)
}

function parseOffload(
  value: string | undefined,
  names: readonly string[],
): 'all' | 'none' | readonly string[] {
  if (value === undefined || value === 'all') return 'all'
  if (value === 'none') return 'none'
  return parseList('offload', value, names, 'all, none or a list of ')
}

function parseLog(value: string | undefined): LogLevel {
  if (value === undefined) return 'info'
  const level = LOG_LEVELS.find((known) => known === value)
  if (level === undefined) throw badValue('log', value, LOG_LEVELS.join(', '))
  return level
}

function parseSyslog<Address>(
  value: string | undefined,
  syntax: AddressSyntax<Address>,
): SyslogTarget | null {
  if (value === undefined) return null
  const match = /^(udp|tcp):\/\/(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(value)
  const [, protocol, ipv6, ipv4, portText] = match ?? []
  const address = syntax.parse(ipv6 ?? ipv4 ?? '', ipv6 === undefined ? 4 : 6)
  const port = Number(portText ?? (protocol === 'tcp' ? SYSLOG_TCP_PORT : SYSLOG_UDP_PORT))
  if (address === null || !syntax.isHost(address, 128) || port < 1 || port > 65_535) {
    throw badValue('syslog', value, 'udp://A.B.C.D:PORT or tcp://[X::Y]:PORT, with an address')
  }
  return { protocol: protocol as 'udp' | 'tcp', hostname: (ipv6 ?? ipv4)!, port }
}

function parseServices(value: string | undefined): readonly ServiceName[] | null {
  if (value === undefined) return null
  return parseList('services', value, BUILT_IN_SERVICES, 'a list of ')
}

/** Names separated by commas, none twice. */
function parseList<Name extends string>(
  key: Key,
  value: string,
  known: readonly Name[],
  expected: string,
): readonly Name[] {
  const found: Name[] = []
  for (const word of value.split(',')) {
    const name = known.find((candidate) => candidate === word)
    if (name === undefined) throw badValue(key, value, expected + known.join(','))
    if (!found.includes(name)) found.push(name)
  }
  return found
}
