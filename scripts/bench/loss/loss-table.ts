/**
 * The loss table: guest and Linux beside each other, cell by cell, medians over the runs and the
 * ratio as it was side by side.
 */
import { formatTable } from '../../guest/text-table.ts'
import { GUEST_NAMES, type GuestName } from '../comparison.ts'
import { median } from '../measurement.ts'
import { DIRECTIONS, type Direction, type LossCell } from './loss-cells.ts'

export interface LossFigure {
  readonly cell: LossCell
  readonly direction: Direction
  readonly guest: GuestName
  readonly bytes: number
  readonly elapsedMs: number
  /**
   * Packets of the direction of the data that the path has taken: by chance, and at the queue's
   * tail.
   */
  readonly lost: number
  readonly queueDropped: number
  /** Packets that the sender needed for it. */
  readonly packets: number
  /** How late the relay was, in the worse direction. */
  readonly lateUs: Lateness
}

export interface Lateness {
  readonly median: number
  readonly p99: number
}

export interface LossRow {
  readonly cell: LossCell
  readonly direction: Direction
  /** Median, Mbit/s. */
  readonly megabits: Readonly<Record<GuestName, number>>
  /**
   * Times Linux: median of the runs' own ratios, since both of a run met the same losses on the
   * same machine.
   */
  readonly ratio: number
  /** Medians of the runs: where it is more for one of them, the path was not the same for both. */
  readonly lateUs: Readonly<Record<GuestName, Lateness>>
}

/** `runs`: the figures of each. Throws RangeError when a run lacks one. */
export function compareLoss(
  runs: readonly (readonly LossFigure[])[],
  cells: readonly LossCell[],
): LossRow[] {
  return cells.flatMap((cell) =>
    DIRECTIONS.map((direction) => {
      const speeds = runs.map((run) => {
        const of = (guest: GuestName): number => megabitsOf(run, cell, direction, guest)
        return { Eremite: of('Eremite'), Linux: of('Linux') }
      })
      const lateness = (guest: GuestName): Lateness => {
        const of = (part: keyof Lateness): number =>
          median(runs.map((run) => figureOf(run, cell, direction, guest).lateUs[part]))
        return { median: of('median'), p99: of('p99') }
      }
      return {
        cell,
        direction,
        megabits: {
          Eremite: median(speeds.map(({ Eremite }) => Eremite)),
          Linux: median(speeds.map(({ Linux }) => Linux)),
        },
        ratio: median(speeds.map(({ Eremite, Linux }) => Eremite / Linux)),
        lateUs: { Eremite: lateness('Eremite'), Linux: lateness('Linux') },
      }
    }),
  )
}

function megabitsOf(
  run: readonly LossFigure[],
  cell: LossCell,
  direction: Direction,
  guest: GuestName,
): number {
  const { bytes, elapsedMs } = figureOf(run, cell, direction, guest)
  return (bytes * 8) / elapsedMs / 1000
}

function figureOf(
  run: readonly LossFigure[],
  cell: LossCell,
  direction: Direction,
  guest: GuestName,
): LossFigure {
  const figure = run.find(
    (one) => one.cell === cell && one.direction === direction && one.guest === guest,
  )
  if (figure === undefined) {
    throw new RangeError(`Cannot compare: ${guest} has no figure for ${describeCell(cell)}`)
  }
  return figure
}

function describeCell({ roundTripMs, loss, megabitsPerSecond }: LossCell): string {
  const link = megabitsPerSecond === undefined ? 'no limit' : `${megabitsPerSecond} Mbit/s`
  return `${roundTripMs} ms, ${loss * 100} %, ${link}`
}

export function formatLoss(rows: readonly LossRow[], runs: number): string {
  const cells = [...new Set(rows.map(({ cell }) => cell))]
  const columns = DIRECTIONS.flatMap((direction) => [
    ...GUEST_NAMES.map((guest) => `${guest} ${direction.replace('guest ', '')}`),
    'ratio',
  ])
  const body = cells.map((cell) => [
    describeCell(cell),
    ...DIRECTIONS.flatMap((direction) => {
      const row = rows.find((one) => one.cell === cell && one.direction === direction)!
      return [...GUEST_NAMES.map((guest) => formatSpeed(row.megabits[guest])), row.ratio.toFixed(2)]
    }),
    GUEST_NAMES.map((guest) => formatLateness(rows, cell, guest)).join(', '),
  ])
  const note =
    `Medians of ${runs} runs. Linux: a namespace in the guest's place (CUBIC, SACK); ` +
    'losses by the same seeds, packet by packet, both ways. Late: by how many microseconds the ' +
    'relay was, median / 99 %, with Eremite, Linux.'
  return `${formatTable(['Round trip, loss, link (Mbit/s)', ...columns, 'late'], body)}\n${note}`
}

/** The worse of both directions. */
function formatLateness(rows: readonly LossRow[], cell: LossCell, guest: GuestName): string {
  const both = rows.filter((row) => row.cell === cell).map(({ lateUs }) => lateUs[guest])
  const worst = (part: keyof Lateness): number => Math.max(...both.map((one) => one[part]))
  return `${worst('median')} / ${worst('p99')}`
}

function formatSpeed(megabits: number): string {
  return megabits >= 10 ? megabits.toFixed(0) : megabits.toFixed(2)
}
