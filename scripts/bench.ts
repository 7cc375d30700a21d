/**
 * `make bench`: builds the image and a Linux guest, measures them side by side, keeps the raw
 * figures, prints the tables, draws the picture. RUNS=n for more runs; CASE=instructions counts the
 * guest's instructions instead and compares them with docs/instructions.json, which RECORD=1 writes
 * anew; CASE=loss compares paths with loss and distance, all of them or those with RTT=20,100 (ms)
 * and LOSS=0,0.1 (%); CASE=idle takes the rows of idle connections alone; CASE=bulk measures
 * transfers of one and many streams beside Linux and beside what QEMU and the TAP can carry.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { drawResult } from './bench/bench-picture.ts'
import { evaluate, formatResult } from './bench/bench-table.ts'
import { type BulkFigure, formatBulk, summarizeBulk } from './bench/bulk/bulk-rows.ts'
import { measureBulk } from './bench/bulk/measure-bulk.ts'
import { type ComparisonRun, compare } from './bench/comparison.ts'
import { type ComparisonFacts, formatComparison } from './bench/comparison-table.ts'
import { eremite, linux } from './bench/contestant.ts'
import { formatIdle, type IdleFigure, idleMisses, summarizeIdle } from './bench/idle-figures.ts'
import { countInstructions } from './bench/instructions/count-instructions.ts'
import { formatCounts } from './bench/instructions/instruction-table.ts'
import {
  findRegressions,
  formatRecord,
  RECORD_PATH,
  readRecord,
} from './bench/instructions/recorded-counts.ts'
import { buildLimitGuest } from './bench/limit/build-limit-guest.ts'
import { LINUX_MEMORY_MIB, linuxCommandLine } from './bench/linux/boot-linux.ts'
import { buildLinuxGuest } from './bench/linux/build-linux-guest.ts'
import { keepProcessorsAwake } from './bench/loss/awake-processors.ts'
import { selectCells } from './bench/loss/loss-cells.ts'
import { compareLoss, formatLoss, type LossFigure } from './bench/loss/loss-table.ts'
import { measureLoss } from './bench/loss/measure-loss.ts'
import { measureRun } from './bench/measure.ts'
import { measureComparison } from './bench/measure-comparison.ts'
import { measureIdle } from './bench/measure-idle.ts'
import type { BenchRun } from './bench/measurement.ts'
import { BuildError } from './build/build-error.ts'
import { buildImage, ROOT } from './guest/build-image.ts'
import { refuseUnknownMakeVariables } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'

const DEFAULT_RUNS = 3
const BYTES = 256 << 20
const PLAIN_BYTES = 16 << 20
const BOOTS_A_RUN = 3
const EREMITE_MEMORY_MIB = 64
/** Room for buffers of several MiB, as a Linux host has. */
const LOSS_MEMORY_MIB = 256
const BULK_SECONDS = 3
const COMPARISON = { boots: 2, transferSeconds: 3, requestMs: 2000 } as const

