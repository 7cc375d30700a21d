/** The comparison with Linux: medians, ratios side by side, and how they are shown. */
import { describe, expect, it } from 'vitest'
import { drawResult } from '../bench-picture.ts'
import { evaluate } from '../bench-table.ts'
import {
  type ComparisonRun,
  compare,
  type Figure,
  GUEST_NAMES,
  METRICS,
  type MetricId,
} from '../comparison.ts'
import { type ComparisonFacts, formatComparison, formatRatio } from '../comparison-table.ts'

const FACTS: ComparisonFacts = {
  runs: 3,
  linuxRelease: '6.12.1-cloud',
  memoryMiB: { Eremite: 64, Linux: 256 },
}

type Values = Partial<Record<MetricId, [eremite: number, linux: number]>>

function run(values: Values = {}): ComparisonRun {
  const figures = (Object.keys(METRICS) as MetricId[]).flatMap((metric) =>
    GUEST_NAMES.map((guest, index): Figure => {
      const value = values[metric]?.[index] ?? 10
      return METRICS[metric].unit === 'Gbit/s'
        ? { guest, metric, value, guestLoad: 1, peerLoad: 0.2 }
        : { guest, metric, value }
    }),
  )
  return { first: 'Eremite', figures }
}

const row = (runs: ComparisonRun[], id: MetricId) =>
  compare(runs).find((candidate) => candidate.id === id)!

describe('compare', () => {
  it('takes medians for each guest', () => {
    const runs = [run({ 'send-4': [2, 3] }), run({ 'send-4': [9, 9] }), run({ 'send-4': [1, 4] })]
    expect(row(runs, 'send-4').median).toEqual({ Eremite: 2, Linux: 4 })
  })

  it('takes the ratio within each run, so that a busy minute that both had to share does not show', () => {
    const runs = [
      run({ 'send-4': [2, 4] }),
      run({ 'send-4': [0.2, 0.4] }),
      run({ 'send-4': [1, 2] }),
    ]
    expect(row(runs, 'send-4').ratio).toBe(0.5)
  })

  it('turns ratios of what should be small, so that above 1 Eremite is always the better one', () => {
    const runs = [run({ boot: [100, 2000], 'echo-tcp': [400, 200], 'http-one': [300, 100] })]
    expect(row(runs, 'boot').ratio).toBe(20)
    expect(row(runs, 'echo-tcp').ratio).toBe(0.5)
    expect(row(runs, 'http-one').ratio).toBe(3)
  })

  it('also takes what each did in a second of processor time, where work is counted', () => {
    const even = run({ 'send-4': [1, 1] })
    const figures = even.figures.map((figure) =>
      figure.guest === 'Eremite' ? { ...figure, guestLoad: 0.25 } : { ...figure, guestLoad: 0.5 },
    )
    const runs = [{ ...even, figures }]
    expect(row(runs, 'send-4').ratio).toBe(1)
    expect(row(runs, 'send-4').ratioPerProcessor).toBe(2)
    expect(row(runs, 'echo-tcp').ratioPerProcessor).toBeUndefined()
  })

  it('uses every boot of a run', () => {
    const twice = run({ boot: [100, 1000] })
    const figures = [...twice.figures, { guest: 'Eremite', metric: 'boot', value: 300 } as const]
    expect(row([{ ...twice, figures }], 'boot').median.Eremite).toBe(200)
    expect(row([{ ...twice, figures }], 'boot').ratio).toBe(5)
  })

  it('refuses a run in which one guest was not measured', () => {
    const whole = run()
    const figures = whole.figures.filter(
      ({ guest, metric }) => !(guest === 'Linux' && metric === 'http-new'),
    )
    expect(() => compare([whole, { ...whole, figures }])).toThrow(
      'Cannot compare: no http-new of Linux',
    )
  })
})

describe('the comparison', () => {
  const rows = compare([run({ 'send-4': [1.7, 2.8], boot: [270, 5000] })])

  it('is a table with both guests, the ratio and the loads', () => {
    const table = formatComparison(rows, FACTS)
    expect(table).toMatch(
      /guest sends, IPv4 +1\.70 +2\.80 +Gbit\/s +0\.61 +0\.61 +100 \/ 100 % +20 \/ 20 %/,
    )
    expect(table).toMatch(/first TCP echo +270 +5000 +ms +19\n/)
    expect(table).toContain('Linux 6.12.1-cloud as Debian ships it')
    expect(table).toContain('-m 256 where Eremite has -m 64')
    for (const { label } of Object.values(METRICS)) expect(table).toContain(label)
  })

  it('is a picture with a bar for each guest and each row, none longer than the room', () => {
    const transfer = {
      direction: 'guest sends',
      family: 'IPv4',
      bytes: 1,
      elapsedMs: 1,
      frames: 1,
      microsecondsPerFrame: 1,
      peerLoad: 0,
      guestLoad: 1,
    } as const
    const result = evaluate([
      {
        transfers: [
          { ...transfer, offload: 'all', gigabitsPerSecond: 2 },
          { ...transfer, offload: 'none', gigabitsPerSecond: 0.1 },
        ],
        boots: [{ wallMs: 200, guestMs: 90, residentMiB: 60 }],
        residentAfterMiB: 70,
      },
    ])
    const picture = drawResult(result, rows, FACTS)
    expect(picture).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    const widths = [...picture.matchAll(/<rect x="274" [^>]*width="([\d.]+)"/g)].map((match) =>
      Number(match[1]),
    )
    // One legend mark at the same place in each of the two panels.
    expect(widths).toHaveLength(rows.length * 2 + 2 + 2)
    expect(Math.max(...widths)).toBe(736 - 274)
    expect(picture).toContain('>0.61×<')
    expect(picture).toContain('>20×<')
    const opened = picture.match(/<text /g)?.length
    expect(picture.match(/<\/text>/g)).toHaveLength(opened!)
  })
})

describe('formatRatio', () => {
  it('shows two digits that mean something', () => {
    expect([0.614, 0.05, 1, 1.994, 2.04, 9.94, 9.96, 15.3].map(formatRatio)).toEqual([
      ...['0.61', '0.05', '1.00', '1.99', '2.0', '9.9', '10', '15'],
    ])
  })
})
