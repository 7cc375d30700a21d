/**
 * Takes the figures of bulk: one row after the other, each by Eremite, by Linux and by the limit
 * guest, on devices that offer all the same.
 */
import {
  GUEST_ADDRESS4,
  GUEST_ADDRESS6,
  launch,
  Topology,
  type VirtioNetProperties,
  type Vm,
} from 'qemu-runner'
import { RunError } from '../../guest/run-error.ts'
import { type Contestant, Site } from '../contestant.ts'
import type { LimitPrograms } from '../limit/build-limit-guest.ts'
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
const GUEST_MAC = '52:54:00:12:34:56'
const ECHO_PORT = '7'
const TCP_PORT = '5201'
const WINDOW = '64'
const ECHO_OCTETS = '64'
const READY_MS = 20_000
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
  const topology = await Topology.direct()
  try {
    const vm = await bootLimit(row, plan.limit.kernel, topology)
    try {
      const measured = await metered(vm, () => moveWithLimit(row, plan, topology))
      if (vm.exit !== undefined) throw limitFailure(vm)
      return { row, guest: 'limit', ...measured }
    } finally {
      await vm.close()
    }
  } finally {
    await topology.close()
  }
}

async function bootLimit(row: TransferRow, kernel: string, topology: Topology): Promise<Vm> {
  const device: VirtioNetProperties = OFFLOADS[row.offload]
  // It answers no question for its hardware address.
  await topology.near.script(
    Object.values(HOST)
      .map((host) => `ip neigh replace ${host} lladdr ${GUEST_MAC} dev tap0 nud permanent`)
      .join('\n'),
  )
  const vm = await launch({
    ...{ kernel, machine: 'q35', accel: 'tcg' },
    append: { mode: MODES[row.kind], family: row.family },
    network: [
      {
        ...{ kind: 'tap', namespace: topology.near, interfaceName: topology.tap.interfaceName },
        ...{ mac: GUEST_MAC, device },
      },
    ],
  })
  try {
    await vm.events.once('ready', { timeoutMs: READY_MS })
    return vm
  } catch {
    const failure = limitFailure(vm)
    await vm.close()
    throw failure
  }
}

async function moveWithLimit(row: TransferRow, plan: BulkPlan, topology: Topology): Promise<Moved> {
  if (row.kind === 'echo') return countAnswers(topology, plan)
  const milliseconds = plan.seconds * 1000
  if (row.kind === 'dropped') return countDropped(topology, milliseconds)
  const word = row.kind === 'guest sends' ? 'read' : 'write'
  const command = [plan.limit.tcpStream, HOST[row.family], TCP_PORT, word, String(milliseconds)]
  const { stdout } = await topology.near.run(command)
  return parseMoved(stdout)
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

function limitFailure(vm: Vm): RunError {
  const words = vm.console.tail(4).trim().split('\n').join(' | ')
  return new RunError(
    `Cannot measure the limit: its guest says: ${words || 'nothing'}`,
    'see scripts/bench/limit/guest',
  )
}
