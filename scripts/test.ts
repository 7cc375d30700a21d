/**
 * `make test`: checks, unit tests, simulations and QEMU tests, what each took, and one closing line
 * of totals. `make test ONLY=debug`: of all that only the QEMU tests of files whose path holds one
 * of these words. `make test-fleet`: the tests of what runs guests elsewhere, and nothing else;
 * ONLY= narrows them.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { $ as shell } from 'zx'
import { refuseUnknownMakeVariables } from './guest/options.ts'
import { RunError } from './guest/run-error.ts'

const ROOT = new URL('..', import.meta.url).pathname
const REPORTS = join(ROOT, 'build/test')
const $ = shell({ cwd: ROOT, stdio: 'inherit', nothrow: true, preferLocal: true })

interface Totals {
  passed: number
  failed: number
}

/** Runs a command with inherited output; resolves with its exit status. */
async function run(command: string, args: string[]): Promise<number> {
  const { exitCode } = await $`${command} ${args}`
  return exitCode ?? 1
}

async function step(title: string, work: () => Promise<boolean>): Promise<boolean> {
  const started = performance.now()
  process.stdout.write(`\n== ${title}\n`)
  const ok = await work()
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  process.stdout.write(`== ${title}: ${ok ? 'ok' : 'FAILED'} in ${seconds} s\n`)
  return ok
}

/** Runs one vitest project and adds its counts; a run that executed no test has failed. */
async function vitest(
  projects: string[],
  report: string,
  totals: Totals,
  only: readonly string[] = [],
): Promise<boolean> {
  const file = join(REPORTS, `${report}.json`)
  rmSync(file, { force: true })
  const status = await run('vitest', [
    'run',
    ...only,
    '--config',
    'test/vitest.config.ts',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=./test/closing-reporter.ts',
    '--reporter=json',
    `--outputFile.json=${file}`,
    '--reporter=junit',
    `--outputFile.junit=${join(REPORTS, `${report}.junit.xml`)}`,
  ])
  try {
    const result = JSON.parse(readFileSync(file, 'utf8')) as {
      numPassedTests: number
      numFailedTests: number
      numPendingTests: number
      numFailedTestSuites: number
    }
    totals.passed += result.numPassedTests
    // A skipped test is a failed one: nothing here may run only sometimes. A suite that broke
    // before its first test counts as one failure.
    totals.failed += result.numFailedTests + result.numPendingTests
    if (status !== 0 && result.numFailedTests === 0) totals.failed += 1
    return status === 0 && result.numPassedTests > 0 && result.numPendingTests === 0
  } catch {
    totals.failed += 1
    return false
  }
}

async function checksAndUnitTests(totals: Totals, count: (ok: boolean) => boolean): Promise<void> {
  const guest = ['-p', 'tsconfig.json']
  const tests = ['-p', 'test/tsconfig.json']
  const examples = ['-p', 'examples']
  const globals = ['-p', 'test/types']
  const lint = ['check', '--config-path=.biome.jsonc', '.']
  await step('types of the image', async () => count((await run('tsc', guest)) === 0))
  await step('types of scripts and tests', async () => count((await run('tsc', tests)) === 0))
  await step('types of the examples', async () => count((await run('tsc', examples)) === 0))
  await step('types that apps see', async () => count((await run('tsc', globals)) === 0))
  await step('format and lint', async () => count((await run('biome', lint)) === 0))
  await step('unit tests and simulations', () => vitest(['unit', 'simulation'], 'unit', totals))
}

const BUILD = ['--import', 'tsx', 'scripts/build.ts']

/**
 * Begins the build: the compiler is busy with one large file for most of it, and leaves a processor
 * to what runs meanwhile. What it says comes when it is waited for.
 */
function beginBuild(): () => Promise<number> {
  const building = $({ stdio: ['ignore', 'pipe', 'pipe'], quiet: true })`node ${BUILD}`
  return async () => {
    const result = await building
    process.stdout.write(`${String(result).trimEnd()}\n`)
    return result.exitCode ?? 1
  }
}

/** Words of ONLY=, which the make that the tests run is not to take for its own. */
function takeOnly(): string[] {
  refuseUnknownMakeVariables(process.env, ['ONLY'], 'test')
  const words = (process.env.ONLY ?? '').split(/\s+/).filter((word) => word !== '')
  delete process.env.ONLY
  return words
}

async function main(): Promise<void> {
  const isFleet = process.argv[2] === 'fleet'
  const only = takeOnly()
  mkdirSync(REPORTS, { recursive: true })
  const totals: Totals = { passed: 0, failed: 0 }
  const count = (ok: boolean) => {
    totals[ok ? 'passed' : 'failed'] += 1
    return ok
  }
  let build = () => run('node', BUILD)
  if (only.length === 0 && !isFleet) {
    build = beginBuild()
    await checksAndUnitTests(totals, count)
  }
  const built = await step('build', async () => count((await build()) === 0))
  const projects = isFleet ? ['fleet'] : ['qemu', 'qemu-waiting', 'qemu-alone']
  const title = isFleet ? 'fleet tests' : 'QEMU tests'
  if (built) await step(title, () => vitest(projects, projects[0]!, totals, only))
  process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed\n`)
  process.exitCode = totals.failed === 0 && built ? 0 : 1
}

try {
  await main()
} catch (error) {
  if (!(error instanceof RunError)) throw error
  process.stderr.write(`test: ${error.line}\n`)
  process.exitCode = 1
}
