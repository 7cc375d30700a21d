/**
 * Keeps a date that a clock of the machine has told: the timer drifts, and a guest that was
 * stopped, or put back to a snapshot, is behind by as long.
 */
import type { Logger } from '../logger.ts'
import type { TimerQueue } from '../timer-queue.ts'
import { correctionLine } from './correction-line.ts'
import { MachineDate } from './machine-date.ts'
import { awaitSecondEdge } from './second-edge.ts'

const NS_PER_US = 1e3
const US_PER_SECOND = 1e6
/** A timer that is wrong by 200 millionths is 13 ms off by then. */
const INTERVAL_US = 64 * US_PER_SECOND
/** So long before the second that is expected it is looked for. */
const AHEAD_US = 100_000
/** A clock that has told no second in so many looks in a row is left alone. */
const MAX_SILENT_LOOKS = 3

export interface FollowOptions {
  /** That clock's, for the log. */
  readonly name: string
  /** Since 1970; null: it does not say. */
  readonly readSeconds: () => number | null
  /** Of the real-time clock, since 1970; null: it does not say. */
  readonly readRtcSeconds: () => number | null
  readonly realtimeUs: () => number
  readonly nowNs: () => number
  readonly timers: TimerQueue
  /** True once somebody knows better: nothing is looked at from then on. */
  readonly isOver: () => boolean
  /** By how much the date is behind, or ahead when less than 0. */
  readonly correct: (offsetUs: number) => void
  readonly log: Logger
}

/** From now on; the date has just been set by that clock's. */
export function followMachine(options: FollowOptions): void {
  const { name, readSeconds, readRtcSeconds, realtimeUs, nowNs, timers, isOver, correct, log } =
    options
  const nowUs = () => nowNs() / NS_PER_US
  const readRtcUs = () => {
    const seconds = readRtcSeconds()
    return seconds === null ? null : seconds * US_PER_SECOND - nowUs()
  }
  const date = new MachineDate(realtimeUs() - nowUs(), readRtcUs, name, log)
  let silentLooks = 0
  const schedule = () => {
    const endUs = realtimeUs() + INTERVAL_US
    const waitUs = INTERVAL_US - (endUs % US_PER_SECOND) - AHEAD_US
    timers.add(nowNs() + waitUs * NS_PER_US, look)
  }
  const found = (second: number) => {
    silentLooks = 0
    const believed = date.judge(second * US_PER_SECOND - nowUs())
    if (believed !== null && !isOver()) {
      const offsetUs = Math.round(believed.atZeroUs + nowUs() - realtimeUs())
      const line = correctionLine(offsetUs, name)
      if (believed.isJump) log.info(line)
      else log.debug(line)
      correct(offsetUs)
    }
    schedule()
  }
  const failed = (isStill: boolean) => {
    // A loop that was away too often to see a second begin says nothing about the clock.
    silentLooks = isStill ? silentLooks + 1 : 0
    if (silentLooks < MAX_SILENT_LOOKS) schedule()
    else log.warn(`${name} tells no seconds any more: the date is kept without it`)
  }
  const look = () => {
    if (isOver()) return
    awaitSecondEdge({ nowNs, timers, readSecond: readSeconds, done: found, failed })
  }
  schedule()
}
