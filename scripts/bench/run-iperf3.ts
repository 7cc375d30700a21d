/** Runs the real iperf3 client on the host's side of a guest's TAP. */
import { setTimeout as delay } from 'node:timers/promises'
import { RunError } from '../guest/run-error.ts'
import type { Site } from './contestant.ts'
import { Iperf3Error, type Iperf3Figure, readIperf3Report } from './iperf3-report.ts'

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

/** Both servers take one test at a time and need a moment after each. Throws RunError. */
export async function runIperf3(site: Site, test: Iperf3Test): Promise<Iperf3Figure> {
  const { host, direction, seconds, streams = 1 } = test
  const reverse = direction === 'guest sends' ? ['--reverse'] : []
  const parallel = streams === 1 ? [] : ['--parallel', String(streams)]
  const words = ['iperf3', '--json', '--client', host, '--time', String(seconds)]
  // A client that ends with an error says so in its report, and with its status.
  const command = ['sh', '-c', '"$@" || true', 'sh', ...words, ...reverse, ...parallel]
  for (let tried = 1; ; tried++) {
    const timeoutMs = seconds * 1000 + SLACK_MS
    const { stdout } = await site.topology.near.run(command, { timeoutMs })
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
