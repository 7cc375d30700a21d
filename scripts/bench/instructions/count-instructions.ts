/** Counts the guest instructions of each kind of work: a round trip, a request, 64 KiB of a transfer. */
import { GUEST_ADDRESS4, Peer, Topology, type Vm } from 'qemu-runner'
import { bootGuest } from '../../guest/boot-guest.ts'
import { RunError } from '../../guest/run-error.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { InstructionCounter } from './instruction-counter.ts'

export interface InstructionCase {
  readonly name: string
  /** What the figure is for: "round trip". */
  readonly unit: string
}

export interface InstructionFigure extends InstructionCase {
  /** Of the whole guest: interrupts, timers and sleep with it. */
  readonly instructions: number
  /** How often it was done. */
  readonly count: number
}

const HOST = GUEST_ADDRESS4
const WARM_UP_MS = 1000
const MEASURE_MS = 3000
const UNIT_BYTES = 65536
const TRANSFER_BYTES = 128 << 20
const WARM_UP_BYTES = 16 << 20
const TIMEOUT_MS = 120_000
const MESSAGE_BYTES = 64
const IDLE_MS = 5000

interface Site {
  readonly load: LoadGenerator
  readonly peer: Peer
}

/** Does the work about as often as asked, and says how often. */
type Work = (site: Site, share: 'warm-up' | 'measured') => Promise<number>

interface Case extends InstructionCase {
  readonly work: Work
}

const CASES: readonly Case[] = [
  { name: 'TCP echo', unit: 'round trip', work: echo('echo-stream') },
  { name: 'UDP echo', unit: 'round trip', work: echo('echo-datagram') },
  { name: 'HTTP, kept connection', unit: 'request', work: http(true) },
  { name: 'HTTP, a new connection each', unit: 'request', work: http(false) },
  { name: '64 KiB sent', unit: '64 KiB', work: download },
  { name: '64 KiB received', unit: '64 KiB', work: discard },
  { name: 'idle', unit: 'second', work: idle },
]

/** Boots one guest under the counter and runs every case in it. */
export async function countInstructions(
  kernel: string,
  folder: string,
  onFigure: (figure: InstructionFigure) => void,
): Promise<InstructionFigure[]> {
  const counter = await InstructionCounter.build(folder)
  const topology = await Topology.direct()
  try {
    const { vm } = await bootGuest({
      kernel,
      machine: 'q35',
      accel: 'tcg',
      network: { kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
      append: topology.guestAppend,
      extraArguments: counter.arguments,
    })
    try {
      return await inGuest(vm, topology, counter, onFigure)
    } finally {
      await vm.close()
    }
  } finally {
    await topology.close()
  }
}

async function inGuest(
  vm: Vm,
  topology: Topology,
  counter: InstructionCounter,
  onFigure: (figure: InstructionFigure) => void,
): Promise<InstructionFigure[]> {
  const figures: InstructionFigure[] = []
  const load = await LoadGenerator.start(topology.near)
  const peer = await Peer.start(topology.near)
  try {
    for (const { name, unit, work } of CASES) {
      await work({ load, peer }, 'warm-up')
      const before = counter.read()
      const count = await work({ load, peer }, 'measured')
      const instructions = Math.round((counter.read() - before) / count)
      if (vm.exit !== undefined)
        throw new RunError('Cannot count: the guest has ended', 'make test')
      const figure = { name, unit, instructions, count }
      figures.push(figure)
      onFigure(figure)
    }
    return figures
  } finally {
    await peer.close()
    await load.close()
  }
}

function durationMs(share: 'warm-up' | 'measured'): number {
  return share === 'warm-up' ? WARM_UP_MS : MEASURE_MS
}

function echo(name: 'echo-stream' | 'echo-datagram'): Work {
  return async ({ load }, share) => {
    const target = { host: HOST, port: 7, durationMs: durationMs(share) }
    return (await load.request(name, { ...target, lengthBytes: MESSAGE_BYTES })).answers
  }
}

function http(keepAlive: boolean): Work {
  return async ({ load }, share) => {
    const target = { host: HOST, port: 80, durationMs: durationMs(share), connections: 1 }
    const what = { path: `/bytes/${MESSAGE_BYTES}`, bodyBytes: MESSAGE_BYTES, keepAlive }
    return (await load.request('http', { ...target, ...what })).answers
  }
}

function transferBytes(share: 'warm-up' | 'measured'): number {
  return share === 'warm-up' ? WARM_UP_BYTES : TRANSFER_BYTES
}

async function download({ peer }: Site, share: 'warm-up' | 'measured'): Promise<number> {
  const bytes = transferBytes(share)
  const target = { host: HOST, port: 80, timeoutMs: TIMEOUT_MS }
  const result = await peer.request('download', {
    ...target,
    path: `/bytes/${bytes}`,
    digest: 'none',
  })
  if (result.bytes !== bytes) throw new RunError('Cannot count: bytes are missing', 'make test')
  return bytes / UNIT_BYTES
}

async function discard({ peer }: Site, share: 'warm-up' | 'measured'): Promise<number> {
  const bytes = transferBytes(share)
  await peer.request('discard', { host: HOST, port: 9, bytes, timeoutMs: TIMEOUT_MS })
  return bytes / UNIT_BYTES
}

async function idle(_site: Site, share: 'warm-up' | 'measured'): Promise<number> {
  const waitMs = share === 'warm-up' ? 100 : IDLE_MS
  await new Promise((resolve) => setTimeout(resolve, waitMs))
  return waitMs / 1000
}
