/** Boots the limit guest on a network of its own, and moves octets between it and the host. */
import {
  GUEST_ADDRESS4,
  GUEST_ADDRESS6,
  launch,
  type Topology,
  type VirtioNetProperties,
  type Vm,
} from 'qemu-runner'
import { RunError } from '../../guest/run-error.ts'
import { parseMoved } from '../bulk/moved.ts'

const HOST = { 4: GUEST_ADDRESS4, 6: GUEST_ADDRESS6 } as const
const GUEST_MAC = '52:54:00:12:34:56'
const TCP_PORT = '5201'
const READY_MS = 20_000

export interface LimitTask {
  readonly mode: 'send' | 'receive' | 'echo' | 'drop'
  readonly family: 4 | 6
  /** Connections side by side: the guest sends once the host has opened so many. */
  readonly streams: number
  readonly device: VirtioNetProperties
}

export async function bootLimitGuest(
  kernel: string,
  { mode, family, streams, device }: LimitTask,
  topology: Topology,
): Promise<Vm> {
  // It answers no question for its hardware address.
  await topology.near.script(
    Object.values(HOST)
      .map((host) => `ip neigh replace ${host} lladdr ${GUEST_MAC} dev tap0 nud permanent`)
      .join('\n'),
  )
  const vm = await launch({
    ...{ kernel, machine: 'q35', accel: 'tcg' },
    append: { mode, family, streams },
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

/** What all connections moved together, and octets of those that moved least and most. */
export async function moveStreams(
  program: string,
  { mode, family, streams }: LimitTask,
  { topology, milliseconds }: { topology: Topology; milliseconds: number },
): Promise<{ moved: number; elapsedMs: number; least: number; most: number }> {
  const word = mode === 'send' ? 'read' : 'write'
  const words = [HOST[family], TCP_PORT, word, String(milliseconds), String(streams)]
  const { stdout } = await topology.near.run([program, ...words])
  const [least, most] = stdout.trim().split(' ').slice(2).map(Number)
  return { ...parseMoved(stdout), least: least!, most: most! }
}

export function limitFailure(vm: Vm): RunError {
  const words = vm.console.tail(4).trim().split('\n').join(' | ')
  return new RunError(
    `Cannot measure the limit: its guest says: ${words || 'nothing'}`,
    'see scripts/bench/limit/guest',
  )
}
