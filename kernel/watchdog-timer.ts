/** Feeds the machine's watchdog as long as the loop turns. */
import type { Watchdog } from '../drivers/watchdog/i6300esb.ts'
import type { TimerQueue } from './timer-queue.ts'

/** A loop that is only busy comes around often enough. */
const FEEDS_PER_LIMIT = 4

export function startWatchdog(
  watchdog: Pick<Watchdog, 'start' | 'feed'>,
  timers: TimerQueue,
  nowNs: () => number,
  limitSeconds: number,
): void {
  const intervalNs = (limitSeconds / FEEDS_PER_LIMIT) * 1e9
  const next = () => timers.add(nowNs() + intervalNs, feed)
  const feed = () => {
    watchdog.feed()
    next()
  }
  watchdog.start(limitSeconds)
  next()
}
