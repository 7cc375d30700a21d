/**
 * Intervals that double, at random so that many do not ask together (RFC 8415 §15, which RFC 7559
 * takes over).
 */
import type { RandomSource } from './random-source.ts'

/**
 * RT = 2*RTprev + RAND*RTprev, RAND between -0.1 and 0.1; the first is `initialMs` with the same
 * spread, and none is longer than `maximumMs` but for that spread. `previousMs` 0 = the first.
 */
export function nextIntervalMs(
  previousMs: number,
  initialMs: number,
  maximumMs: number,
  random: RandomSource,
): number {
  const fraction = (random.nextInt32() % 1001) / 10_000
  const wantedMs =
    previousMs === 0 ? initialMs * (1 + fraction) : 2 * previousMs + fraction * previousMs
  return Math.round(wantedMs > maximumMs ? maximumMs * (1 + fraction) : wantedMs)
}
