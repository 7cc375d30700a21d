/**
 * What a relay can be told to do to frames, the check that it makes sense, and the command that
 * says so.
 */
import { type Chance, LAN_DIRECTIONS, type LanDirection } from '../lan/impairment-options.ts'

export interface RelayOptions {
  /** The same seed gives the frame of the same number in the same direction the same fate. */
  readonly seed: number
  /** Half of it in each direction. Default 0: what the relay itself takes. */
  readonly roundTripMs?: number
  readonly loss?: Chance
  readonly duplication?: Chance
  /** Frames that arrive late, so that others overtake them. */
  readonly reordering?: {
    readonly probability: number
    readonly direction?: LanDirection
    readonly holdMs: number
  }
  /** Of each direction; without it, as fast as it goes. */
  readonly megabitsPerSecond?: number
  /** What waits for the link at most; more is dropped at the tail. Without it, everything waits. */
  readonly queueBytes?: number
  /**
   * Larger IP packets vanish, and nobody says so: the black hole of a filtered path. Default 0:
   * none does. Of all packets, whatever `harms` says.
   */
  readonly maximumPacketBytes?:
    | number
    | { readonly bytes: number; readonly direction: LanDirection }
  /**
   * What loss, duplication and reordering hit. Default `tcp`: a lost ARP or NDP frame measures
   * other timers.
   */
  readonly harms?: 'tcp' | 'all'
}

/** Every option there is; the compiler finds one that is missing here. */
const OPTIONS: Readonly<Record<keyof RelayOptions, true>> = {
  ...{ seed: true, roundTripMs: true, loss: true, duplication: true, reordering: true },
  ...{ megabitsPerSecond: true, queueBytes: true, maximumPacketBytes: true, harms: true },
}

/** Probability of each direction, as a share of 2^32. */
type Shares = readonly [fromGuest: number, toGuest: number]

const WHOLE = 2 ** 32
/** RFC 791: what every link carries. */
const LEAST_PACKET_BYTES = 68

/** Throws TypeError with the cause and what would be right. */
export function relayCommand(options: RelayOptions): string {
  const { seed, reordering, roundTripMs = 0, megabitsPerSecond = 0, queueBytes = 0 } = options
  if (!Number.isInteger(seed) || seed < 0 || seed >= WHOLE) {
    refuse(`seed is ${seed}; give an integer from 0 to 4294967295`)
  }
  checkNames(options)
  const holdMs = reordering === undefined ? 0 : holdOf(reordering)
  const words = [
    seed,
    options.harms === 'all' ? 1 : 0,
    ...shares('loss', options.loss),
    ...shares('duplication', options.duplication),
    ...shares('reordering', reordering),
    microseconds('reordering.holdMs', holdMs),
    Math.round(microseconds('roundTripMs', roundTripMs) / 2),
    Math.round(amount('megabitsPerSecond', megabitsPerSecond) * 1e6),
    Math.round(amount('queueBytes', queueBytes)),
    ...packetLimits(options.maximumPacketBytes ?? 0),
  ]
  return `set ${words.join(' ')}`
}

/** Tests are often run without a look at their types. */
function checkNames({ harms = 'tcp', ...options }: RelayOptions): void {
  for (const name of Object.keys(options)) {
    if (!(name in OPTIONS)) refuse(`there is no "${name}"; give ${Object.keys(OPTIONS).join(', ')}`)
  }
  if (harms !== 'tcp' && harms !== 'all') refuse(`harms is ${harms}; give tcp or all`)
}

/** What is held for no time overtakes nothing. */
function holdOf({ probability, holdMs }: NonNullable<RelayOptions['reordering']>): number {
  if (holdMs > 0 || probability === 0) return holdMs
  return refuse(`reordering.holdMs is ${holdMs}; give { probability: 0.01, holdMs: 5 }`)
}

function shares(name: string, chance: Chance | undefined): Shares {
  const { probability, direction } =
    typeof chance === 'object' ? chance : { probability: chance ?? 0, direction: undefined }
  if (!(probability >= 0 && probability <= 1)) {
    refuse(`${name} has probability ${probability}; give 0 to 1 (5 % is 0.05)`)
  }
  checkDirection(name, direction)
  const share = Math.round(probability * WHOLE)
  return [direction === 'to-guest' ? 0 : share, direction === 'from-guest' ? 0 : share]
}

/** Of each direction; 0 = none. */
function packetLimits(limit: NonNullable<RelayOptions['maximumPacketBytes']>): readonly number[] {
  const { bytes, direction } =
    typeof limit === 'object' ? limit : { bytes: limit, direction: undefined }
  if (!Number.isInteger(bytes) || bytes < 0 || (bytes > 0 && bytes < LEAST_PACKET_BYTES)) {
    refuse(`maximumPacketBytes is ${bytes}; give ${LEAST_PACKET_BYTES} or more, or 0 for no limit`)
  }
  checkDirection('maximumPacketBytes', direction)
  return [direction === 'to-guest' ? 0 : bytes, direction === 'from-guest' ? 0 : bytes]
}

function checkDirection(name: string, direction: LanDirection | undefined): void {
  if (direction !== undefined && !LAN_DIRECTIONS.includes(direction)) {
    refuse(`${name} has direction ${direction}; give ${LAN_DIRECTIONS.join(' or ')}`)
  }
}

function microseconds(name: string, ms: number): number {
  return Math.round(amount(name, ms) * 1000)
}

function amount(name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value))) refuse(`${name} is ${value}; give 0 or more`)
  return value
}

function refuse(why: string): never {
  throw new TypeError(`Cannot set the relay: ${why}`)
}
