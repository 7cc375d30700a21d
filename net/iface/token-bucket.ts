/** A rate limit that lets bursts through and does not tell an observer how much of it is left. */
import type { RandomSource } from './random-source.ts'

export class TokenBucket {
  private readonly ratePerSecond: number
  private readonly burst: number
  private readonly random: RandomSource
  private tokens: number
  private updatedMs = Number.NEGATIVE_INFINITY

  constructor(ratePerSecond: number, burst: number, random: RandomSource) {
    this.ratePerSecond = ratePerSecond
    this.burst = burst
    this.random = random
    this.tokens = burst
  }

  /** Takes one token; false when there is none. */
  take(nowMs: number): boolean {
    const elapsedMs = nowMs - this.updatedMs
    if (elapsedMs >= 1) {
      const refilled = this.tokens + (Math.min(elapsedMs, 60_000) * this.ratePerSecond) / 1000
      // A predictable global limit lets a third party count our errors from outside (SAD DNS,
      // CVE-2020-25705).
      const jitter = (this.random.nextInt32() >>> 16) % 3
      this.tokens = refilled < this.burst ? refilled : this.burst - jitter
      this.updatedMs = nowMs
    }
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