async function main(): Promise<void> {
  refuseUnknownMakeVariables(process.env, ['RUNS', 'CASE', 'RECORD', 'RTT', 'LOSS'], 'bench')
  const { CASE } = process.env
  if (CASE === 'instructions') return count()
  if (CASE === 'loss') return measureLosses(parseRuns(process.env.RUNS))
  if (CASE === 'idle') return measureBesideIdle(parseRuns(process.env.RUNS))
  if (CASE === 'bulk') return measureBulkRows(parseRuns(process.env.RUNS))
  if (CASE !== undefined && CASE !== '') {
    throw new RunError(
      `Cannot measure CASE=${CASE}`,
      'CASE=instructions, loss, idle, bulk, or none for the rest',
    )
  }
  const runs = parseRuns(process.env.RUNS)
  for (const tool of ['qemu-system-x86_64', 'iperf3']) requireExecutable(tool)
  const { kernel } = await buildImage(undefined)
  const folder = join(ROOT, 'build/bench')
  mkdirSync(folder, { recursive: true })
  const image = await buildLinuxGuest(join(folder, 'linux'))
  const guests = [eremite(kernel), linux(image)] as const
  const facts: ComparisonFacts = {
    runs,
    linuxRelease: image.release,
    memoryMiB: { Eremite: EREMITE_MEMORY_MIB, Linux: LINUX_MEMORY_MIB },
  }

  const figures: BenchRun[] = []
  const comparisons: ComparisonRun[] = []
  const idleRuns: IdleFigure[][] = []
  const plan = { kernel, bytes: BYTES, plainBytes: PLAIN_BYTES, boots: BOOTS_A_RUN }
  for (let run = 1; run <= runs; run++) {
    // Whoever goes first in a pair might have it easier: they take turns.
    const contestants = run % 2 === 1 ? guests : ([guests[1], guests[0]] as const)
    process.stdout.write(`run ${run} of ${runs}: beside Linux … `)
    comparisons.push(await timed(() => measureComparison({ ...COMPARISON, contestants })))
    process.stdout.write('; with and without offload … ')
    figures.push(await timed(() => measureRun(plan)))
    process.stdout.write('; beside idle connections … ')
    idleRuns.push(await timed(() => measureIdle(kernel, BYTES)))
    process.stdout.write('\n')
  }

  const result = evaluate(figures)
  const rows = compare(comparisons)
  const idle = summarizeIdle(idleRuns)
  const takenAt = new Date().toISOString()
  const machine = describeMachine()
  const linuxGuest = { packages: image.packages, append: linuxCommandLine({}) }
  const raw = {
    takenAt,
    machine,
    facts,
    linuxGuest,
    comparison: rows,
    comparisons,
    result,
    runs: figures,
    idle,
    idleRuns,
  }
  const rawPath = keepRaw('bench', raw)
  const picturePath = join(folder, 'bench.svg')
  writeFileSync(picturePath, drawResult(result, rows, facts))
  console.log(
    `\n${formatComparison(rows, facts)}\n\n${formatResult(result, runs)}\n\n${formatIdle(idle)}\n`,
  )
  console.log(`Raw figures  ${rawPath}`)
  console.log(`Picture      ${relative(process.cwd(), picturePath)}`)
  reportMisses([...result.misses, ...idleMisses(idle)])
}

async function count(): Promise<void> {
  const { kernel } = await buildImage(undefined)
  const folder = join(ROOT, 'build/bench/instructions')
  const figures = await countInstructions({ kernel, folder })
  console.log(`Guest instructions, q35 under TCG, everything included:\n\n${formatCounts(figures)}`)
  const path = join(folder, 'instructions.json')
  writeFileSync(path, `${JSON.stringify(figures, null, 2)}\n`)
  console.log(`\nBy function  ${relative(process.cwd(), path)}`)
  if (process.env.RECORD === '1') writeFileSync(RECORD_PATH, formatRecord(figures))
  else for (const line of findRegressions(figures, readRecord())) console.error(`bench: ${line}`)
}

/** Bulk and new connections beside idle ones, and what those cost. */
async function measureBesideIdle(runs: number): Promise<void> {
  const { kernel } = await buildImage(undefined)
  const figures: IdleFigure[][] = []
  for (let run = 1; run <= runs; run++) {
    process.stdout.write(`run ${run} of ${runs}: `)
    figures.push(await timed(() => measureIdle(kernel, BYTES)))
    process.stdout.write('\n')
  }
  const rows = summarizeIdle(figures)
  const takenAt = new Date().toISOString()
  const path = keepRaw('idle', { takenAt, machine: describeMachine(), idle: rows, runs: figures })
  console.log(`\n${formatIdle(rows)}\n\nRaw figures  ${path}`)
  reportMisses(idleMisses(rows))
}

