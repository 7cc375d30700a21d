/** The loss table without guests: cells, amounts and the comparison. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keepProcessorsAwake } from '../loss/awake-processors.ts'
import { bytesWorthSending, DIRECTIONS, lossCells, selectCells } from '../loss/loss-cells.ts'
import { compareLoss, formatLoss, type LossFigure } from '../loss/loss-table.ts'
import { allowedProcessors, planProcessors } from '../loss/own-processor.ts'

const cells = lossCells()

describe('the cells', () => {
  it('are round trips of 1, 20 and 100 ms by losses of 0, 0.1, 1 and 5 %, and no limit without loss', () => {
    const limited = cells.filter(({ megabitsPerSecond }) => megabitsPerSecond !== undefined)
    expect(limited.map(({ roundTripMs, loss }) => `${roundTripMs} ${loss}`)).toEqual(
      [1, 20, 100].flatMap((ms) => [0, 0.001, 0.01, 0.05].map((loss) => `${ms} ${loss}`)),
    )
    const others = cells.filter((cell) => !limited.includes(cell))
    expect(others.map(({ roundTripMs, loss }) => [roundTripMs, loss])).toEqual([
      [1, 0],
      [20, 0],
      [100, 0],
    ])
    expect(cells.find(({ roundTripMs }) => roundTripMs === 100)!.queueBytes).toBe(1_250_000)
  })

  it('are those of the round trips and losses that are asked for', () => {
    const names = (roundTrips?: string, losses?: string): string[] =>
      selectCells(roundTrips, losses).map(({ roundTripMs, loss }) => `${roundTripMs} ${loss}`)
    expect(names()).toHaveLength(cells.length)
    expect(names('20,100', '0.1,5')).toEqual(['20 0.001', '20 0.05', '100 0.001', '100 0.05'])
    // With a limit and without one.
    expect(names('100', '0')).toEqual(['100 0', '100 0'])
    expect(() => selectCells('30', undefined)).toThrow('Cannot use RTT=30: it is a list of 1, 20')
  })

  it('are measured for seconds: less is sent where less gets through', () => {
    const bytes = (roundTripMs: number, loss: number): number =>
      bytesWorthSending(cells.find((one) => one.roundTripMs === roundTripMs && one.loss === loss)!)
    expect(bytes(1, 0)).toBe(62_500_000)
    expect(bytes(20, 0.01)).toBeLessThan(bytes(20, 0.001))
    expect(bytes(100, 0.05)).toBeGreaterThanOrEqual(256 << 10)
    expect(bytes(100, 0.05)).toBeLessThan(bytes(20, 0.05))
  })
})

describe('the comparison', () => {
  const late = { median: 1, p99: 40 }
  const run = (eremiteMs: number, linuxMs: number, lateUs = late): LossFigure[] =>
    cells.flatMap((cell) =>
      DIRECTIONS.flatMap((direction) =>
        (['Eremite', 'Linux'] as const).map((guest) => ({
          ...{ cell, direction, guest, bytes: 1_000_000, lost: 0, queueDropped: 0, packets: 700 },
          elapsedMs: guest === 'Eremite' ? eremiteMs : linuxMs,
          lateUs: guest === 'Eremite' ? lateUs : late,
        })),
      ),
    )

  it('divides within each run, and takes the median of the runs', () => {
    // Alone the medians would say 1: the machine was slow in the second run for both.
    const rows = compareLoss([run(1000, 500), run(4000, 1000), run(1000, 250)], cells)
    expect(rows).toHaveLength(cells.length * 2)
    expect(rows[0]).toMatchObject({ megabits: { Eremite: 8, Linux: 16 }, ratio: 0.25 })
  })

  it('is a table with a row a cell', () => {
    const text = formatLoss(compareLoss([run(1000, 500)], cells), 1)
    expect(text.split('\n')).toHaveLength(cells.length + 3)
    expect(text).toContain('20 ms, 1 %, 100 Mbit/s')
    expect(text).toContain('100 ms, 0 %, no limit')
  })

  it('says how late the relay was with each, so that a path that was not the same for both shows', () => {
    const runs = [run(1, 1), run(1, 1, { median: 30, p99: 700 }), run(1, 1, { median: 9, p99: 90 })]
    const rows = compareLoss(runs, cells)
    expect(rows[0]!.lateUs).toEqual({ Eremite: { median: 9, p99: 90 }, Linux: late })
    expect(formatLoss(rows, 3)).toContain('9 / 90, 1 / 40')
  })

  it('refuses a run with a gap', () => {
    expect(() => compareLoss([run(1, 1).slice(1)], cells)).toThrow(/Eremite has no figure for 1 ms/)
  })
})

describe('the processors', () => {
  it('are those that the kernel allows, of which the guest has one and the path the others', () => {
    expect(allowedProcessors('Name:\tnode\nCpus_allowed_list:\t0-2,5\n')).toEqual([0, 1, 2, 5])
    expect(planProcessors([0, 1, 2, 5])).toEqual({ guest: 0, others: [1, 2, 5] })
    expect(allowedProcessors()).not.toHaveLength(0)
  })

  it('are shared by all where there is but one', () => {
    expect(planProcessors([3])).toBeUndefined()
  })

  it('are kept awake for as long as the file of the least latency is open, where it may be opened', () => {
    const folder = mkdtempSync(join(tmpdir(), 'latency-'))
    try {
      const path = join(folder, 'latency')
      expect(keepProcessorsAwake(path)).toBeUndefined()
      writeFileSync(path, '')
      const letHalt = keepProcessorsAwake(path)
      // Zero microseconds, as the kernel reads it.
      expect(readFileSync(path)).toEqual(Buffer.alloc(4))
      letHalt!()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
