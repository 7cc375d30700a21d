/**
 * Keeps a date that a management controller has told: the timer drifts, and a guest that was
 * stopped, or put back to a snapshot, is behind by as long.
 */
import type { TimerQueue } from '../timer-queue.ts'
import { awaitSecondEdge } from './second-edge.ts'

const NS_PER_US = 1e3
const US_PER_SECOND = 1e6
/** A timer that is wrong by 200 millionths is 13 ms off by then. */
const INTERVAL_US = 64 * US_PER_SECOND
/** So long before the second that is expected it is looked for. */
const AHEAD_US = 100_000

export interface FollowOptions {
  /** Since 1970; null: it does not say. */
  readonly readBmcSeconds: () => number | null
  readonly realtimeUs: () => number
  readonly nowNs: () => number
  readonly timers: TimerQueue
  /** By how much the date is behind, or ahead when less than 0. */
  readonly done: (offsetUs: number) => void
}

export function followController(options: FollowOptions): void {
  const { readBmcSeconds, realtimeUs, nowNs, timers, done } = options
  const schedule = () => {
    const endUs = realtimeUs() + INTERVAL_US
    const waitUs = INTERVAL_US - (endUs % US_PER_SECOND) - AHEAD_US
    timers.add(nowNs() + waitUs * NS_PER_US, look)
  }
  const look = () => {
    awaitSecondEdge({
      ...{ nowNs, timers, readSecond: readBmcSeconds },
      done: (second) => {
        done(second * US_PER_SECOND - realtimeUs())
        schedule()
      },
      failed: schedule,
    })
  }
  schedule()
}
