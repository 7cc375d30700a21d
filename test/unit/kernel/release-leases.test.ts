/**
 * Leases given back at the end: as long as it takes to say it, and not longer than that may take.
 */
import { describe, expect, it } from 'vitest'
import { releaseLeases } from '../../../kernel/release-leases.ts'

function run(pendingPolls: number) {
  let nowMs = 0
  let releases = 0
  let polls = 0
  const stack = {
    release: () => releases++ < pendingPolls,
    poll() {
      polls++
      return false
    },
  }
  const platform = {
    monotonicNs: () => nowMs * 1e6,
    waitForInterrupt(_seen: number, deadlineNs: number) {
      nowMs = Math.max(nowMs, deadlineNs / 1e6)
    },
  }
  releaseLeases(stack, platform, { total: () => 0 })
  return { tookMs: nowMs, releases, polls }
}

describe('releaseLeases', () => {
  it('says it once and lets the frame leave', () => {
    const { tookMs, releases, polls } = run(0)
    expect(releases).toBe(1)
    expect(tookMs).toBeGreaterThanOrEqual(10)
    expect(tookMs).toBeLessThan(15)
    expect(polls).toBeGreaterThan(5)
  })

  it("waits for the server's hardware address", () => {
    const { tookMs, releases } = run(30)
    expect(releases).toBe(31)
    expect(tookMs).toBeLessThan(45)
  })

  it('not for ever', () => {
    expect(run(1e9).tookMs).toBe(200)
  })
})
