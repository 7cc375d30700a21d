/**
 * The network as an event source: units converted both ways, and a device without interrupts is
 * looked at.
 */
import { describe, expect, it } from 'vitest'
import { NetworkSource } from '../../../kernel/network-source.ts'

function fixture(mustPoll: boolean, deadlineMs: number) {
  const polledAtMs: number[] = []
  const source = new NetworkSource(
    {
      poll(nowMs) {
        polledAtMs.push(nowMs)
        return true
      },
      nextDeadlineMs: () => deadlineMs,
    },
    { mustPoll, armInterrupts: () => false, disarmInterrupts() {}, watch: () => null },
  )
  return { source, polledAtMs }
}

describe('NetworkSource', () => {
  it('polls with whole milliseconds, and a deadline is due exactly when it says so', () => {
    const { source, polledAtMs } = fixture(false, 7)
    source.poll(6_999_999)
    source.poll(source.nextDeadlineNs(0))
    expect(polledAtMs).toEqual([6, 7])
  })

  it('sleeps until the clock of polls has come to a deadline between two milliseconds', () => {
    const { source, polledAtMs } = fixture(false, 7.25)
    source.poll(6_999_999)
    const deadlineNs = source.nextDeadlineNs(0)
    expect(deadlineNs).toBe(8e6)
    source.poll(deadlineNs)
    expect(polledAtMs.at(-1)).toBeGreaterThanOrEqual(7.25)
  })

  it('has no deadline when the interface has none', () => {
    expect(fixture(false, Number.POSITIVE_INFINITY).source.nextDeadlineNs(5)).toBe(
      Number.POSITIVE_INFINITY,
    )
  })

  it('looks every millisecond at a device without interrupts', () => {
    expect(fixture(true, Number.POSITIVE_INFINITY).source.nextDeadlineNs(5e6)).toBe(6e6)
    expect(fixture(true, 5).source.nextDeadlineNs(5e6)).toBe(5e6)
  })

  it('passes on whether it may sleep', () => {
    expect(fixture(false, 0).source.armInterrupts()).toBe(false)
  })
})
