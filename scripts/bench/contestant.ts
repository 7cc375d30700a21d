/**
 * The guests that are compared, behind one face, and a site for one of them: its own TAP, QEMU and
 * load process.
 */
import { type TapNetwork, Topology, type VirtioNetProperties, type Vm } from 'qemu-runner'
import { bootGuest } from '../guest/boot-guest.ts'
import type { GuestName } from './comparison.ts'
import { bootLinux } from './linux/boot-linux.ts'
import type { LinuxImage } from './linux/build-linux-guest.ts'
import { LoadGenerator } from './load/load-generator.ts'
import { monotonicMs } from './load/load-requests.ts'

export interface Contestant {
  readonly name: GuestName
  /** Resolves when the guest says that it is ready. */
  boot(network: TapNetwork, addresses: Readonly<Record<string, string>>): Promise<Vm>
}

/** With an app of its own where `initrd` has one. */
export function eremite(kernel: string, initrd?: string): Contestant {
  return {
    name: 'Eremite',
    boot: async (network, addresses) => {
      const app = initrd === undefined ? {} : { initrd }
      const options = { kernel, machine: 'q35', accel: 'tcg', ...app } as const
      return (await bootGuest({ ...options, network, append: addresses })).vm
    },
  }
}

export function linux(image: LinuxImage): Contestant {
  return { name: 'Linux', boot: (network, addresses) => bootLinux(image, network, addresses) }
}

/** Closes what was opened, the last first. */
type Closing = () => Promise<void>

export class Site {
  readonly name: GuestName
  readonly topology: Topology
  readonly vm: Vm
  readonly load: LoadGenerator
  /** From starting QEMU to the first byte that came back from the guest's TCP echo service. */
  readonly firstEchoMs: number
  private readonly closings: readonly Closing[]

  private constructor(
    name: GuestName,
    parts: { topology: Topology; vm: Vm; load: LoadGenerator; firstEchoMs: number },
    closings: readonly Closing[],
  ) {
    this.name = name
    this.topology = parts.topology
    this.vm = parts.vm
    this.load = parts.load
    this.firstEchoMs = parts.firstEchoMs
    this.closings = closings
  }

  /** Boots the guest and judges from outside when it serves. */
  static async open({ name, boot }: Contestant, device: VirtioNetProperties = {}): Promise<Site> {
    const closings: Closing[] = []
    try {
      const topology = await Topology.direct()
      closings.push(() => topology.close())
      const load = await LoadGenerator.start(topology.near)
      closings.push(() => load.close())
      const queueLength = await readQueueLength(topology)
      await topology.near.script(WATCH_FROM_THE_FIRST_FRAME)
      const echoed = load.request('first-echo', { ...ECHO, timeoutMs: BOOT_TIMEOUT_MS })
      // Looked at below; until then, a guest that fails to boot is the better message.
      echoed.catch(() => undefined)
      const vm = await boot(
        { kind: 'tap', namespace: topology.near, interfaceName: 'tap0', mac: GUEST_MAC, device },
        topology.guestAppend,
      )
      closings.push(() => vm.close())
      const { atMs } = await echoed
      await topology.near.script(backToNormal(queueLength))
      const firstEchoMs = atMs - (vm.startedAtMs + monotonicMs() - performance.now())
      return new Site(name, { topology, vm, load, firstEchoMs }, closings)
    } catch (error) {
      await closeAll(closings)
      throw error
    }
  }

  async close(): Promise<void> {
    await closeAll(this.closings)
  }
}

const GUEST_MAC = '52:54:00:12:34:56'
const ECHO = { host: '10.0.0.2', port: 7 }
const BOOT_TIMEOUT_MS = 180_000

/**
 * The prober must not wait for the kernel's own timers: the neighbor is known, so that no SYN waits
 * for ARP, and the TAP keeps two frames at most for a guest that does not take them yet, so that a
 * late guest finds no heap of old ones.
 */
const WATCH_FROM_THE_FIRST_FRAME = `
ip neigh replace ${ECHO.host} lladdr ${GUEST_MAC} dev tap0 nud permanent
ip link set tap0 txqueuelen 2
`

async function readQueueLength({ near }: Topology): Promise<number> {
  const [link] = JSON.parse(await near.script('ip -j link show dev tap0')) as [{ txqlen: number }]
  return link.txqlen
}

function backToNormal(queueLength: number): string {
  return `
ip neigh del ${ECHO.host} dev tap0
ip link set tap0 txqueuelen ${queueLength}
`
}

async function closeAll(closings: readonly Closing[]): Promise<void> {
  for (const close of [...closings].reverse()) await close()
}
