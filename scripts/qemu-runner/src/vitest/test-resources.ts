/**
 * All that one test has running: made on demand, closed in the right order, whatever state the test
 * left it in.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acceleratorOf } from '../accelerator.ts'
import { checkOptions } from '../check-options.ts'
import { Lan } from '../lan/lan.ts'
import { NetworkNamespace } from '../netns/network-namespace.ts'
import { Topology, type TopologyOptions } from '../netns/topology.ts'
import { TwoNetworks } from '../netns/two-networks.ts'
import type { AcceleratorRequest, NetworkOptions, VmOptions } from '../options.ts'
import { Peer } from '../peer/peer.ts'
import { startVm } from '../start-vm.ts'
import type { Vm } from '../vm.ts'
import {
  type GuestOptions,
  isTopologyKind,
  mergeGuestOptions,
  type TopologyKind,
} from './guest-options.ts'

export interface ResourceSettings {
  readonly guest: GuestOptions
  readonly topologyOptions: TopologyOptions
  /** Have QEMU record the frames of user-mode networks and TAPs. */
  readonly captures: boolean
}

/**
 * The environment decides for all guests that do not say themselves. Proved once a process, which
 * is once a worker.
 */
export function defaultAccelerator(): AcceleratorRequest {
  const request = process.env.QEMU_RUNNER_ACCEL ?? 'auto'
  if (request === 'auto' || request === 'kvm' || request === 'tcg') return request
  throw new Error(
    `Cannot choose an accelerator: QEMU_RUNNER_ACCEL is ${request}; set auto, kvm or tcg`,
  )
}

/** First MAC address of a test; each further guest counts upwards. */
const MAC_BASE = 0x56

export class TestResources {
  /** Guests that came up, in order. */
  readonly vms: Vm[] = []
  private readonly settings: ResourceSettings
  private readonly launches: Promise<Vm>[] = []
  private lanOfTest: Lan | undefined
  private folderOfTest: string | undefined
  private topologies = new Map<TopologyKind, Promise<Topology>>()
  private namespaceOfTest: Promise<NetworkNamespace> | undefined
  private networksOfTest: Promise<TwoNetworks> | undefined
  private peerOfTest: Promise<Peer> | undefined
  private twinOfTest: Promise<Peer> | undefined
  private guests = 0
  private isOver = false

  constructor(settings: ResourceSettings) {
    this.settings = settings
  }

  /** Boots a guest with the test's options and those given here. Rejects once the test is over. */
  launch(options: GuestOptions = {}): Promise<Vm> {
    const launching = this.start(mergeGuestOptions(this.settings.guest, options))
    // A test that does not wait for it still has it closed; its failure is then nobody's.
    launching.catch(() => undefined)
    this.launches.push(launching)
    return launching
  }

  lan(): Lan {
    this.requireTest('make a LAN')
    this.lanOfTest ??= new Lan()
    return this.lanOfTest
  }

  /** Of the kind that the test's guest is on, or routed. */
  topology(kind?: TopologyKind): Promise<Topology> {
    const { network } = this.settings.guest
    const which = kind ?? (isTopologyKind(network) ? network : 'routed')
    let making = this.topologies.get(which)
    if (making === undefined) {
      making = this.whileOpen('make a network', () =>
        Topology[which](this.settings.topologyOptions),
      )
      this.topologies.set(which, making)
    }
    return making
  }

  namespace(): Promise<NetworkNamespace> {
    this.namespaceOfTest ??= this.whileOpen('make a network namespace', () =>
      NetworkNamespace.create({ label: 'test' }),
    )
    return this.namespaceOfTest
  }

  twoNetworks(): Promise<TwoNetworks> {
    this.networksOfTest ??= this.whileOpen('make two networks', () => TwoNetworks.create())
    return this.networksOfTest
  }

  peer(): Promise<Peer> {
    this.peerOfTest ??= this.topology().then(({ far }) =>
      this.whileOpen('start a peer', () => Peer.start(far)),
    )
    return this.peerOfTest
  }

