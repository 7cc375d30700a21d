/** The Date field: the form, once a second, and none on a machine that does not know the date. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { dateField } from '../../../../../kernel/userland/http/date-field.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('has the form of RFC 9110 §5.6.7', () => {
  vi.setSystemTime(Date.UTC(1994, 10, 6, 8, 49, 37) + 20 * 365.25 * 86_400_000)
  expect(dateField()).toBe('date: Thu, 06 Nov 2014 08:49:37 GMT\r\n')
})

it('is made once a second', () => {
  const format = vi.spyOn(Date.prototype, 'toUTCString')
  vi.setSystemTime(Date.UTC(2026, 0, 1))
  const first = dateField()
  vi.setSystemTime(Date.UTC(2026, 0, 1) + 999)
  expect(dateField()).toBe(first)
  expect(format).toHaveBeenCalledTimes(1)
  vi.setSystemTime(Date.UTC(2026, 0, 1) + 1000)
  expect(dateField()).toBe('date: Thu, 01 Jan 2026 00:00:01 GMT\r\n')
  expect(format).toHaveBeenCalledTimes(2)
  format.mockRestore()
})

it('is left out by a machine without a clock (RFC 9110 §6.6.1: "MUST NOT generate")', () => {
  // Such a machine counts from 1970 on.
  for (const now of [0, 12_345, 86_400_000]) {
    vi.setSystemTime(now)
    expect(dateField()).toBe('')
  }
})