/** Bulk beside Linux and beside the limit, and the raw figures. */
async function measureBulkRows(runs: number): Promise<void> {
  for (const tool of ['qemu-system-x86_64', 'iperf3']) requireExecutable(tool)
  const { kernel } = await buildImage(undefined)
  const folder = join(ROOT, 'build/bench')
  const image = await buildLinuxGuest(join(folder, 'linux'))
  const limit = await buildLimitGuest(join(folder, 'limit'))
  const series = await buildImage(join(ROOT, 'scripts/bench/bulk/series-app.ts'))
  const guests = [eremite(kernel), linux(image)]
  const seriesGuests = [eremite(kernel, series.initrd), linux(image)]
  const figures: BulkFigure[][] = []
  for (let run = 1; run <= runs; run++) {
    const inTurn = <T>(both: T[]): T[] => (run % 2 === 1 ? both : both.toReversed())
    const contestants = inTurn(guests)
    const seriesContestants = inTurn(seriesGuests)
    process.stdout.write(`run ${run} of ${runs}: `)
    const plan = { contestants, seriesContestants, limit, seconds: BULK_SECONDS }
    figures.push(await timed(() => measureBulk(plan)))
    process.stdout.write('\n')
  }
  const rows = summarizeBulk(figures)
  const takenAt = new Date().toISOString()
  const raw = { takenAt, machine: describeMachine(), bulk: rows, runs: figures }
  console.log(`\n${formatBulk(rows, runs)}\n\nRaw figures  ${keepRaw('bulk', raw)}`)
}

/** The cells of the loss table that are asked for, and the raw figures. */
async function measureLosses(runs: number): Promise<void> {
  const cells = selectCells(process.env.RTT, process.env.LOSS)
  const { kernel } = await buildImage(undefined)
  const figures: LossFigure[][] = []
  const letHalt = keepProcessorsAwake()
  for (let run = 1; run <= runs; run++) {
    process.stdout.write(`run ${run} of ${runs}: `)
    const onFigure = (): boolean => process.stdout.write('.')
    const plan = { kernel, memoryMiB: LOSS_MEMORY_MIB, cells, run, onFigure }
    figures.push(await timed(() => measureLoss(plan)))
    process.stdout.write('\n')
  }
  letHalt?.()
  const rows = compareLoss(figures, cells)
  const takenAt = new Date().toISOString()
  const areAwake = letHalt !== undefined
  const raw = { takenAt, machine: describeMachine(), areAwake, comparison: rows, runs: figures }
  console.log(`\n${formatLoss(rows, runs)}`)
  if (!areAwake) console.log('Processors halted in between: only root may keep them awake.')
  console.log(`\nRaw figures  ${keepRaw('loss', raw)}`)
}

/** Writes what was measured; its path as seen from here. */
function keepRaw<T extends { readonly takenAt: string }>(name: string, raw: T): string {
  const folder = join(ROOT, 'build/bench')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}-${raw.takenAt.replace(/[:.]/g, '-')}.json`)
  writeFileSync(path, `${JSON.stringify(raw, null, 2)}\n`)
  return relative(process.cwd(), path)
}

function reportMisses(misses: readonly string[]): void {
  for (const miss of misses) console.error(`bench: not kept: ${miss}`)
  if (misses.length > 0) process.exitCode = 1
}

function describeMachine(): { processor: string; processors: number } {
  return { processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length }
}

async function timed<T>(work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now()
  const result = await work()
  process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return result
}

function parseRuns(value: string | undefined): number {
  if (value === undefined || value === '') return DEFAULT_RUNS
  const runs = Number(value)
  if (!Number.isInteger(runs) || runs < DEFAULT_RUNS) {
    throw new RunError(
      `Cannot use RUNS=${value}: medians need ${DEFAULT_RUNS} runs or more`,
      'RUNS=3',
    )
  }
  return runs
}

try {
  await main()
} catch (error) {
  process.exitCode = 1
  // A line of progress may be unfinished.
  if (error instanceof RunError) console.error(`\nbench: ${error.line}`)
  else if (error instanceof BuildError) console.error(`\nbench: ${error.message}`)
  else if (error instanceof MissingToolError)
    console.error(`\nbench: ${error.message}. Next: make setup`)
  else throw error
}
