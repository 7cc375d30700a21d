/** Medians, ratios, and promises that are not kept. */
import { describe, expect, it } from 'vitest'
import { evaluate, formatResult } from '../bench-table.ts'
import { type BenchRun, median, type TransferFigure } from '../measurement.ts'

function transfer(offload: 'all' | 'none', rate: number): TransferFigure {
  return {
    direction: 'guest sends',
    family: 'IPv4',
    offload,
    bytes: 1 << 20,
    elapsedMs: 1,
    gigabitsPerSecond: rate,
    frames: 17,
    microsecondsPerFrame: 60,
    peerLoad: 0.2,
    guestLoad: 1,
  }
}

function run(rate: number, plain: number, wallMs = 200): BenchRun {
  return {
    transfers: [transfer('all', rate), transfer('none', plain)],
    boots: [{ wallMs, guestMs: 90, residentMiB: 60 }],
    residentAfterMiB: 70,
  }
}

describe('median', () => {
  it('is the middle, or the mean of the two middles, and of nothing an error', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 2, 3])).toBe(2.5)
    expect(() => median([])).toThrow('Cannot take a median')
  })
})

describe('evaluate', () => {
  it('takes medians over the runs, so that one bad run does not decide', () => {
    const result = evaluate([run(2, 0.1), run(0.2, 0.1), run(2.2, 0.1)])
    expect(result.transfers[0]?.gigabitsPerSecond).toBe(2)
    expect(result.misses).toEqual([])
  })

  it('names each promise that is not kept', () => {
    const result = evaluate([run(0.9, 0.1, 400)])
    expect(result.misses).toHaveLength(2)
    expect(result.misses[0]).toContain('9.0 times offload=none, promised 10')
    expect(result.misses[1]).toContain('boot: 400 ms, promised 350')
  })
})

describe('the outcome', () => {
  it('is shown as a table', () => {
    const result = evaluate([run(2, 0.1)])
    expect(formatResult(result, 3)).toMatch(/guest sends, IPv4 +1 MiB +2\.000 +20\.0/)
  })
})
