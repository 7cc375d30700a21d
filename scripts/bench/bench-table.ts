/**
 * The benchmark's table: medians, ratios against the same image without offload, and the budgets of
 * boot and memory.
 */
import { formatBytes, formatTable } from '../guest/text-table.ts'
import { type BenchRun, median, summarize, type TransferSummary } from './measurement.ts'

/** What this version promises; missing one fails the bench. */
export const BUDGET = { sendRatio: 10, bootMs: 350, residentMiB: 72 } as const

export interface BenchResult {
  readonly transfers: readonly TransferSummary[]
  readonly bootMs: number
  readonly guestBootMs: number
  readonly residentMiB: number
  readonly residentAfterMiB: number
  /** One line a promise that was not kept. */
  readonly misses: readonly string[]
}

export function evaluate(runs: readonly BenchRun[]): BenchResult {
  const transfers = summarize(runs)
  const boots = runs.flatMap((run) => run.boots)
  const bootMs = median(boots.map((boot) => boot.wallMs))
  const residentMiB = median(boots.map((boot) => boot.residentMiB))
  const residentAfterMiB = median(runs.map((run) => run.residentAfterMiB))
  const misses: string[] = []
  for (const row of transfers) {
    if (row.direction !== 'guest sends' || row.offload !== 'all') continue
    const ratio = ratioOf(row, transfers)
    if (ratio < BUDGET.sendRatio) {
      misses.push(
        `${label(row)}: ${ratio.toFixed(1)} times offload=none, promised ${BUDGET.sendRatio}`,
      )
    }
  }
  if (bootMs > BUDGET.bootMs)
    misses.push(`boot: ${bootMs.toFixed(0)} ms, promised ${BUDGET.bootMs}`)
  const memory = Math.max(residentMiB, residentAfterMiB)
  if (memory > BUDGET.residentMiB) {
    misses.push(`memory: ${memory.toFixed(0)} MiB, promised ${BUDGET.residentMiB}`)
  }
  return {
    transfers,
    bootMs,
    guestBootMs: median(boots.map((boot) => boot.guestMs)),
    residentMiB,
    residentAfterMiB,
    misses,
  }
}

export function ratioOf(row: TransferSummary, all: readonly TransferSummary[]): number {
  const plain = all.find(
    ({ direction, family, offload }) =>
      direction === row.direction && family === row.family && offload === 'none',
  )
  return plain === undefined ? Number.NaN : row.gigabitsPerSecond / plain.gigabitsPerSecond
}

export function label({ direction, family, offload }: TransferSummary): string {
  const note = { all: '', rings: ', no offload', none: ', offload=none' }[offload]
  return `${direction}, ${family}${note}`
}

export function formatResult(result: BenchResult, runs: number): string {
  const header = [
    'host namespace to guest',
    'bytes',
    'Gbit/s',
    'ratio',
    'frames',
    'µs/frame',
    'QEMU CPU',
    'peer CPU',
  ]
  const rows = result.transfers.map((row) => [
    label(row),
    formatBytes(row.bytes),
    row.gigabitsPerSecond.toFixed(3),
    ratioOf(row, result.transfers).toFixed(1),
    String(row.frames),
    row.microsecondsPerFrame.toFixed(1),
    `${Math.round(row.guestLoad * 100)} %`,
    `${Math.round(row.peerLoad * 100)} %`,
  ])
  const boot = [
    [
      'boot to ready, q35, from starting QEMU',
      `${result.bootMs.toFixed(0)} ms`,
      `${BUDGET.bootMs} ms`,
    ],
    ['  of it inside the guest', `${result.guestBootMs.toFixed(0)} ms`, ''],
    [
      'resident memory of QEMU, -m 64, at ready',
      `${result.residentMiB.toFixed(0)} MiB`,
      `${BUDGET.residentMiB} MiB`,
    ],
    [
      '  after the transfers',
      `${result.residentAfterMiB.toFixed(0)} MiB`,
      `${BUDGET.residentMiB} MiB`,
    ],
  ]
  return [
    formatTable(header, rows),
    '',
    formatTable(['', 'median', 'at most'], boot),
    '',
    'offload=none also gives up event suppression, indirect descriptors and merged buffers; "no offload" keeps them.',
    `Medians of ${runs} runs under TCG. Frames are those that carry the data: handed to the device when the guest`,
    'sends, taken from it when it receives. CPU is processor time over elapsed time: at 100 % or more, that side',
    'is the bottleneck.',
  ].join('\n')
}