  twin(): Promise<Peer> {
    this.twinOfTest ??= this.topology('relayed').then(({ twin }) =>
      this.whileOpen('start a twin', () => Peer.start(twin)),
    )
    return this.twinOfTest
  }

  folder(): string {
    this.requireTest('make a folder')
    this.folderOfTest ??= mkdtempSync(join(tmpdir(), 'qemu-runner-'))
    return this.folderOfTest
  }

  /** The folder, if there is one already. */
  get existingFolder(): string | undefined {
    return this.folderOfTest
  }

  /** No guest is on its way any more: what failed to come up is not among `vms`. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.launches)
  }

  /** Closes everything, guests first; throws the first failure when all has been tried. */
  async close(): Promise<void> {
    this.isOver = true
    await this.settle()
    const failures: unknown[] = []
    const attempt = async (work: () => Promise<unknown> | unknown): Promise<void> => {
      try {
        await work()
      } catch (error) {
        failures.push(error)
      }
    }
    await Promise.all(this.vms.map((vm) => attempt(() => vm.close())))
    await attempt(async () => (await made(this.peerOfTest))?.close())
    await attempt(async () => (await made(this.twinOfTest))?.close())
    await attempt(() => this.lanOfTest?.close())
    for (const topology of this.topologies.values()) {
      await attempt(async () => (await made(topology))?.close())
    }
    await attempt(async () => (await made(this.networksOfTest))?.close())
    await attempt(async () => (await made(this.namespaceOfTest))?.close())
    const folder = this.folderOfTest
    if (folder !== undefined) await attempt(() => rmSync(folder, { recursive: true, force: true }))
    if (failures.length > 0) throw failures[0]
  }

  private async start(guest: GuestOptions): Promise<Vm> {
    const number = this.guests++
    const { network, device, ready, ...rest } = guest
    const options: VmOptions = { ...rest, network: await this.networkOf(guest, number) }
    if (
      isTopologyKind(network) &&
      options.kernel !== undefined &&
      typeof options.append !== 'string'
    ) {
      const { guestAppend } = await this.topology(network)
      options.append = { ...guestAppend, ...options.append }
    }
    checkOptions(options)
    const accelerator = await acceleratorOf(options, defaultAccelerator())
    const vm = await this.whileOpen('launch a guest', () => startVm(options, accelerator))
    this.vms.push(vm)
    // It may have come up while the test ended.
    this.requireTest('launch a guest')
    await ready?.(vm)
    return vm
  }

  private async networkOf(guest: GuestOptions, number: number): Promise<readonly NetworkOptions[]> {
    const { network, device } = guest
    if (network === undefined) return []
    if (typeof network !== 'string') return network
    const mac = `52:54:00:12:34:${(MAC_BASE + number).toString(16).padStart(2, '0')}`
    const common = { mac, ...(device === undefined ? {} : { device }) }
    if (network === 'none') return [{ kind: 'none', ...common }]
    if (network === 'lan') return [{ kind: 'lan', lan: this.lan(), ...common }]
    const capture = this.settings.captures
      ? { capture: { path: join(this.folder(), `guest-${number}.dump`) } }
      : {}
    if (network === 'user') return [{ kind: 'user', ...common, ...capture }]
    const { near, tap: point } = await this.topology(network)
    const { interfaceName } = point
    const { tapQueues: queues = 1 } = this.settings.topologyOptions
    const tap = { kind: 'tap', namespace: near, interfaceName, ...common } as const
    // QEMU cannot dump what goes by several queues.
    return [queues > 1 ? { ...tap, queues } : { ...tap, ...capture }]
  }

  /** What a test asks for after its end is refused: nobody would close it. */
  private async whileOpen<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.requireTest(what)
    return work()
  }

  private requireTest(what: string): void {
    if (this.isOver) throw new Error(`Cannot ${what}: the test is over; await all it starts`)
  }
}

/** Undefined when it was never asked for or could not be made. */
function made<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  return promise === undefined
    ? Promise.resolve(undefined)
    : promise.catch((): T | undefined => undefined)
}
