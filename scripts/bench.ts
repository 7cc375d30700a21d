/** `make bench`: builds, measures, keeps the raw figures, prints the table, draws the picture. RUNS=n for more runs. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, relative } from 'node:path'
import { MissingToolError, requireExecutable } from 'qemu-runner'
import { drawResult } from './bench/bench-picture.ts'
import { evaluate, formatResult } from './bench/bench-table.ts'
import { measureRun } from './bench/measure.ts'
import type { BenchRun } from './bench/measurement.ts'
import { buildImage, ROOT } from './run/build-image.ts'
import { refuseUnknownMakeVariables } from './run/options.ts'
import { RunError } from './run/run-error.ts'

const DEFAULT_RUNS = 3
const BYTES = 256 << 20
const PLAIN_BYTES = 16 << 20
const BOOTS_A_RUN = 3

async function main(): Promise<void> {
  refuseUnknownMakeVariables(process.env.MAKEFLAGS ?? '', ['RUNS'], 'bench')
  const runs = parseRuns(process.env.RUNS)
  requireExecutable('qemu-system-x86_64')
  const { kernel } = await buildImage(undefined)
  const figures: BenchRun[] = []
  for (let run = 1; run <= runs; run++) {
    const startedAt = performance.now()
    process.stdout.write(`run ${run} of ${runs} … `)
    const plan = { kernel, bytes: BYTES, plainBytes: PLAIN_BYTES, boots: BOOTS_A_RUN }
    figures.push(await measureRun(plan))
    process.stdout.write(`${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
  }
  const result = evaluate(figures)
  const folder = join(ROOT, 'build/bench')
  mkdirSync(folder, { recursive: true })
  const takenAt = new Date().toISOString()
  const machine = { processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length }
  const raw = JSON.stringify({ takenAt, machine, result, runs: figures }, null, 2)
  const rawPath = join(folder, `bench-${takenAt.replace(/[:.]/g, '-')}.json`)
  writeFileSync(rawPath, `${raw}\n`)
  const picturePath = join(folder, 'bench.svg')
  writeFileSync(picturePath, drawResult(result, runs))
  console.log(`\n${formatResult(result, runs)}\n`)
  console.log(`Raw figures  ${relative(process.cwd(), rawPath)}`)
  console.log(`Picture      ${relative(process.cwd(), picturePath)}`)
  for (const miss of result.misses) console.error(`bench: not kept: ${miss}`)
  if (result.misses.length > 0) process.exitCode = 1
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
  if (error instanceof RunError) console.error(`bench: ${error.line}`)
  else if (error instanceof MissingToolError)
    console.error(`bench: ${error.message}. Next: make setup`)
  else throw error
}
