/**
 * Options of `make run`: KEY=value from the arguments, the environment and make, every bad one
 * refused by name.
 */
import type { AcceleratorRequest, Machine } from 'qemu-runner'
import { CommandLineError, KEYS } from '../../kernel/command-line.ts'
import { MOST_QUEUE_PAIRS } from '../../kernel/command-line-values.ts'
import { interfaceOfKey } from '../../kernel/interface-settings.ts'
import { LOG_LEVELS } from '../../kernel/logger.ts'
import { SETTING_NAME } from '../../kernel/settings-text.ts'
import { type AppFile, checkAppFiles } from './app-files.ts'
import { checkEnvironmentFile } from './environment-file.ts'
import { RunError } from './run-error.ts'

export interface RunOptions {
  /** Path of an app's TypeScript; undefined = the built-in app. */
  readonly app: string | undefined
  /** `auto`: a TAP if one can be had, else user-mode networking. */
  readonly network: 'auto' | 'tap' | 'user'
  readonly accelerator: AcceleratorRequest
  readonly machine: Machine
  /** Pairs of queues of the TAP and the device; more than 1 only of a TAP. */
  readonly queuePairs: number
  /** File for what the guest's stack records, in pcapng format. */
  readonly pcap: string | undefined
  /** File of NAME=value lines for the app's settings, absolute. */
  readonly environmentFile: string | undefined
  /** What the app finds as `files`. */
  readonly files: readonly AppFile[]
  /** A guest that ends is started again. */
  readonly restarts: boolean
  /** Port of the printed URL on 127.0.0.1; 0 = the host's kernel picks. */
  readonly port: number
  /** Words for the guest's own command line, e.g. `offload=csum,tso4`. */
  readonly guest: Readonly<Record<string, string>>
}

export const OPTION_NAMES = [
  'APP',
  'NET',
  'ACCEL',
  'MACHINE',
  'QUEUES',
  'PCAP',
  'PORT',
  'OFFLOAD',
  'LOG',
  'APPEND',
  'ENV',
  'FILES',
  'RESTART',
] as const
type OptionName = (typeof OPTION_NAMES)[number]

/** Variables that make or npm understand themselves and a person may set on make's command line. */
const NOT_OURS = new Set(['SHELL', 'PATH', 'MAKEFLAGS', 'QUICKJS_DIR', 'CC', 'V'])

/** What the guest understands, but for the word that ends it when it is ready. */
const GUEST_KEYS: readonly string[] = KEYS.filter((key) => key !== 'exit-after')
const SEE_HELP = 'make help lists the options'

export function parseRunOptions(
  words: readonly string[],
  environment: Record<string, string | undefined>,
  target = 'run',
): RunOptions {
  refuseUnknownMakeVariables(environment, OPTION_NAMES, target)
  const values = new Map<OptionName, string>()
  const guest: Record<string, string> = {}
  for (const name of OPTION_NAMES) {
    const value = environment[name]
    // make exports what is not set as empty.
    if (value !== undefined && value !== '') values.set(name, value)
  }
  for (const word of words) {
    const equals = word.indexOf('=')
    const key = equals < 0 ? word : word.slice(0, equals)
    const name = OPTION_NAMES.find((known) => known === key)
    if (equals > 0 && name !== undefined) values.set(name, word.slice(equals + 1))
    else if (equals > 0) takeGuestWord(word, guest)
    else throw new RunError(`Cannot use "${word}": it is not KEY=value`, SEE_HELP)
  }
  for (const word of (values.get('APPEND') ?? '').split(/\s+/)) {
    if (word !== '') takeGuestWord(word, guest)
  }
  const offload = values.get('OFFLOAD')
  const log = values.get('LOG')
  oneOf('LOG', log, LOG_LEVELS, 'info')
  const network = oneOf('NET', values.get('NET'), ['auto', 'tap', 'user'], 'auto')
  const queuePairs = parseQueues(values.get('QUEUES'), network)
  // Of more than it would use by itself, the guest has to be told.
  if (queuePairs > 1) guest.queues ??= String(queuePairs)
  if (offload !== undefined) guest.offload = offload
  if (log !== undefined) guest.log = log
  return {
    app: values.get('APP'),
    network,
    accelerator: oneOf('ACCEL', values.get('ACCEL'), ['auto', 'kvm', 'tcg'], 'auto'),
    machine: oneOf('MACHINE', values.get('MACHINE'), ['q35', 'microvm'], 'q35'),
    queuePairs,
    pcap: parsePcap(values.get('PCAP')),
    restarts: oneOf('RESTART', values.get('RESTART'), ['no', 'always'], 'no') === 'always',
    environmentFile: checkEnvironmentFile(values.get('ENV')),
    files: checkAppFiles(values.get('FILES')),
    port: parsePort(values.get('PORT')),
    guest,
  }
}

