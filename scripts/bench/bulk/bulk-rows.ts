/**
 * What the bulk bench measures, and its table: each row beside Linux and beside the limit of this
 * QEMU and its TAP, which a guest without a stack reaches.
 */
import type { VirtioNetProperties } from 'qemu-runner'
import { formatTable } from '../../guest/text-table.ts'
import type { GuestName } from '../comparison.ts'
import { formatRatio } from '../comparison-table.ts'
import { median } from '../measurement.ts'

const NO_SEGMENTATION = {
  ...{ hostTso4: false, hostTso6: false, hostEcn: false },
  ...{ guestTso4: false, guestTso6: false, guestEcn: false, guestUfo: false },
} as const satisfies VirtioNetProperties

/** What the device offers to all contestants alike. */
export const OFFLOADS = {
  TSO: {},
  'no TSO': NO_SEGMENTATION,
  'no offload': { ...NO_SEGMENTATION, csum: false, guestCsum: false },
} as const satisfies Record<string, VirtioNetProperties>

export type OffloadName = keyof typeof OFFLOADS

export type SeriesKind = 'cut' | 'whole'

export interface BulkRow {
  readonly offload: OffloadName
  /**
   * `dropped`: frames that the host drops, which no guest with a peer can reach. `echo`: answers to
   * small datagrams, 64 of them on their way. `cut` and `whole`: datagrams of one size that the
   * guest sends in a row, which the device cuts from one (USO), or as they are.
   */
  readonly kind: 'guest sends' | 'guest receives' | 'echo' | 'dropped' | SeriesKind
  readonly family: 4 | 6
  readonly streams: number
}

const STREAMS = [1, 4, 64]

function transfers(offload: OffloadName, family: 4 | 6, streams: readonly number[]): BulkRow[] {
  return (['guest sends', 'guest receives'] as const).flatMap((kind) =>
    streams.map((count) => ({ offload, kind, family, streams: count })),
  )
}

function alone(offload: OffloadName, kind: 'echo' | 'dropped' | SeriesKind): BulkRow {
  return { offload, kind, family: 4, streams: 1 }
}

export const BULK_ROWS: readonly BulkRow[] = [
  ...transfers('TSO', 4, STREAMS),
  ...transfers('TSO', 6, [1]),
  alone('TSO', 'dropped'),
  ...transfers('no TSO', 4, [1]),
  alone('no TSO', 'dropped'),
  ...transfers('no offload', 4, [1]),
  alone('no offload', 'dropped'),
  alone('TSO', 'echo'),
  alone('TSO', 'whole'),
  alone('TSO', 'cut'),
]

/** A row that needs an app of its own in the guest. */
export type SeriesRow = BulkRow & { readonly kind: SeriesKind }
export type TransferRow = BulkRow & { readonly kind: Exclude<BulkRow['kind'], SeriesKind> }

export function isSeries(row: BulkRow): row is SeriesRow {
  return row.kind === 'cut' || row.kind === 'whole'
}

export function isTransfer(row: BulkRow): row is TransferRow {
  return !isSeries(row)
}

/** What is counted is datagrams. */
function isCounted(row: BulkRow): boolean {
  return row.kind === 'echo' || isSeries(row)
}

export const BULK_GUESTS = ['Eremite', 'Linux', 'limit'] as const
export type BulkGuest = (typeof BULK_GUESTS)[number] & (GuestName | 'limit')

export interface BulkFigure {
  readonly row: BulkRow
  readonly guest: BulkGuest
  /** Octets of payload, or datagrams that came back or came. */
  readonly moved: number
  readonly elapsedMs: number
  /** Processor time of QEMU meanwhile. */
  readonly processorMs: number
}

export interface BulkSummary {
  readonly row: BulkRow
  /** Gbit/s, or datagrams a second. */
  readonly rate: Readonly<Partial<Record<BulkGuest, number>>>
  /** Seconds of QEMU's processor time for a gigabyte, or for a million datagrams. */
  readonly cost: Readonly<Partial<Record<BulkGuest, number>>>
  /** Medians of the runs' own ratios: all of a run shared what the machine was doing just then. */
  readonly timesLinux: number | undefined
  readonly ofLimit: number | undefined
}

