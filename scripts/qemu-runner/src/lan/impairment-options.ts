/** What a LAN can be told to do to frames, and the check that it makes sense. */

export type LanDirection = 'from-guest' | 'to-guest'

export const LAN_DIRECTIONS: readonly LanDirection[] = ['from-guest', 'to-guest']

/**
 * How often something happens to a frame: a probability, or one that holds in one direction only.
 */
export type Chance = number | ChanceOptions

export interface ChanceOptions {
  /** 0 to 1, for each matching frame by itself. */
  readonly probability: number
  /** Default: both. */
  readonly direction?: LanDirection
}

export interface CorruptionOptions extends ChanceOptions {
  /**
   * First octet that may be hit. Default 14: the Ethernet header stays, or the frame would only be
   * lost.
   */
  readonly fromOffset?: number
}

export interface ReorderingOptions extends ChanceOptions {
  /** The most frames that overtake a frame; how many is drawn for each. Default 3. */
  readonly frames?: number
  /**
   * A frame nobody overtakes goes on after this long, or the last one would never arrive. Default
   * 50 ms.
   */
  readonly holdMs?: number
}

export interface DelayOptions {
  readonly ms: number
  /**
   * Added to `ms` or taken from it, uniform. Frames stay in order all the same: `reordering` is
   * what changes that.
   */
  readonly jitterMs?: number
  /** Default 1. */
  readonly probability?: number
  readonly direction?: LanDirection
}

export interface ImpairmentOptions {
  /** The same seed and the same matching frames give the same fate to each. */
  readonly seed: number
  readonly loss?: Chance
  readonly duplication?: Chance
  /** One bit is flipped. */
  readonly corruption?: number | CorruptionOptions
  readonly reordering?: number | ReorderingOptions
  readonly delay?: DelayOptions
  /** Every other frame passes at once and does not count, not even among those that overtake. */
  readonly match?: (frame: Buffer, direction: LanDirection) => boolean
}

/** Options of one effect with everything filled in; probability by direction. */
export interface Effect {
  readonly probability: Readonly<Record<LanDirection, number>>
}

export interface Impairments {
  readonly seed: number
  readonly loss: Effect
  readonly duplication: Effect
  readonly corruption: Effect & { readonly fromOffset: number }
  readonly reordering: Effect & { readonly frames: number; readonly holdMs: number }
  readonly delay: Effect & { readonly ms: number; readonly jitterMs: number }
  readonly match: (frame: Buffer, direction: LanDirection) => boolean
}

const ETHERNET_HEADER = 14
const DEFAULT_FRAMES = 3
const DEFAULT_HOLD_MS = 50

/** Throws TypeError with the cause and what would be right. */
export function checkImpairment(options: ImpairmentOptions): Impairments {
  if (!Number.isSafeInteger(options.seed)) {
    refuse(`seed is ${options.seed}; give an integer, e.g. 1`)
  }
  const corruption = chanceOf(options.corruption) as CorruptionOptions
  const reordering = chanceOf(options.reordering) as ReorderingOptions
  const delay = options.delay ?? { ms: 0, probability: 0 }
  return {
    seed: options.seed,
    loss: effect('loss', chanceOf(options.loss)),
    duplication: effect('duplication', chanceOf(options.duplication)),
    corruption: {
      ...effect('corruption', corruption),
      fromOffset: whole('corruption.fromOffset', corruption.fromOffset ?? ETHERNET_HEADER, 0),
    },
    reordering: {
      ...effect('reordering', reordering),
      frames: whole('reordering.frames', reordering.frames ?? DEFAULT_FRAMES, 1),
      holdMs: duration('reordering.holdMs', reordering.holdMs ?? DEFAULT_HOLD_MS),
    },
    delay: {
      ...effect('delay', { ...delay, probability: delay.probability ?? 1 }),
      ms: duration('delay.ms', delay.ms),
      jitterMs: duration('delay.jitterMs', delay.jitterMs ?? 0),
    },
    match: options.match ?? (() => true),
  }
}

function chanceOf(chance: Chance | undefined): ChanceOptions {
  return typeof chance === 'object' ? chance : { probability: chance ?? 0 }
}

function effect(name: string, chance: ChanceOptions): Effect {
  const { probability, direction } = chance
  if (!(probability >= 0 && probability <= 1)) {
    refuse(`${name} has probability ${probability}; give 0 to 1 (5 % is 0.05)`)
  }
  if (direction !== undefined && !LAN_DIRECTIONS.includes(direction)) {
    refuse(`${name} has direction ${direction}; give ${LAN_DIRECTIONS.join(' or ')}`)
  }
  const toward = (one: LanDirection): number =>
    direction === undefined || direction === one ? probability : 0
  return { probability: { 'from-guest': toward('from-guest'), 'to-guest': toward('to-guest') } }
}

function whole(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least) {
    refuse(`${name} is ${value}; give an integer from ${least} on`)
  }
  return value
}

function duration(name: string, value: number): number {
  if (!(value >= 0 && Number.isFinite(value))) refuse(`${name} is ${value}; give milliseconds`)
  return value
}

function refuse(why: string): never {
  throw new TypeError(`Cannot impair the LAN: ${why}`)
}
