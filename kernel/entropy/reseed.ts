/** Feeds the entropy pool anew whenever a reseed is due, for as long as the guest runs. */
import type { Platform } from '../hal/platform.ts'
import type { TimerQueue } from '../timer-queue.ts'
import type { EntropyPool } from './entropy-pool.ts'

const CHECK_INTERVAL_NS = 60e9

export function keepReseeding(
  pool: EntropyPool,
  timers: TimerQueue,
  platform: Pick<Platform, 'monotonicNs'>,
): void {
  timers.add(platform.monotonicNs() + CHECK_INTERVAL_NS, () => {
    if (pool.isReseedDue(platform.monotonicNs())) pool.reseed()
    keepReseeding(pool, timers, platform)
  })
}