function takeGuestWord(word: string, guest: Record<string, string>): void {
  const equals = word.indexOf('=')
  const key = word.slice(0, Math.max(equals, 0))
  const value = word.slice(equals + 1)
  const isSetting = key.startsWith('env.') && SETTING_NAME.test(key.slice('env.'.length))
  const isKnown = isSetting || GUEST_KEYS.includes(key) || isOfInterface(key)
  if (!isKnown || (value === '' && !isSetting)) {
    throw new RunError(
      `Cannot use "${word}": known are ${OPTION_NAMES.join(', ')} and, for the guest, ${GUEST_KEYS.join(', ')}, ip.1 and its kin, env.NAME`,
      SEE_HELP,
    )
  }
  guest[key] = value
}

/** `ip.1` and its kin. */
function isOfInterface(key: string): boolean {
  try {
    return interfaceOfKey(key) !== null
  } catch (error) {
    if (!(error instanceof CommandLineError)) throw error
    throw new RunError(`Cannot use ${key}=: ${error.message}`, SEE_HELP)
  }
}

/** The value, or `fallback` when none is given. */
function oneOf<T extends string>(
  name: OptionName,
  value: string | undefined,
  known: readonly T[],
  fallback: T,
): T {
  if (value === undefined) return fallback
  const found = known.find((candidate) => candidate === value)
  if (found === undefined) {
    throw new RunError(`Cannot use ${name}=${value}: it may be ${known.join(', ')}`, SEE_HELP)
  }
  return found
}

function parseQueues(value: string | undefined, network: RunOptions['network']): number {
  if (value === undefined) return 1
  if (!/^[1-9]$/.test(value) || Number(value) > MOST_QUEUE_PAIRS) {
    throw new RunError(
      `Cannot use QUEUES=${value}: the guest uses 1 to ${MOST_QUEUE_PAIRS} pairs of queues`,
      'docs/offload.md says what several are good for',
    )
  }
  if (network === 'user' && value !== '1') {
    throw new RunError(
      `Cannot use QUEUES=${value} with NET=user: user-mode networking has one pair of queues`,
      'use NET=tap, or leave QUEUES= out',
    )
  }
  return Number(value)
}

function parsePcap(value: string | undefined): string | undefined {
  if (value?.endsWith('.pcap') !== true) return value
  throw new RunError(
    `Cannot use PCAP=${value}: the old format has no room for what the stack says of its packets`,
    `PCAP=${value}ng; editcap -F pcap makes the old format of it`,
  )
}

function parsePort(value: string | undefined): number {
  if (value === undefined) return 0
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65535) {
    throw new RunError(
      `Cannot use PORT=${value}: a port must be 0 to 65535`,
      'PORT=0, or none, picks a free one',
    )
  }
  return Number(value)
}

/**
 * `make run FOO=1` would otherwise be ignored without a word. GNU make lists its overrides after
 * "--", in MAKEFLAGS, which goes from the environment: the builder that we start knows other
 * options than we do.
 */
export function refuseUnknownMakeVariables(
  environment: Record<string, string | undefined>,
  known: readonly string[] = OPTION_NAMES,
  target = 'run',
): void {
  const overrides = environment.MAKEFLAGS?.split(/(?:^| )-- /)[1] ?? ''
  delete environment.MAKEFLAGS
  // A space within a value has a backslash before it.
  for (const [, name] of overrides.matchAll(/(?:^|(?<!\\) )([A-Za-z_][A-Za-z0-9_]*)=/g)) {
    if (name === undefined || NOT_OURS.has(name)) continue
    if (known.includes(name)) continue
    throw new RunError(`Cannot use ${name}=: make ${target} has no such option`, SEE_HELP)
  }
}
