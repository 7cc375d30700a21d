/** Progress: a line that moves on a terminal and leaves nothing, a plain one elsewhere. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Progress } from './progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function streamOf(isTTY: boolean, columns = 80) {
  let written = ''
  const stream = { isTTY, columns, write: (text: string) => (written += text) }
  return { stream, written: () => written }
}

it('moves on a terminal, tells the time, and takes its line away', () => {
  const { stream, written } = streamOf(true, 30)
  const progress = new Progress('Compiling QuickJS, half a minute', { stream })
  vi.advanceTimersByTime(500)
  expect(written()).toBe('')
  vi.advanceTimersByTime(600)
  progress.update('Linking')
  vi.advanceTimersByTime(2000)
  const lines = written().split('\r\u001b[2K').slice(1)
  expect(lines[0]).toMatch(/^. Compiling QuickJS, half a m$/)
  expect(new Set(lines.map((line) => line[0])).size).toBeGreaterThan(3)
  expect(lines.at(-1)).toMatch(/^. Linking … [23] s$/)
  progress.end()
  expect(written().endsWith('\r\u001b[2K')).toBe(true)
  const { length } = written()
  vi.advanceTimersByTime(5000)
  expect(written()).toHaveLength(length)
})

it('is one plain line elsewhere when that is asked for, and only when it takes long', () => {
  for (const [plain, expected] of [
    [true, 'Compiling …\n'],
    [false, ''],
  ] as const) {
    const { stream, written } = streamOf(false)
    const progress = new Progress('Compiling', { plain, stream })
    vi.advanceTimersByTime(60_000)
    progress.end()
    expect(written()).toBe(expected)
  }
  const quick = streamOf(false)
  const progress = new Progress('Compiling', { plain: true, stream: quick.stream })
  vi.advanceTimersByTime(100)
  progress.end()
  vi.advanceTimersByTime(60_000)
  expect(quick.written()).toBe('')
})
