/**
 * Counts the guest instructions of each kind of work, a round trip, a request, 64 KiB, and who
 * executes them.
 */
import { mkdirSync } from 'node:fs'
import { Peer, Topology, type VirtioNetProperties, type Vm } from 'qemu-runner'
import { bootGuest } from '../../guest/boot-guest.ts'
import { RunError } from '../../guest/run-error.ts'
import { buildFlooder } from '../flood/syn-flood.ts'
import { LoadGenerator } from '../load/load-generator.ts'
import { INSTRUCTION_CASES, type InstructionCase, type Site } from './instruction-cases.ts'
import {
  type CountedFunction,
  InstructionCounter,
  type InstructionCounts,
} from './instruction-counter.ts'

export interface InstructionFigure {
  readonly name: string
  readonly unit: string
  /**
   * Of the whole guest: interrupts, timers and sleep with it, but not what it executes while it
   * waits.
   */
  readonly instructions: number
  /** How often it was done. */
  readonly count: number
  /**
   * Shares of `instructions` by layer and by function: what each executes itself. The largest
   * first.
   */
  readonly layers: Readonly<Record<string, number>>
  readonly functions: Readonly<Record<string, number>>
}

/** Functions below this share of a case are left out. */
const SMALLEST_SHARE = 0.003
const MEMORY_MIB = 64

interface Counted extends InstructionCase {
  readonly count: number
  readonly instructions: number
  /** Address of a function to instructions of all of the case. */
  readonly functions: ReadonlyMap<number, number>
}

export interface CountPlan {
  readonly kernel: string
  readonly folder: string
  /** Names of cases; all when absent. */
  readonly only?: readonly string[]
}

/** Boots a guest under the counter for each kind of device and runs its cases in it, in order. */
export async function countInstructions(plan: CountPlan): Promise<InstructionFigure[]> {
  const { kernel, folder, only } = plan
  const cases = INSTRUCTION_CASES.filter(({ name }) => only === undefined || only.includes(name))
  mkdirSync(folder, { recursive: true })
  const flooder = await buildFlooder(folder)
  const figures: InstructionFigure[] = []
  for (const device of new Set(cases.map((one) => one.device))) {
    const counter = await InstructionCounter.build(folder, kernel, MEMORY_MIB)
    const own = cases.filter((one) => one.device === device)
    figures.push(...(await countInGuest(kernel, counter, flooder, device, own)))
  }
  return figures
}

async function countInGuest(
  kernel: string,
  counter: InstructionCounter,
  flooder: string,
  device: VirtioNetProperties | undefined,
  cases: readonly InstructionCase[],
): Promise<InstructionFigure[]> {
  const topology = await Topology.direct()
  try {
    const { near } = topology
    const { vm } = await bootGuest({
      kernel,
      machine: 'q35',
      accel: 'tcg',
      memoryMiB: MEMORY_MIB,
      network: { kind: 'tap', namespace: near, interfaceName: 'tap0', device: device ?? {} },
      append: topology.guestAppend,
      extraArguments: counter.arguments,
    })
    const load = await LoadGenerator.start(near)
    const peer = await Peer.start(near)
    try {
      return await runCases(vm, counter, { load, peer, flooder, namespace: near }, cases)
    } finally {
      await peer.close()
      await load.close()
      await vm.close()
    }
  } finally {
    await topology.close()
  }
}

async function runCases(
  vm: Vm,
  counter: InstructionCounter,
  site: Site,
  cases: readonly InstructionCase[],
): Promise<InstructionFigure[]> {
  const counted: Counted[] = []
  for (const found of cases) {
    await found.work(site, 'warm-up')
    const before = counter.read()
    const count = await found.work(site, 'measured')
    const after = counter.read()
    if (vm.exit !== undefined) throw new RunError('Cannot count: the guest has ended', 'make test')
    const instructions = after.instructions - before.instructions
    counted.push({ ...found, count, instructions, functions: difference(before, after) })
  }
  const addresses = new Set(counted.flatMap(({ functions }) => [...functions.keys()]))
  const names = await counter.name(addresses)
  return counted.map((one) => figure(one, names))
}

function difference(before: InstructionCounts, after: InstructionCounts): Map<number, number> {
  const found = new Map<number, number>()
  for (const [address, instructions] of after.functions) {
    const more = instructions - (before.functions.get(address) ?? 0)
    if (more > 0) found.set(address, more)
  }
  return found
}

function figure(counted: Counted, names: ReadonlyMap<number, CountedFunction>): InstructionFigure {
  const { name, unit, count, instructions, functions } = counted
  const byLayer = new Map<string, number>()
  const byFunction = new Map<string, number>()
  for (const [address, executed] of functions) {
    const found = names.get(address) ?? { name: '', file: '' }
    add(byLayer, layerOf(found), executed / count)
    add(byFunction, `${found.name} ${found.file}`.trim(), executed / count)
  }
  const smallest = (SMALLEST_SHARE * instructions) / count
  return {
    ...{ name, unit, count, instructions: Math.round(instructions / count) },
    layers: ordered(byLayer, 0),
    functions: ordered(byFunction, smallest),
  }
}

function add(sums: Map<string, number>, key: string, amount: number): void {
  sums.set(key, (sums.get(key) ?? 0) + amount)
}

function ordered(sums: ReadonlyMap<string, number>, smallest: number): Record<string, number> {
  const entries = [...sums].filter(([, amount]) => amount >= smallest)
  entries.sort((a, b) => b[1] - a[1])
  return Object.fromEntries(entries.map(([key, amount]) => [key, Math.round(amount)]))
}

/**
 * `net/socket/tcp/send/transmit.ts` lies in net/socket, `kernel/userland/http/…` in userland,
 * `kernel/event-loop.ts` in kernel.
 */
function layerOf({ file, name }: CountedFunction): string {
  if (file === '') return name === '' ? 'gone' : name
  const folders = file.split('/')
  if (folders[0] === 'net') return `net/${folders[1]}`
  return folders[1] === 'userland' ? 'userland' : folders[0]!
}
