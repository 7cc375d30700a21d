/**
 * The histogram of requests: each in the bucket of its time, by the bounds that Prometheus is told.
 */
import * as fc from 'fast-check'
import { beforeEach, expect, it } from 'vitest'
import {
  countRequest,
  countStatus,
  forgetRequests,
  LATENCY_BOUNDS_MS,
  percentileMs,
  readCounts,
  reportRequests,
} from '../../../../../kernel/userland/http/request-meter.ts'

beforeEach(forgetRequests)

it('puts a request into the first bucket whose bound it does not exceed', () => {
  const times = fc.oneof(
    fc.double({ min: 0, max: 60, noNaN: true }),
    fc.double({ min: 0, max: 1e6, noNaN: true }),
  )
  fc.assert(
    fc.property(times, (elapsedMs) => {
      forgetRequests()
      countRequest(elapsedMs)
      const { counts } = reportRequests()
      const index = counts.indexOf(1)
      const below = LATENCY_BOUNDS_MS[index - 1] ?? 0
      expect(elapsedMs).toBeLessThanOrEqual(LATENCY_BOUNDS_MS[index] ?? Number.POSITIVE_INFINITY)
      // A bound itself may be counted as a step above it, never below.
      expect(elapsedMs).toBeGreaterThanOrEqual(below)
      expect(readCounts([...counts])).toBe(1)
    }),
    { numRuns: 2000 },
  )
})

it('counts by class of status and in total, and reports copies', () => {
  for (const status of [200, 204, 304, 404, 503]) {
    countRequest(3)
    countStatus(status)
  }
  const report = reportRequests()
  countRequest(3)
  expect(report).toMatchObject({ byClass: [0, 0, 2, 1, 1, 1], totalMs: 15 })
  expect(report.counts.reduce((sum, count) => sum + count, 0)).toBe(5)
})

it('finds percentiles, of nothing too, and of what is beyond the last bound', () => {
  const counts = LATENCY_BOUNDS_MS.map(() => 0).concat(0)
  expect(percentileMs(counts, 0.5)).toBe(0)
  counts[2] = 99
  counts[5] = 1
  expect(percentileMs(counts, 0.5)).toBe(1)
  expect(percentileMs(counts, 0.99)).toBe(1)
  expect(percentileMs(counts, 1)).toBe(10)
  counts[LATENCY_BOUNDS_MS.length] = 1000
  expect(percentileMs(counts, 0.5)).toBe(10_000)
})
