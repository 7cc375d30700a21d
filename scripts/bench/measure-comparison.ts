/**
 * Takes the figures of both guests, one measurement after the other, the guests in turn within
 * each.
 */
import { GUEST_ADDRESS4, GUEST_ADDRESS6 } from 'qemu-runner'
import { RunError } from '../guest/run-error.ts'
import { gigabitsPerSecond } from '../guest/text-table.ts'
import type { ComparisonRun, Figure, MetricId } from './comparison.ts'
import { type Contestant, Site } from './contestant.ts'
import type { LoadRequests, LoadResult } from './load/load-requests.ts'
import { processorMs, residentMiB } from './qemu-process.ts'
import { runIperf3 } from './run-iperf3.ts'

export interface ComparisonPlan {
  /** In the order of each pair. */
  readonly contestants: readonly [Contestant, Contestant]
  /** Boots of each guest a run; the last ones stay for the measurements. */
  readonly boots: number
  /** Length of one iperf3 test. */
  readonly transferSeconds: number
  /** Length of one measurement of small requests. */
  readonly requestMs: number
}

type Measurement = (site: Site, plan: ComparisonPlan) => Promise<Figure>

const ECHO_BYTES = 64
const HTTP_CONNECTIONS = 16
const HTTP = { path: `/bytes/${ECHO_BYTES}`, bodyBytes: ECHO_BYTES, host: GUEST_ADDRESS4, port: 80 }
const ECHO = { host: GUEST_ADDRESS4, port: 7, lengthBytes: ECHO_BYTES }

const MEASUREMENTS: readonly Measurement[] = [
  (site, plan) => transfer(site, plan, 'send-4', GUEST_ADDRESS4, 'guest sends'),
  (site, plan) => transfer(site, plan, 'receive-4', GUEST_ADDRESS4, 'guest receives'),
  (site, plan) => transfer(site, plan, 'send-6', GUEST_ADDRESS6, 'guest sends'),
  (site, plan) => transfer(site, plan, 'receive-6', GUEST_ADDRESS6, 'guest receives'),
  (site, plan) => http(site, plan, 'http-one', { connections: 1, keepAlive: true }),
  (site, plan) => http(site, plan, 'http-many', { connections: HTTP_CONNECTIONS, keepAlive: true }),
  (site, plan) => http(site, plan, 'http-new', { connections: 1, keepAlive: false }),
  (site, plan) => connects(site, plan, 'connects-one', 1),
  (site, plan) => connects(site, plan, 'connects-many', HTTP_CONNECTIONS),
  (site, plan) => echo(site, plan, 'echo-tcp', 'echo-stream'),
  (site, plan) => echo(site, plan, 'echo-udp', 'echo-datagram'),
]

export async function measureComparison(plan: ComparisonPlan): Promise<ComparisonRun> {
  const figures: Figure[] = []
  const sites: Site[] = []
  try {
    for (let count = 1; count <= plan.boots; count++) {
      for (const contestant of plan.contestants) {
        const site = await Site.open(contestant)
        figures.push(figure(site, 'boot', site.firstEchoMs))
        figures.push(figure(site, 'memory-ready', residentMiB(site.vm)))
        // Both guests stay up: an idle one costs the other nothing, and pairs are seconds apart.
        if (count === plan.boots) sites.push(site)
        else await site.close()
      }
    }
    for (const site of sites) await warmUp(site)
    for (const measure of MEASUREMENTS) {
      for (const site of sites) figures.push(await measure(site, plan))
    }
    for (const site of sites) figures.push(figure(site, 'memory-after', residentMiB(site.vm)))
  } finally {
    for (const site of sites) await site.close()
  }
  return { first: plan.contestants[0].name, figures }
}

const WARM_UP_SECONDS = 1

/**
 * TCG translates what a guest runs for the first time, which is far more in Linux: not what is to
 * be measured.
 */
export async function warmUp(site: Site): Promise<void> {
  for (const host of [GUEST_ADDRESS4, GUEST_ADDRESS6]) {
    const test = { host, seconds: WARM_UP_SECONDS }
    await runIperf3(site, { ...test, direction: 'guest sends' })
    await runIperf3(site, { ...test, direction: 'guest receives' })
  }
}

function figure({ name }: Site, metric: MetricId, value: number): Figure {
  return { guest: name, metric, value }
}

async function transfer(
  site: Site,
  plan: ComparisonPlan,
  metric: MetricId,
  host: string,
  direction: 'guest sends' | 'guest receives',
): Promise<Figure> {
  const { near, tap } = site.topology
  const before = await near.interfaceStatistics(tap.interfaceName)
  const cpuBeforeMs = processorMs(site.vm)
  const startedAt = performance.now()
  const moved = await runIperf3(site, { host, direction, seconds: plan.transferSeconds })
  const guestLoad = (processorMs(site.vm) - cpuBeforeMs) / (performance.now() - startedAt)
  const after = await near.interfaceStatistics(tap.interfaceName)
  const [frames, crossedBytes] =
    direction === 'guest sends'
      ? [after.receivedPackets - before.receivedPackets, after.receivedBytes - before.receivedBytes]
      : [after.sentPackets - before.sentPackets, after.sentBytes - before.sentBytes]
  if (moved.bytes > crossedBytes) {
    throw new RunError(
      `Cannot count this run: ${site.name} reports ${moved.bytes} bytes, its TAP carried ${crossedBytes}`,
      'make test, to see which part is broken',
    )
  }
  const value = gigabitsPerSecond(moved.bytes, moved.elapsedMs)
  return { guest: site.name, metric, value, guestLoad, peerLoad: moved.peerLoad, frames }
}

async function http(
  site: Site,
  plan: ComparisonPlan,
  metric: MetricId,
  how: { connections: number; keepAlive: boolean },
): Promise<Figure> {
  const request = { ...HTTP, ...how, durationMs: plan.requestMs }
  const { result, guestLoad } = await loaded(site, 'http', request)
  const value = (result.answers / result.elapsedMs) * 1000
  return { guest: site.name, metric, value, guestLoad, peerLoad: result.cpuMs / result.elapsedMs }
}

async function connects(
  site: Site,
  plan: ComparisonPlan,
  metric: MetricId,
  connections: number,
): Promise<Figure> {
  const { host, port } = HTTP
  const request = { host, port, connections, durationMs: plan.requestMs }
  const { result, guestLoad } = await loaded(site, 'connects', request)
  const value = (result.answers / result.elapsedMs) * 1000
  return { guest: site.name, metric, value, guestLoad, peerLoad: result.cpuMs / result.elapsedMs }
}

async function echo(
  site: Site,
  plan: ComparisonPlan,
  metric: MetricId,
  name: 'echo-stream' | 'echo-datagram',
): Promise<Figure> {
  const { result, guestLoad } = await loaded(site, name, { ...ECHO, durationMs: plan.requestMs })
  const value = result.medianMicroseconds
  return { guest: site.name, metric, value, guestLoad, peerLoad: result.cpuMs / result.elapsedMs }
}

async function loaded<N extends 'connects' | 'http' | 'echo-stream' | 'echo-datagram'>(
  { vm, load }: Site,
  name: N,
  request: LoadRequests[N]['takes'],
): Promise<{ result: LoadResult; guestLoad: number }> {
  const cpuBeforeMs = processorMs(vm)
  const result: LoadResult = await load.request(name, request)
  return { result, guestLoad: (processorMs(vm) - cpuBeforeMs) / result.elapsedMs }
}
