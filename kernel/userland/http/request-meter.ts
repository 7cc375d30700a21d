/**
 * Counts an app's requests by status and by how long they took: a fixed histogram, and a dozen
 * operations for a request.
 */

/**
 * Upper bounds of the buckets, in milliseconds; what is longer belongs to one more. All are
 * multiples of a step.
 */
export const LATENCY_BOUNDS_MS = [
  ...[0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1000, 2500, 5000, 10_000],
] as const

const STEPS_PER_MS = 4
/**
 * Nearly all requests take less: they are counted by steps, which become buckets once somebody
 * asks.
 */
const FINE_MS = 50
const OK = 200

export interface RequestReport {
  /** By the first digit of the status; entry 0 is for none. */
  readonly byClass: readonly number[]
  readonly boundsMs: readonly number[]
  /** Not cumulative; one more than bounds. */
  readonly counts: readonly number[]
  readonly totalMs: number
}

function bucketOf(elapsedMs: number): number {
  const index = LATENCY_BOUNDS_MS.findIndex((bound) => elapsedMs <= bound)
  return index === -1 ? LATENCY_BOUNDS_MS.length : index
}

const BUCKET_COUNT = LATENCY_BOUNDS_MS.length + 1
const BUCKET_OF_STEP = Uint8Array.from({ length: FINE_MS * STEPS_PER_MS }, (_, step) =>
  bucketOf((step + 1) / STEPS_PER_MS),
)

// Of the module, not of an object: that is a look-up less each.
const fine: number[] = Array.from(BUCKET_OF_STEP, () => 0)
const coarse: number[] = Array.from({ length: BUCKET_COUNT }, () => 0)
const otherThanOk = [0, 0, 0, 0, 0, 0]
let totalMs = 0
/**
 * The sums of the buckets as they were read last, and whether a request has been counted since: an
 * idle guest adds nothing up.
 */
const summed: number[] = Array.from({ length: BUCKET_COUNT }, () => 0)
let summedRequests = 0
let isStale = false

/** The last byte of a response is queued, so long after its request was there. */
export function countRequest(elapsedMs: number): void {
  totalMs += elapsedMs
  isStale = true
  if (elapsedMs < FINE_MS) fine[(elapsedMs * STEPS_PER_MS) | 0]!++
  else coarse[bucketOf(elapsedMs)]!++
}

/** That response has another status than 200, from 100 to 599. */
export function countStatus(status: number): void {
  if (status !== OK) otherThanOk[(status / 100) | 0]!++
}

/**
 * Writes the counts of all buckets since the start into `counts`; returns the number of requests.
 */
export function readCounts(counts: number[]): number {
  if (isStale) sumBuckets()
  for (let index = 0; index < BUCKET_COUNT; index++) counts[index] = summed[index]!
  return summedRequests
}

function sumBuckets(): void {
  for (let index = 0; index < BUCKET_COUNT; index++) summed[index] = coarse[index]!
  for (let step = 0; step < fine.length; step++) summed[BUCKET_OF_STEP[step]!]! += fine[step]!
  summedRequests = 0
  for (let index = 0; index < BUCKET_COUNT; index++) summedRequests += summed[index]!
  isStale = false
}

export function reportRequests(): RequestReport {
  const counts: number[] = []
  const requests = readCounts(counts)
  const byClass = [...otherThanOk]
  byClass[2]! += requests - otherThanOk.reduce((sum, count) => sum + count, 0)
  return { byClass, boundsMs: LATENCY_BOUNDS_MS, counts, totalMs }
}

/**
 * The bound that a share of the requests did not exceed, of the counts of some time; the last bound
 * for what is beyond it, 0 without any.
 */
export function percentileMs(counts: readonly number[], share: number): number {
  let total = 0
  for (let index = 0; index < counts.length; index++) total += counts[index]!
  if (total === 0) return 0
  let left = total * share
  let index = 0
  while (index < LATENCY_BOUNDS_MS.length - 1) {
    left -= counts[index]!
    if (left <= 0) break
    index++
  }
  return LATENCY_BOUNDS_MS[index]!
}

/** For tests: as at the start. */
export function forgetRequests(): void {
  totalMs = 0
  for (const counts of [fine, coarse, otherThanOk]) counts.fill(0)
  isStale = true
}
