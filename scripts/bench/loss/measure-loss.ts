/**
 * Takes the figures of the loss table: guest and Linux twin in turn, over the same relay with the
 * same seeds.
 */
import { GUEST_ADDRESS4, Peer, patternCrc32, Topology, TWIN_ADDRESS4 } from 'qemu-runner'
import { bootGuest } from '../../guest/boot-guest.ts'
import { RunError } from '../../guest/run-error.ts'
import type { GuestName } from '../comparison.ts'
import { bytesWorthSending, DIRECTIONS, type Direction, type LossCell } from './loss-cells.ts'
import type { LossFigure } from './loss-table.ts'
import { allowedProcessors, moveGuest, moveThisProcess, planProcessors } from './own-processor.ts'

const TIMEOUT_MS = 150_000
const PORT = 80
/** Segments and ACKs of the last transfer are gone before the next begins. */
const QUIET_ROUND_TRIPS = 3
const HOSTS: Readonly<Record<GuestName, string>> = {
  Eremite: GUEST_ADDRESS4,
  Linux: TWIN_ADDRESS4,
}

export interface LossPlan {
  readonly kernel: string
  readonly memoryMiB: number
  readonly cells: readonly LossCell[]
  /** Also the seed: each run meets other losses, guest and twin the same. */
  readonly run: number
  readonly onFigure: (figure: LossFigure) => void
}

/** One run over all cells, with a guest and a twin of its own. */
export async function measureLoss(plan: LossPlan): Promise<LossFigure[]> {
  const allowed = allowedProcessors()
  const processors = planProcessors(allowed)
  if (processors !== undefined) moveThisProcess(processors.others)
  const closings: (() => unknown)[] = [() => moveThisProcess(allowed)]
  try {
    const topology = await Topology.relayed()
    closings.unshift(() => topology.close())
    const { vm } = await bootGuest({
      kernel: plan.kernel,
      machine: 'q35',
      accel: 'tcg',
      memoryMiB: plan.memoryMiB,
      network: { kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
      append: topology.guestAppend,
    })
    closings.unshift(() => vm.close())
    if (processors !== undefined) {
      await moveGuest(vm, processors)
      moveThisProcess([processors.guest])
    }
    const twin = await Peer.start(topology.twin)
    closings.unshift(() => twin.close())
    if (processors !== undefined) moveThisProcess(processors.others)
    await twin.request('serve-pattern', { host: TWIN_ADDRESS4, port: PORT })
    const peer = await Peer.start(topology.far)
    closings.unshift(() => peer.close())
    const figures: LossFigure[] = []
    for (const [index, cell] of plan.cells.entries()) {
      for (const direction of DIRECTIONS) {
        // Whoever goes first might have it easier: they take turns.
        const guests: readonly GuestName[] =
          (plan.run + index) % 2 === 0 ? ['Eremite', 'Linux'] : ['Linux', 'Eremite']
        for (const guest of guests) {
          const figure = await measure(topology, peer, { cell, direction, guest, run: plan.run })
          figures.push(figure)
          plan.onFigure(figure)
        }
      }
    }
    return figures
  } finally {
    for (const close of closings) await close()
  }
}

async function measure(
  topology: Topology,
  peer: Peer,
  what: { cell: LossCell; direction: Direction; guest: GuestName; run: number },
): Promise<LossFigure> {
  const { cell, direction, guest, run } = what
  const { roundTripMs, loss, megabitsPerSecond, queueBytes } = cell
  const relay = topology.relay!
  await new Promise((resolve) => setTimeout(resolve, QUIET_ROUND_TRIPS * roundTripMs))
  await relay.set({
    seed: run,
    roundTripMs,
    loss,
    ...(megabitsPerSecond === undefined ? {} : { megabitsPerSecond }),
    ...(queueBytes === undefined ? {} : { queueBytes }),
  })
  const bytes = bytesWorthSending(cell)
  const target = { host: HOSTS[guest], port: PORT, timeoutMs: TIMEOUT_MS }
  const elapsedMs =
    direction === 'guest sends'
      ? await download(peer, target, bytes)
      : await upload(peer, target, bytes)
  const report = await relay.counters()
  const lateUs = {
    median: Math.max(...Object.values(report).map((one) => one.lateUs.median)),
    p99: Math.max(...Object.values(report).map((one) => one.lateUs.p99)),
  }
  const counters = report[direction === 'guest sends' ? 'from-guest' : 'to-guest']
  if (counters.overflowed + counters.refused > 0) {
    throw new RunError('Cannot count this run: the relay could not hold its frames', 'RUNS=3 again')
  }
  const { lost, queueDropped, eligible: packets } = counters
  return { cell, direction, guest, bytes, elapsedMs, lost, queueDropped, packets, lateUs }
}

interface TransferTarget {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
}

async function download(peer: Peer, target: TransferTarget, bytes: number): Promise<number> {
  const path = `/bytes/${bytes}`
  const result = await peer.request('download', { ...target, path, digest: 'crc32' })
  if (result.bytes !== bytes || result.digest !== patternCrc32(bytes)) throw wrong(target, 'sent')
  return result.elapsedMs
}

async function upload(peer: Peer, target: TransferTarget, bytes: number): Promise<number> {
  const result = await peer.request('upload', { ...target, path: '/sink', bytes })
  const answer = JSON.parse(result.body) as { bytes?: number; crc32?: string }
  if (answer.bytes !== bytes || answer.crc32 !== result.crc32) throw wrong(target, 'received')
  return result.elapsedMs
}

function wrong({ host }: TransferTarget, verb: string): RunError {
  return new RunError(
    `Cannot count this run: what ${host} ${verb} is not what it should be`,
    'make test, to see which part is broken',
  )
}
