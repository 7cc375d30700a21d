/**
 * Takes the figures of bulk: one row after the other, each by Eremite, by Linux and by the limit
 * guest, on devices that offer all the same.
 */
import { GUEST_ADDRESS4, GUEST_ADDRESS6, Topology } from 'qemu-runner'
import { type Contestant, Site } from '../contestant.ts'
import type { LimitPrograms } from '../limit/build-limit-guest.ts'
import {
  bootLimitGuest,
  type LimitTask,
  limitFailure,
  moveStreams,
} from '../limit/run-limit-guest.ts'
import { warmUp } from '../measure-comparison.ts'
import { runIperf3 } from '../run-iperf3.ts'
import {
  BULK_ROWS,
  type BulkFigure,
  isTransfer,
  OFFLOADS,
  type OffloadName,
  type TransferRow,
} from './bulk-rows.ts'
import { measureSeries } from './measure-series.ts'
import { type Moved, metered, parseMoved } from './moved.ts'

export interface BulkPlan {
  /** In the order of each row. */
  readonly contestants: readonly Contestant[]
  /** The same with what answers requests for datagrams in a row. */
  readonly seriesContestants: readonly Contestant[]
  readonly limit: LimitPrograms
  /** Length of a measurement. */
  readonly seconds: number
}

const HOST = { 4: GUEST_ADDRESS4, 6: GUEST_ADDRESS6 } as const
const ECHO_PORT = '7'
const WINDOW = '64'
const ECHO_OCTETS = '64'
/** Slow start and the growth of the host's buffers. */
const SETTLED_MS = 300

export async function measureBulk(plan: BulkPlan): Promise<BulkFigure[]> {
  const figures: BulkFigure[] = []
  for (const offload of Object.keys(OFFLOADS) as OffloadName[]) {
    const rows = BULK_ROWS.filter(isTransfer).filter((row) => row.offload === offload)
    const sites: Site[] = []
    try {
      for (const contestant of plan.contestants) {
        sites.push(await Site.open(contestant, OFFLOADS[offload]))
      }
      for (const site of sites) await warmUp(site)
      for (const row of rows) {
        for (const site of row.kind === 'dropped' ? [] : sites) {
          figures.push(await measureGuest(site, row, plan))
        }
        figures.push(await measureLimit(row, plan))
      }
    } finally {
      for (const site of sites) await site.close()
    }
  }
  return [...figures, ...(await measureSeries(plan))]
}

async function measureGuest(site: Site, row: TransferRow, plan: BulkPlan): Promise<BulkFigure> {
  const { kind, family, streams } = row
  const host = HOST[family]
  const measured = await metered(site.vm, async () => {
    if (kind === 'echo') return countAnswers(site.topology, plan)
    if (kind === 'dropped') throw new RangeError('no stack sends to nobody')
    const test = { host, direction: kind, seconds: plan.seconds, streams }
    const { bytes, elapsedMs } = await runIperf3(site, test)
    return { moved: bytes, elapsedMs }
  })
  return { row, guest: site.name, ...measured }
}

const MODES = {
  'guest sends': 'send',
  'guest receives': 'receive',
  echo: 'echo',
  dropped: 'drop',
} as const

/** A guest and a network of its own: it may send without end. */
async function measureLimit(row: TransferRow, plan: BulkPlan): Promise<BulkFigure> {
  const { offload, kind, family, streams } = row
  const task = { mode: MODES[kind], family, streams, device: OFFLOADS[offload] }
  const topology = await Topology.direct()
  try {
    const vm = await bootLimitGuest(plan.limit.kernel, task, topology)
    try {
      const measured = await metered(vm, () => moveWithLimit(task, plan, topology))
      if (vm.exit !== undefined) throw limitFailure(vm)
      return { row, guest: 'limit', ...measured }
    } finally {
      await vm.close()
    }
  } finally {
    await topology.close()
  }
}

async function moveWithLimit(task: LimitTask, plan: BulkPlan, topology: Topology): Promise<Moved> {
  const milliseconds = plan.seconds * 1000
  if (task.mode === 'echo') return countAnswers(topology, plan)
  if (task.mode === 'drop') return countDropped(topology, milliseconds)
  const { moved, elapsedMs } = await moveStreams(plan.limit.tcpStreams, task, {
    ...{ topology, milliseconds },
  })
  return { moved, elapsedMs }
}

async function countAnswers(topology: Topology, { limit, seconds }: BulkPlan): Promise<Moved> {
  const { stdout } = await topology.near.run([
    ...[limit.datagramWindow, GUEST_ADDRESS4, ECHO_PORT, WINDOW],
    ...[String(seconds * 1000), ECHO_OCTETS],
  ])
  return parseMoved(stdout)
}

async function countDropped({ near, tap }: Topology, milliseconds: number): Promise<Moved> {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  await pause(SETTLED_MS)
  const before = await near.interfaceStatistics(tap.interfaceName)
  const startedAt = performance.now()
  await pause(milliseconds)
  const after = await near.interfaceStatistics(tap.interfaceName)
  const elapsedMs = performance.now() - startedAt
  return { moved: after.receivedBytes - before.receivedBytes, elapsedMs }
}
