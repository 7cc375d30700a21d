/**
 * Takes the figures: boots guests, moves data between the host namespace and the guest, reads
 * QEMU's memory.
 */
import { GUEST_ADDRESS4, GUEST_ADDRESS6, Peer, patternCrc32, Topology, type Vm } from 'qemu-runner'
import { type BootedGuest, bootGuest } from '../guest/boot-guest.ts'
import { RunError } from '../guest/run-error.ts'
import { gigabitsPerSecond } from '../guest/text-table.ts'
import {
  type BenchRun,
  type BootFigure,
  OFFLOAD_WORDS,
  type OffloadMode,
  type TransferFigure,
} from './measurement.ts'
import { processorMs, residentMiB } from './qemu-process.ts'

export interface BenchPlan {
  readonly kernel: string
  /** Bytes of a transfer with offload, and of one without. */
  readonly bytes: number
  readonly plainBytes: number
  /** Boots a run, for the boot figures alone. */
  readonly boots: number
}

type Direction = TransferFigure['direction']

const TIMEOUT_MS = 300_000

/** One run: the same image with and without offload, side by side in time. */
export async function measureRun(plan: BenchPlan): Promise<BenchRun> {
  const boots: BootFigure[] = []
  for (let count = 0; count < plan.boots; count++) {
    await withGuest(plan, 'all', async ({ guest }) => boots.push(bootFigure(guest)))
  }
  const transfers: TransferFigure[] = []
  let residentAfterMiB = 0
  for (const offload of ['all', 'rings', 'none'] as const) {
    const bytes = offload === 'all' ? plan.bytes : plan.plainBytes
    await withGuest(plan, offload, async ({ guest, topology }) => {
      const peer = await Peer.start(topology.near)
      try {
        for (const family of ['IPv4', 'IPv6'] as const) {
          for (const direction of ['guest sends', 'guest receives'] as const) {
            transfers.push(
              await measureTransfer(
                { topology, peer, vm: guest.vm },
                { direction, family, offload, bytes },
              ),
            )
          }
        }
      } finally {
        await peer.close()
      }
      if (offload === 'all') residentAfterMiB = residentMiB(guest.vm)
    })
  }
  return { boots, transfers, residentAfterMiB }
}

async function withGuest(
  plan: BenchPlan,
  offload: OffloadMode,
  work: (site: { guest: BootedGuest; topology: Topology }) => Promise<unknown>,
): Promise<void> {
  const topology = await Topology.direct()
  try {
    const guest = await bootGuest({
      kernel: plan.kernel,
      machine: 'q35',
      accel: 'tcg',
      network: { kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
      append: { ...topology.guestAppend, offload: OFFLOAD_WORDS[offload] },
    })
    try {
      await work({ guest, topology })
    } finally {
      await guest.vm.close()
    }
  } finally {
    await topology.close()
  }
}

function bootFigure({ vm, ready, bootMs }: BootedGuest): BootFigure {
  return { wallMs: bootMs, guestMs: ready.ns / 1e6, residentMiB: residentMiB(vm) }
}

interface MeasuredSite {
  readonly topology: Topology
  readonly peer: Peer
  readonly vm: Vm
}

async function measureTransfer(
  { topology, peer, vm }: MeasuredSite,
  what: { direction: Direction; family: 'IPv4' | 'IPv6'; offload: OffloadMode; bytes: number },
): Promise<TransferFigure> {
  const host = what.family === 'IPv4' ? GUEST_ADDRESS4 : GUEST_ADDRESS6
  const target = { host, port: 80, timeoutMs: TIMEOUT_MS }
  const { near, tap } = topology
  const before = await near.interfaceStatistics(tap.interfaceName)
  const cpuBeforeMs = processorMs(vm)
  const { elapsedMs, peerCpuMs } =
    what.direction === 'guest sends'
      ? await download(peer, target, what.bytes)
      : await upload(peer, target, what.bytes)
  const guestCpuMs = processorMs(vm) - cpuBeforeMs
  const after = await near.interfaceStatistics(tap.interfaceName)
  const frames =
    what.direction === 'guest sends'
      ? after.receivedPackets - before.receivedPackets
      : after.sentPackets - before.sentPackets
  return {
    ...what,
    elapsedMs,
    frames,
    gigabitsPerSecond: gigabitsPerSecond(what.bytes, elapsedMs),
    microsecondsPerFrame: (elapsedMs * 1000) / Math.max(frames, 1),
    peerLoad: peerCpuMs / elapsedMs,
    guestLoad: guestCpuMs / elapsedMs,
  }
}

interface Moved {
  readonly elapsedMs: number
  readonly peerCpuMs: number
}

async function download(
  peer: Peer,
  target: { host: string; port: number; timeoutMs: number },
  bytes: number,
): Promise<Moved> {
  const path = `/bytes/${bytes}`
  const result = await peer.request('download', { ...target, path, digest: 'crc32' })
  if (result.bytes !== bytes || result.digest !== patternCrc32(bytes)) throw wrong('sent')
  return result
}

async function upload(
  peer: Peer,
  target: { host: string; port: number; timeoutMs: number },
  bytes: number,
): Promise<Moved> {
  const result = await peer.request('upload', { ...target, path: '/sink', bytes })
  const answer = JSON.parse(result.body) as { bytes?: number; crc32?: string }
  if (answer.bytes !== bytes || answer.crc32 !== result.crc32) throw wrong('received')
  return result
}

function wrong(verb: string): RunError {
  return new RunError(
    `Cannot count this run: what the guest ${verb} is not what it should be`,
    'make test, to see which part is broken',
  )
}
