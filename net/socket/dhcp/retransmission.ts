/**
 * When DHCP clients say again what was not answered, at random so that many do not speak together.
 */
import type { RandomSource } from '../../iface/random-source.ts'

const FIRST_DELAY_MS = 4_000
const LONGEST_DELAY_MS = 64_000
const SPREAD_MS = 1_000
/** RFC 2131 §4.4.5: "down to a minimum of 60 seconds, before retransmitting". */
const RENEWAL_MINIMUM_MS = 60_000
/** So much of T1 and T2 chance may take away. */
const FUZZ = 0.1

/**
 * RFC 2131 §4.1: 4 s, doubled up to 64 s, each plus or minus a second. `attempt` 0 = after the
 * first message.
 */
export function backOffMs(attempt: number, random: RandomSource): number {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LONGEST_DELAY_MS)
  return delayMs + (random.nextInt32() % (SPREAD_MS + 1))
}

/**
 * RFC 2131 §4.4.5: half of what remains until the next step, but a minute. A lease of minutes has
 * less between the steps: there a quarter of that is the least, so that one lost message does not
 * cost the lease.
 */
export function renewalRetryMs(remainingMs: number, periodMs: number): number {
  const leastMs = Math.min(RENEWAL_MINIMUM_MS, Math.max(periodMs / 4, FIRST_DELAY_MS))
  return Math.max(remainingMs / 2, leastMs)
}

/**
 * What T1 and T2 are multiplied with. RFC 2131 §4.4.5: they "SHOULD be chosen with some random
 * "fuzz" around a fixed value, to avoid synchronization of client reacquisition". Never later, so
 * that a server that is away has all of its time left to come back; one factor for both, so that T1
 * stays before T2.
 */
export function drawFuzz(random: RandomSource): number {
  return 1 - (FUZZ * (random.nextInt32() >>> 0)) / 2 ** 32
}
