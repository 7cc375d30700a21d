/**
 * A seeded impairment of a LAN: decides the fate of each frame, carries it out, counts it, and
 * leaves no timer behind.
 */
import { ImpairedPath } from './impaired-path.ts'
import {
  checkImpairment,
  type ImpairmentOptions,
  type Impairments,
  type LanDirection,
} from './impairment-options.ts'
import { draw } from './seeded-draws.ts'

export interface ImpairmentCounters {
  /** Frames that came by, and those that `match` took. */
  seen: number
  matched: number
  lost: number
  duplicated: number
  corrupted: number
  reordered: number
  delayed: number
}

/** What becomes of one copy of a frame. */
export interface CopyFate {
  /** Bit to flip, counted from the start of the frame, most significant first; -1: none. */
  readonly flippedBit: number
  /** How many frames overtake it. */
  readonly overtakenBy: number
  readonly delayMs: number
}

/** What each number is drawn for: the last coordinate of its place. */
const Purpose = {
  Loss: 0,
  Duplication: 1,
  Corruption: 2,
  CorruptedBit: 3,
  Reordering: 4,
  Overtakers: 5,
  Delay: 6,
  Jitter: 7,
} as const

/** Passes on a frame, with what has been done to it in words. */
export type FrameOutput = (frame: Buffer, notes: readonly string[]) => void

export class Impairment {
  readonly counters: Readonly<Record<LanDirection, ImpairmentCounters>> = {
    'from-guest': zeroCounters(),
    'to-guest': zeroCounters(),
  }
  private readonly impairments: Impairments
  private readonly onStop: (impairment: Impairment) => void
  private readonly paths = new Map<number, ImpairedPath>()
  private isStopped = false

  /** Made by `Lan.impair`. Throws TypeError for options that make no sense. */
  constructor(options: ImpairmentOptions, onStop: (impairment: Impairment) => void) {
    this.impairments = checkImpairment(options)
    this.onStop = onStop
  }

  /**
   * Takes a frame of one guest; `output` is called for each copy that is left, at once or later.
   */
  pass(
    frame: Buffer,
    place: { direction: LanDirection; port: number },
    notes: readonly string[],
    output: FrameOutput,
  ): void {
    if (this.isStopped) {
      output(frame, notes)
      return
    }
    const { direction, port } = place
    const counters = this.counters[direction]
    counters.seen++
    if (!this.impairments.match(frame, direction)) {
      output(frame, notes)
      return
    }
    counters.matched++
    const number = port * 2 + (direction === 'from-guest' ? 0 : 1)
    const path = this.pathOf(number)
    const copies = this.decide(frame, direction, number, path.matched++)
    if (copies.length === 0) counters.lost++
    if (copies.length > 1) counters.duplicated++
    for (const [index, { flippedBit, overtakenBy, delayMs }] of copies.entries()) {
      const told = [...notes]
      if (index > 0) told.push('duplicate')
      let bytes = frame
      if (flippedBit >= 0) {
        counters.corrupted++
        told.push(`bit ${flippedBit % 8} of octet ${flippedBit >>> 3} flipped`)
        bytes = Buffer.from(frame)
        bytes[flippedBit >>> 3]! ^= 0x80 >>> (flippedBit % 8)
      }
      if (overtakenBy > 0) {
        counters.reordered++
        told.push(`held back for ${overtakenBy} frames`)
      }
      if (delayMs > 0) {
        counters.delayed++
        told.push(`delayed by ${delayMs.toFixed(1)} ms`)
      }
      path.send({ frame: bytes, notes: told, output, overtakenBy, delayMs })
    }
  }

  /** Sends on at once what is held back or delayed. */
  flush(): void {
    for (const path of this.paths.values()) path.flush()
  }

  /** Flushes and lets every later frame pass unharmed. */
  stop(): void {
    this.isStopped = true
    this.flush()
    this.onStop(this)
  }

  /** The fates of the copies of matching frame `index` of a path; none when it is lost. */
  private decide(
    frame: Buffer,
    direction: LanDirection,
    path: number,
    index: number,
  ): readonly CopyFate[] {
    const { seed, loss, duplication, corruption, reordering, delay } = this.impairments
    const happens = (effect: { probability: Record<LanDirection, number> }, ...place: number[]) =>
      draw(seed, path, index, ...place) < effect.probability[direction]
    if (happens(loss, 0, Purpose.Loss)) return []
    const copies = happens(duplication, 0, Purpose.Duplication) ? [0, 1] : [0]
    return copies.map((copy) => {
      const number = (purpose: number): number => draw(seed, path, index, copy, purpose)
      const firstBit = corruption.fromOffset * 8
      const bits = frame.length * 8 - firstBit
      const isCorrupted = bits > 0 && happens(corruption, copy, Purpose.Corruption)
      const isReordered = happens(reordering, copy, Purpose.Reordering)
      const isDelayed = happens(delay, copy, Purpose.Delay)
      const jitterMs = (2 * number(Purpose.Jitter) - 1) * delay.jitterMs
      return {
        flippedBit: isCorrupted ? firstBit + Math.floor(number(Purpose.CorruptedBit) * bits) : -1,
        overtakenBy: isReordered
          ? 1 + Math.floor(number(Purpose.Overtakers) * reordering.frames)
          : 0,
        delayMs: isDelayed ? Math.max(0, delay.ms + jitterMs) : 0,
      }
    })
  }

  private pathOf(number: number): ImpairedPath {
    let path = this.paths.get(number)
    if (path === undefined) {
      path = new ImpairedPath(this.impairments.reordering.holdMs)
      this.paths.set(number, path)
    }
    return path
  }
}

function zeroCounters(): ImpairmentCounters {
  return {
    seen: 0,
    matched: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
    delayed: 0,
  }
}
