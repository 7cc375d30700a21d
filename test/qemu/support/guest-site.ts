/** Boots the image for a test on a network that several tests share, and leaves a bundle when the test fails. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  Capture,
  type CapturePoint,
  GUEST_ADDRESS4,
  GUEST_ADDRESS6,
  launch,
  leaveBundle,
  type PcapFrame,
  Peer,
  readPcap,
  requireExecutable,
  Topology,
  type TopologyOptions,
  type VirtioNetProperties,
  type Vm,
  type VmOptions,
} from 'qemu-runner'
import { checkReadyEvent, type ReadyEvent } from '../../../scripts/guest/ready-event.ts'
import { bundleImage } from './bundle-image.ts'

export const ROOT = new URL('../../..', import.meta.url).pathname
export const IMAGE = join(ROOT, 'build/x86_64/eremite.elf')

/** Where failed tests leave what `make postmortem` opens. */
export const BUNDLES = join(ROOT, 'build/test/failed')

/** A guest's own address as the capture decoder writes it. */
export const GUEST_SOURCE = { 4: GUEST_ADDRESS4, 6: 'fd00:0:0:0:0:0:0:2' } as const
export const GUEST_HOST = { 4: GUEST_ADDRESS4, 6: GUEST_ADDRESS6 } as const
export type Family = 4 | 6

const TOOLS = ['qemu-system-x86_64', 'dumpcap', 'tshark', 'ethtool', 'ip', 'nstat', 'socat']
const READY_TIMEOUT_MS = 20_000
/** No test's guest lives longer, whatever the test does. */
const LIFETIME_MS = 110_000

/** Throws when a tool or the image is missing: a test that cannot run has failed. */
export function requireImage(): string {
  for (const tool of TOOLS) requireExecutable(tool)
  if (!existsSync(IMAGE)) {
    throw new Error(`Cannot test the image: ${IMAGE} is missing; npx tsx scripts/build.ts makes it`)
  }
  return IMAGE
}

/** A network with a peer at its far end. */
export class Site {
  readonly topology: Topology
  readonly peer: Peer
  /** For captures; goes with the site. */
  readonly folder: string
  private captures = 0

  private constructor(topology: Topology, peer: Peer, folder: string) {
    this.topology = topology
    this.peer = peer
    this.folder = folder
  }

  static async create(kind: Topology['kind'], options: TopologyOptions = {}): Promise<Site> {
    requireImage()
    const topology = await Topology[kind](options)
    try {
      const peer = await Peer.start(topology.far)
      return new Site(topology, peer, mkdtempSync(join(tmpdir(), 'eremite-test-')))
    } catch (error) {
      await topology.close()
      throw error
    }
  }

  /** Records at each point while `work` runs; whole frames, none lost. */
  async capture<T>(
    points: readonly CapturePoint[],
    work: () => Promise<T>,
  ): Promise<{ result: T; frames: PcapFrame[][]; paths: string[] }> {
    const paths = points.map(() => join(this.folder, `capture-${this.captures++}.pcap`))
    const captures: Capture[] = []
    for (const [index, point] of points.entries()) {
      captures.push(await Capture.start(point, paths[index]!))
    }
    let result: T
    try {
      result = await work()
    } finally {
      await Promise.all(captures.map((capture) => capture.stop()))
    }
    return { result, frames: await Promise.all(paths.map(readPcap)), paths }
  }

  async close(): Promise<void> {
    await this.peer.close()
    await this.topology.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface GuestOptions
  extends Pick<VmOptions, 'machine' | 'bios' | 'cpu' | 'entropyDevice' | 'memoryMiB' | 'initrd'> {
  device?: VirtioNetProperties
  vnetHeader?: boolean
  append?: Readonly<Record<string, string>>
}

export interface Guest {
  readonly vm: Vm
  readonly ready: ReadyEvent
}

/** Boots on the site's TAP, runs `work`, ends the guest; a failure leaves a bundle and names it. */
export async function withGuest<T>(
  site: Site,
  options: GuestOptions,
  work: (guest: Guest) => Promise<T>,
): Promise<T> {
  const { device, vnetHeader, append, ...rest } = options
  const vm = await launch({
    kernel: IMAGE,
    ...rest,
    append: { ...site.topology.guestAppend, ...append },
    network: [
      {
        kind: 'tap',
        namespace: site.topology.near,
        interfaceName: 'tap0',
        ...(device === undefined ? {} : { device }),
        ...(vnetHeader === undefined ? {} : { vnetHeader }),
      },
    ],
    timeoutMs: LIFETIME_MS,
  })
  return withVm(vm, site.folder, async () => work({ vm, ready: await awaitReady(vm) }))
}

/** Runs `work` with a guest that was launched otherwise, and ends it; a failure leaves a bundle. */
export async function withVm<T>(
  vm: Vm,
  capturesFolder: string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const bundle = await leaveBundle(vm, {
      parent: BUNDLES,
      failure: (error as Error).stack ?? String(error),
      ...(capturesFolder === undefined ? {} : { captures: capturesFolder }),
      extend: bundleImage,
    }).catch((reason: Error) => `none: ${reason.message}`)
    throw Object.assign(error as Error, {
      message: `${(error as Error).message}\n\nBundle: ${bundle}`,
    })
  } finally {
    await vm.close()
  }
}

export async function awaitReady(vm: Vm): Promise<ReadyEvent> {
  const { value } = await vm.events.once('ready', { timeoutMs: READY_TIMEOUT_MS })
  return checkReadyEvent(value)
}

/** A folder for one test file's artefacts that are no captures. */
export function temporaryFolder(): string {
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  return mkdtempSync(join(ROOT, 'build/test/scratch-'))
}
