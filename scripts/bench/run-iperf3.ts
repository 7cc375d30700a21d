/** Runs the real iperf3 client on the host's side of a guest's TAP. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { RunError } from '../guest/run-error.ts'
import type { Site } from './contestant.ts'
import { Iperf3Error, type Iperf3Figure, readIperf3Report } from './iperf3-report.ts'
import { OverdueTransfer } from './overdue-transfer.ts'

export interface Iperf3Test {
  readonly host: string
  readonly direction: 'guest sends' | 'guest receives'
  readonly seconds: number
  /** Connections side by side; 1 if left out. */
  readonly streams?: number
}

const RETRY_MS = 200
const RETRIES = 50
const SLACK_MS = 30_000
/** Long before its time is up a test is not slow any more. */
const OVERDUE_MS = 10_000
const REPORTS = join(import.meta.dirname, '../../build/bench')

/** Both servers take one test at a time and need a moment after each. Throws RunError. */
export async function runIperf3(site: Site, test: Iperf3Test): Promise<Iperf3Figure> {
  const { host, direction, seconds, streams = 1 } = test
  const reverse = direction === 'guest sends' ? ['--reverse'] : []
  const parallel = streams === 1 ? [] : ['--parallel', String(streams)]
  const words = ['iperf3', '--json', '--client', host, '--time', String(seconds)]
  // A client that ends with an error says so in its report, and with its status.
  const command = ['sh', '-c', '"$@" || true', 'sh', ...words, ...reverse, ...parallel]
  for (let tried = 1; ; tried++) {
    const stdout = await runToItsEnd(site, host, command, seconds * 1000)
    try {
      return readIperf3Report(stdout, direction)
    } catch (error) {
      if (!(error instanceof Iperf3Error)) throw error
      if (error.isTransient && tried < RETRIES) {
        await delay(RETRY_MS)
        continue
      }
      throw new RunError(
        `Cannot measure ${site.name} with iperf3, ${direction}, ${host}: ${error.message}`,
        'make test shows whether the guest is well',
      )
    }
  }
}

async function runToItsEnd(
  site: Site,
  host: string,
  command: readonly string[],
  durationMs: number,
): Promise<string> {
  const { near } = site.topology
  const overdue = new OverdueTransfer(near, host, durationMs + OVERDUE_MS)
  try {
    const { stdout } = await near.run(command, { timeoutMs: durationMs + SLACK_MS })
    return stdout
  } catch (error) {
    const kept = await overdue.keep(REPORTS)
    if (kept === undefined) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new RunError(`${site.name}: ${message}`, `${kept} has what both ends said of it`)
  } finally {
    overdue.end()
  }
}