function rateOf({ row, moved, elapsedMs }: BulkFigure): number {
  return isCounted(row) ? (moved * 1000) / elapsedMs : (moved * 8) / elapsedMs / 1e6
}

function costOf({ row, moved, processorMs }: BulkFigure): number {
  return processorMs / 1000 / (moved / (isCounted(row) ? 1e6 : 1e9))
}

export function summarizeBulk(runs: readonly (readonly BulkFigure[])[]): BulkSummary[] {
  return BULK_ROWS.map((row) => {
    const of = (run: readonly BulkFigure[], guest: BulkGuest): BulkFigure | undefined =>
      run.find((figure) => figure.guest === guest && sameRow(figure.row, row))
    const medians = (value: (figure: BulkFigure) => number) => {
      const result: Partial<Record<BulkGuest, number>> = {}
      for (const guest of BULK_GUESTS) {
        const values = runs.flatMap((run) => of(run, guest) ?? []).map(value)
        if (values.length > 0) result[guest] = median(values)
      }
      return result
    }
    const ratio = (to: BulkGuest): number | undefined => {
      const ratios = runs.flatMap((run) => {
        const [own, other] = [of(run, 'Eremite'), of(run, to)]
        return own === undefined || other === undefined ? [] : rateOf(own) / rateOf(other)
      })
      return ratios.length === 0 ? undefined : median(ratios)
    }
    return {
      row,
      rate: medians(rateOf),
      cost: medians(costOf),
      timesLinux: ratio('Linux'),
      ofLimit: ratio('limit'),
    }
  })
}

function sameRow(one: BulkRow, other: BulkRow): boolean {
  return (
    one.offload === other.offload &&
    one.kind === other.kind &&
    one.family === other.family &&
    one.streams === other.streams
  )
}

function labelOf({ offload, kind, family, streams }: BulkRow): string {
  if (kind === 'echo') return 'UDP echo of 64 octets, 64 on their way, answers/s'
  if (kind === 'whole') return 'UDP of 1,200 octets sent one by one, datagrams/s'
  if (kind === 'cut') return 'UDP of 1,200 octets, fifty cut by the device (USO), datagrams/s'
  if (kind === 'dropped') return `${offload}: frames that the host drops`
  return `${offload}: ${kind}, IPv${family}, ${streams} stream${streams === 1 ? '' : 's'}`
}

const NO_USO =
  'There is no row of USO: this QEMU does not offer it (HOST_USO; 8.2 and newer do, as that of Debian 13).'

function cell(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '' : format(value)
}

export function formatBulk(rows: readonly BulkSummary[], runs: number): string {
  const header = ['Gbit/s', ...BULK_GUESTS, 'times Linux', 'of the limit', 'QEMU CPU, s/GB']
  const measured = rows.filter(({ rate }) => Object.keys(rate).length > 0)
  const lines = measured.map(({ row, rate, cost, timesLinux, ofLimit }) => {
    const digits = isCounted(row) ? 0 : 2
    const share = (value: number): string => value.toFixed(2)
    const costs = BULK_GUESTS.map((guest) => cell(cost[guest], share) || '–')
    return [
      labelOf(row),
      ...BULK_GUESTS.map((guest) => cell(rate[guest], (value) => value.toFixed(digits))),
      cell(timesLinux, formatRatio),
      cell(ofLimit, share),
      costs.join(' / '),
    ]
  })
  return [
    formatTable(header, lines),
    '',
    `Medians of ${runs} runs; "times Linux" and "of the limit" are medians of the runs' own ratios. The limit is a guest`,
    'without a stack, with as many connections, whose TCP is sequence numbers and the peer’s windows; the host reads and',
    'writes them as iperf3 does. Frames that the host drops cost it less than any peer does: no guest reaches that.',
    'The processor time of rows in datagrams a second is seconds for a million.',
    ...(measured.some(({ row }) => row.kind === 'cut') ? [] : [NO_USO]),
  ].join('\n')
}
