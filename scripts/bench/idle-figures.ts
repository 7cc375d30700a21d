/**
 * The rows of idle connections: medians over the runs, and whether what is promised of them is
 * kept.
 */
import { formatTable } from '../guest/text-table.ts'
import { median } from './measurement.ts'

export interface IdleFigure {
  /** Connections that say nothing, half of them to echo and half to HTTP. */
  readonly idle: number
  /** Heap that each of them takes, its service's record included; 0 without any. */
  readonly bytesAConnection: number
  readonly sendsGigabits: number
  readonly receivesGigabits: number
  /** Connections opened and closed by both sides, one after another, beside those that are idle. */
  readonly connectsASecond: number
}

/**
 * What this version promises: bytes of a connection when there are a thousand, and the rate beside
 * them against that without.
 */
export const IDLE_BUDGET = { bytesAConnection: 4096, rate: 0.9 } as const

/** One row for each number of connections, in the order of the first run. */
export function summarizeIdle(runs: readonly (readonly IdleFigure[])[]): IdleFigure[] {
  return (runs[0] ?? []).map(({ idle }) => {
    const same = runs.flatMap((figures) => figures.filter((figure) => figure.idle === idle))
    const of = (pick: (figure: IdleFigure) => number): number => median(same.map(pick))
    return {
      idle,
      bytesAConnection: of((figure) => figure.bytesAConnection),
      sendsGigabits: of((figure) => figure.sendsGigabits),
      receivesGigabits: of((figure) => figure.receivesGigabits),
      connectsASecond: of((figure) => figure.connectsASecond),
    }
  })
}

/** One line a promise that was not kept. */
export function idleMisses(rows: readonly IdleFigure[]): string[] {
  const [alone] = rows
  const last = rows.at(-1)
  if (alone === undefined || last === undefined) return []
  const misses: string[] = []
  if (last.bytesAConnection > IDLE_BUDGET.bytesAConnection) {
    const bytes = Math.round(last.bytesAConnection)
    misses.push(`a connection: ${bytes} bytes, promised ${IDLE_BUDGET.bytesAConnection}`)
  }
  for (const row of rows) {
    const sends = row.sendsGigabits / alone.sendsGigabits
    const receives = row.receivesGigabits / alone.receivesGigabits
    const least = Math.min(sends, receives)
    if (least < IDLE_BUDGET.rate) {
      misses.push(
        `bulk beside ${row.idle} idle connections: ${least.toFixed(2)} of the rate without, promised ${IDLE_BUDGET.rate}`,
      )
    }
  }
  return misses
}

export function formatIdle(rows: readonly IdleFigure[]): string {
  const header = [
    'idle connections',
    'guest sends, Gbit/s',
    'guest receives',
    'connects/s',
    'bytes each',
  ]
  return formatTable(
    header,
    rows.map(({ idle, sendsGigabits, receivesGigabits, connectsASecond, bytesAConnection }) => [
      String(idle),
      sendsGigabits.toFixed(2),
      receivesGigabits.toFixed(2),
      String(Math.round(connectsASecond)),
      idle === 0 ? '' : String(Math.round(bytesAConnection)),
    ]),
  )
}
