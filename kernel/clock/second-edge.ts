/** Waits, beside everything else, for the next second of a clock that tells no fractions. */
import type { TimerQueue } from '../timer-queue.ts'

const NS_PER_MS = 1e6
const LOOK_INTERVAL_MS = 5
/**
 * The loop was away for longer between two looks: where the second began is not known well enough.
 */
const LONGEST_GAP_MS = 40
/** Seconds begin every second; a clock that has none by then stands still. */
const PATIENCE_MS = 5000
export const SECONDS_OF_A_MINUTE = 60

export interface SecondEdgeOptions {
  /** Null: not now. */
  readonly readSecond: () => number | null
  readonly nowNs: () => number
  readonly timers: TimerQueue
  /** So many seconds are told before it begins with 0 again; never when not given. */
  readonly turn?: number
  /** Called with the second that has just begun. */
  readonly done: (second: number) => void
  /** Called in its place when none is seen to begin; `isStill`: the clock tells none, or one. */
  readonly failed?: (isStill: boolean) => void
}

export function awaitSecondEdge(options: SecondEdgeOptions): void {
  const { readSecond, nowNs, timers, turn = Infinity, done, failed } = options
  const endNs = nowNs() + PATIENCE_MS * NS_PER_MS
  let before = readSecond()
  let isStill = true
  let lookedNs = nowNs()
  const look = () => {
    const second = readSecond()
    const now = nowNs()
    const gapMs = (now - lookedNs) / NS_PER_MS
    lookedNs = now
    // Any other than the next one has not just begun: the machine was stopped, or put back to a
    // snapshot, between two looks that to the guest are milliseconds apart.
    const isNext = second !== null && before !== null && second === (before + 1) % turn
    if (isNext && gapMs <= LONGEST_GAP_MS) {
      done(second)
      return
    }
    if (second !== null) {
      if (before !== null && second !== before) isStill = false
      before = second
    }
    if (now < endNs) timers.add(now + LOOK_INTERVAL_MS * NS_PER_MS, look)
    else failed?.(isStill)
  }
  timers.add(lookedNs + LOOK_INTERVAL_MS * NS_PER_MS, look)
}
