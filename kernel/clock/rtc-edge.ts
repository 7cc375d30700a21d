/**
 * Waits, beside everything else, for the real-time clock's next second: at boot it was read to a
 * second only.
 */
import type { TimerQueue } from '../timer-queue.ts'

const NS_PER_MS = 1e6
const US_PER_SECOND = 1e6
const LOOK_INTERVAL_MS = 5
/**
 * The loop was away for longer between two looks: where the second began is not known well enough.
 */
const LONGEST_GAP_MS = 40
/** Seconds begin every second; a clock that has none by then stands still. */
const PATIENCE_MS = 5000

export interface RtcEdgeOptions {
  /** 0 to 59, or null. */
  readonly readSecond: () => number | null
  readonly realtimeUs: () => number
  readonly nowNs: () => number
  readonly timers: TimerQueue
  /** By how much the date is behind; never called when the edge is not found. */
  readonly done: (offsetUs: number) => void
}

export function awaitRtcEdge(options: RtcEdgeOptions): void {
  const { readSecond, realtimeUs, nowNs, timers, done } = options
  const endNs = nowNs() + PATIENCE_MS * NS_PER_MS
  let before = readSecond()
  let lookedNs = nowNs()
  const look = () => {
    const second = readSecond()
    const now = nowNs()
    const gapMs = (now - lookedNs) / NS_PER_MS
    lookedNs = now
    if (second !== null && before !== null && second !== before && gapMs <= LONGEST_GAP_MS) {
      done(lagUs(realtimeUs(), second))
      return
    }
    if (second !== null) before = second
    if (now < endNs) timers.add(now + LOOK_INTERVAL_MS * NS_PER_MS, look)
  }
  timers.add(lookedNs + LOOK_INTERVAL_MS * NS_PER_MS, look)
}

/**
 * How far a date is behind that was set to the second that then was under way, now that `second`
 * begins: less than a second. The date itself cannot tell 0 from 1; the clock's second can.
 */
function lagUs(realtimeUs: number, second: number): number {
  const fraction = realtimeUs % US_PER_SECOND
  const shown = Math.floor(realtimeUs / US_PER_SECOND) % 60
  return shown === second ? 0 : US_PER_SECOND - fraction
}
