/** Medians of what idle connections cost, and promises that are not kept. */
import { describe, expect, it } from 'vitest'
import { formatIdle, type IdleFigure, idleMisses, summarizeIdle } from '../idle-figures.ts'

const run = (rate: number, bytes = 3900): IdleFigure[] => [
  { idle: 0, bytesAConnection: 0, sendsGigabits: 2, receivesGigabits: 1, connectsASecond: 300 },
  {
    idle: 1000,
    bytesAConnection: bytes,
    sendsGigabits: 2 * rate,
    receivesGigabits: 1,
    connectsASecond: 300,
  },
]

describe('idle connections', () => {
  it('are summed up as medians, so that one bad run does not decide', () => {
    const rows = summarizeIdle([run(1), run(0.5), run(0.95)])
    expect(rows.map(({ sendsGigabits }) => sendsGigabits)).toEqual([2, 1.9])
    expect(idleMisses(rows)).toEqual([])
    expect(formatIdle(rows)).toMatch(/1000 +1\.90 +1\.00 +300 +3900/)
  })

  it('that cost too much, or slow a transfer down, are named', () => {
    expect(idleMisses(run(0.8, 5000))).toEqual([
      'a connection: 5000 bytes, promised 4096',
      'bulk beside 1000 idle connections: 0.80 of the rate without, promised 0.9',
    ])
    expect(idleMisses([])).toEqual([])
  })
})
