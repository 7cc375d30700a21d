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
  parseWeakHost,
} from './command-line-values.ts'
import {
  type AddressSyntax,
  type InterfaceSettings,
  interfaceOfKey,
  MAX_NETWORK_INTERFACES,
  parseInterface,
} from './interface-settings.ts'
import { LOG_LEVELS, type LogLevel } from './logger.ts'
import { SETTING_NAME } from './settings-text.ts'
import type { SyslogTarget } from './syslog-client.ts'

export { type AddressSyntax, CommandLineError }

export const BUILT_IN_SERVICES = ['echo', 'discard', 'chargen', 'http', 'iperf3'] as const
export type ServiceName = (typeof BUILT_IN_SERVICES)[number]

export interface KernelOptions<Address> {
  /** Of each interface, in order, as many as there may be. */
  readonly interfaces: readonly InterfaceSettings<Address>[]
  /** Numbers of the interfaces that something is said of, beside the first. */
  readonly namedInterfaces: readonly number[]
  /** An address of one interface is taken from any (RFC 1122 §3.3.4.2). */
  readonly isWeakHost: boolean
  /**
   * What the identifiers of automatic IPv6 addresses are made with; null: what the guest draws at
   * each boot.
   */
  readonly ip6Secret: Uint8Array | null
  /** Host names and addresses of NTP servers; null: those of the network. Empty: none. */
  readonly ntp: readonly string[] | null
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
  'weak-host',
] as const

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
    interfaces: Array.from({ length: MAX_NETWORK_INTERFACES }, (_, index) =>
      parseInterface(values, syntax, index),
    ),
    namedInterfaces: namedInterfaces(values),
    isWeakHost: parseWeakHost(values.get('weak-host')),
    ip6Secret: parseSecret(values.get('ip6-secret')),
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
): Map<string, string> {
  const values = new Map<string, string>()
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
    const key = name
    if (interfaceOfKey(name) === null && !KEYS.some((known) => known === name)) {
      const known = `${KEYS.join(', ')}, ${APP_PREFIX}NAME`
      throw new CommandLineError(`unknown key ${show(name)}; expected one of ${known}`)
    }
    if (equals === -1) throw new CommandLineError(`${key} has no value; expected ${key}=VALUE`)
    if (values.has(key)) throw new CommandLineError(`${key} is given twice; expected it once`)
    values.set(key, word.slice(equals + 1))
  }
  return values
}

function namedInterfaces(values: ReadonlyMap<string, string>): number[] {
  const found = new Set<number>()
  for (const name of values.keys()) {
    const index = interfaceOfKey(name)
    if (index !== null && index > 0) found.add(index)
  }
  return [...found].sort((a, b) => a - b)
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

/** RFC 7217 §5: "SHOULD be at least 128 bits". */
function parseSecret(value: string | undefined): Uint8Array | null {
  if (value === undefined) return null
  if (!/^([0-9a-f]{2}){16,64}$/i.test(value)) {
    throw badValue('ip6-secret', value, '32 to 128 hexadecimal digits, two for each octet')
  }
  return Uint8Array.from(value.match(/../g)!, (digits) => Number.parseInt(digits, 16))
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
    const address = syntax.parse(text, 4) ?? syntax.parse(withoutZone(text), 6)
    return address === null ? isHostName(text, syntax) : syntax.isHost(address, 128)
  }
  if (servers.length > MAX_TIME_SERVERS || !servers.every(isServer)) {
    const expected = `off, or up to ${MAX_TIME_SERVERS} names or addresses separated by commas`
    throw badValue('ntp', value, expected)
  }
  return servers
}

/** RFC 4007 §11: an address with the number of an interface, of which the stack makes use. */
function withoutZone(text: string): string {
  return text.replace(/%[0-9]$/, '')
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
  const address =
    ipv6 === undefined ? syntax.parse(ipv4 ?? '', 4) : syntax.parse(withoutZone(ipv6), 6)
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
  key: string,
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
