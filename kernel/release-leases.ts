/**
 * Gives leases back at an orderly end, for a moment at most: the server may lend the address to the
 * next guest at once.
 */
import type { Platform } from './hal/platform.ts'

const NS_PER_MS = 1e6
/** The server's hardware address may have to be asked for. */
const LONGEST_MS = 200
/** The last frame is on its way through the device. */
const SETTLE_MS = 10
const POLL_INTERVAL_MS = 1

export interface LeasingStack {
  /** True = call again after a poll. */
  release(nowMs: number): boolean
  poll(nowMs: number): boolean
}

export function releaseLeases(
  stack: LeasingStack,
  platform: Pick<Platform, 'monotonicNs' | 'waitForInterrupt'>,
  interrupts: { total(): number },
): void {
  const startNs = platform.monotonicNs()
  let endNs = startNs + LONGEST_MS * NS_PER_MS
  let isPending = true
  for (let nowNs = startNs; nowNs < endNs; nowNs = platform.monotonicNs()) {
    const seenTotal = interrupts.total()
    const nowMs = Math.floor(nowNs / NS_PER_MS)
    if (isPending && !stack.release(nowMs)) {
      isPending = false
      endNs = nowNs + SETTLE_MS * NS_PER_MS
    }
    if (!stack.poll(nowMs)) {
      platform.waitForInterrupt(seenTotal, nowNs + POLL_INTERVAL_MS * NS_PER_MS)
    }
  }
}
