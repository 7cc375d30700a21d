/**
 * The timer queue against a sorted list, and its rules on ties, canceling and timers added during a
 * run.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Timer, TimerQueue } from '../../../kernel/timer-queue.ts'

describe('TimerQueue', () => {
  it('behaves as a sorted list for any adds, cancels and runs', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), value: fc.nat(40) }),
      fc.record({ kind: fc.constant('cancel' as const), value: fc.nat(200) }),
      fc.record({ kind: fc.constant('run' as const), value: fc.nat(40) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new TimerQueue()
        const timers: Timer[] = []
        const fired: number[] = []
        let expected: { id: number; deadlineNs: number }[] = []
        const expectedFired: number[] = []
        for (const { kind, value } of steps) {
          if (kind === 'add') {
            const id = timers.length
            timers.push(queue.add(value, () => fired.push(id)))
            expected.push({ id, deadlineNs: value })
            expected.sort((a, b) => a.deadlineNs - b.deadlineNs || a.id - b.id)
          } else if (kind === 'cancel') {
            if (timers.length === 0) continue
            const id = value % timers.length
            const pending = expected.some((entry) => entry.id === id)
            expect(queue.cancel(timers[id]!)).toBe(pending)
            expected = expected.filter((entry) => entry.id !== id)
          } else {
            const due = expected.filter((entry) => entry.deadlineNs <= value).slice(0, 3)
            expect(queue.runDue(value, 3)).toBe(due.length)
            expectedFired.push(...due.map((entry) => entry.id))
            expected = expected.filter((entry) => !due.includes(entry))
          }
          expect(fired).toEqual(expectedFired)
          expect(queue.size).toBe(expected.length)
          expect(queue.nextDeadlineNs()).toBe(expected[0]?.deadlineNs ?? Number.POSITIVE_INFINITY)
        }
      }),
    )
  })

  it('does not run a timer added during the run, even when it is due', () => {
    const queue = new TimerQueue()
    let runs = 0
    const again = () => {
      runs++
      queue.add(0, again)
    }
    queue.add(0, again)
    expect(queue.runDue(10, 100)).toBe(1)
    expect(queue.runDue(10, 100)).toBe(1)
    expect(runs).toBe(2)
  })

  it('lets a callback cancel a timer that is due in the same run', () => {
    const queue = new TimerQueue()
    const fired: string[] = []
    queue.add(1, () => queue.cancel(second))
    const second = queue.add(1, () => fired.push('second'))
    expect(queue.runDue(1, 10)).toBe(1)
    expect(fired).toEqual([])
    expect(queue.size).toBe(0)
  })

  it('stays usable when a callback throws', () => {
    const queue = new TimerQueue()
    const fired: string[] = []
    queue.add(1, () => {
      throw new Error('callback failed')
    })
    queue.add(2, () => fired.push('next'))
    expect(() => queue.runDue(5, 10)).toThrow('callback failed')
    expect(queue.runDue(5, 10)).toBe(1)
    expect(fired).toEqual(['next'])
  })

  it('refuses a deadline that is not a number', () => {
    expect(() => new TimerQueue().add(Number.NaN, () => {})).toThrow('Cannot add timer')
  })
})
