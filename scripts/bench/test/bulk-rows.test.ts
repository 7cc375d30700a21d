/** The table of bulk: what is counted in datagrams, and what a QEMU without USO has said of it. */
import { describe, expect, it } from 'vitest'
import {
  BULK_ROWS,
  type BulkFigure,
  type BulkRow,
  formatBulk,
  summarizeBulk,
} from '../bulk/bulk-rows.ts'

function rowOf(kind: BulkRow['kind']): BulkRow {
  return BULK_ROWS.find((row) => row.kind === kind)!
}

/** A run of one second. */
function run(kind: BulkRow['kind'], eremite: number, linux: number): BulkFigure[] {
  const figure = { row: rowOf(kind), elapsedMs: 1000, processorMs: 500 }
  return [
    { ...figure, guest: 'Eremite', moved: eremite },
    { ...figure, guest: 'Linux', moved: linux },
  ]
}

function summaryOf(kind: BulkRow['kind'], figures: BulkFigure[]) {
  return summarizeBulk([figures]).find(({ row }) => row.kind === kind)!
}

describe('a row of bulk', () => {
  it.each(['echo', 'whole', 'cut'] as const)('counts datagrams a second in %s', (kind) => {
    expect(summaryOf(kind, run(kind, 40_000, 10_000))).toMatchObject({
      rate: { Eremite: 40_000, Linux: 10_000 },
      // Half a second for 40,000 is 12.5 s for a million.
      cost: { Eremite: 12.5, Linux: 50 },
      timesLinux: 4,
      ofLimit: undefined,
    })
  })

  it('counts bits a second where octets are moved', () => {
    const { rate, cost } = summaryOf('guest sends', run('guest sends', 250e6, 125e6))
    expect([rate, cost]).toEqual([
      { Eremite: 2, Linux: 1 },
      { Eremite: 2, Linux: 4 },
    ])
  })
})

describe('the table', () => {
  it('has no row of what was not measured, and says in a line that QEMU offers no USO', () => {
    const text = formatBulk(summarizeBulk([run('whole', 40_000, 10_000)]), 3)
    expect(text).toContain('UDP of 1,200 octets sent one by one')
    expect(text).not.toContain('guest sends, IPv4')
    expect(text.match(/There is no row of USO: this QEMU does not offer it/g)).toHaveLength(1)
  })

  it('has the row of USO, and no such line, where QEMU offers it', () => {
    const text = formatBulk(summarizeBulk([run('cut', 40_000, 10_000)]), 3)
    expect(text).toMatch(/fifty cut by the device \(USO\), datagrams\/s +40000 +10000 +4\.0/)
    expect(text).not.toContain('no row of USO')
  })
})
