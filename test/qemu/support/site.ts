/**
 * The network of a test's guest as one thing to hand around: TAP, peer at the far end, captures,
 * and what boots the guest on it.
 */
import { join } from 'node:path'
import {
  Capture,
  type CapturePoint,
  type PcapFrame,
  type Peer,
  readPcap,
  type Topology,
  type Vm,
} from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { checkReadyEvent, type ReadyEvent } from '../../../scripts/guest/ready-event.ts'

const READY_TIMEOUT_MS = 20_000

export interface Guest {
  readonly vm: Vm
  readonly ready: ReadyEvent
}

export async function awaitReady(vm: Vm): Promise<ReadyEvent> {
  const { value } = await vm.events.once('ready', { timeoutMs: READY_TIMEOUT_MS })
  return checkReadyEvent(value)
}

/** Whose parts it is made of closes them: the fixtures. */
interface SiteParts {
  readonly topology: Topology
  readonly peer: Peer
  readonly folder: string
  readonly launch: (options?: GuestOptions) => Promise<Vm>
}

export class Site {
  readonly topology: Topology
  readonly peer: Peer
  /** For captures; a failed test's bundle has them. */
  readonly folder: string
  /** Boots a guest with the options of the test's `guest` and those given. */
  readonly launch: SiteParts['launch']
  private captures = 0

  constructor({ topology, peer, folder, launch }: SiteParts) {
    this.topology = topology
    this.peer = peer
    this.folder = folder
    this.launch = launch
  }

  /** The same, and waits until it is ready. */
  async boot(options: GuestOptions = {}): Promise<Guest> {
    const vm = await this.launch(options)
    return { vm, ready: await awaitReady(vm) }
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
}
