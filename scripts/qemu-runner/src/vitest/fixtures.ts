/**
 * vitest fixtures: a guest, its networks and its peers for one test, closed whatever happens, with
 * a bundle when it fails.
 */
import { test as base } from 'vitest'
import { chooseAccelerator } from '../accelerator.ts'
import type { Lan } from '../lan/lan.ts'
import type { NetworkNamespace } from '../netns/network-namespace.ts'
import type { Topology, TopologyOptions } from '../netns/topology.ts'
import type { TwoNetworks } from '../netns/two-networks.ts'
import type { AcceleratorChoice } from '../options.ts'
import type { Peer } from '../peer/peer.ts'
import type { Relay } from '../relay/relay.ts'
import type { Vm } from '../vm.ts'
import type { GuestOptions } from './guest-options.ts'
import { type FailureBundleOptions, reportFailure } from './report-failure.ts'
import { defaultAccelerator, TestResources } from './test-resources.ts'

export interface RunnerFixtures {
  /**
   * Option: what `vm` boots and what `launchGuest` starts from. Set it with `test.override` for a
   * file or a suite.
   */
  guest: GuestOptions
  /** Option: MTUs and the like of `topology`. */
  topologyOptions: TopologyOptions
  /** Option: what a failed test leaves behind, and where. */
  failureBundle: FailureBundleOptions
  /**
   * Chosen once a worker, by evidence; the environment's `QEMU_RUNNER_ACCEL` (auto, kvm, tcg)
   * decides for all.
   */
  accelerator: AcceleratorChoice
  /** The guest of `guest`, up and, with `guest.ready`, ready. */
  vm: Vm
  /** Boots further guests, each with the options of `guest` and those given. */
  launchGuest: (options?: GuestOptions) => Promise<Vm>
  /** This process as the network; `vm` is on it with `guest.network: 'lan'`. */
  lan: Lan
  /** A TAP in private namespaces: of the kind that `guest.network` names, or routed. */
  topology: Topology
  /** A process at the far end of `topology`. */
  peer: Peer
  /** Of the relayed topology: what loses and delays packets between guest and peer. */
  relay: Relay
  /**
   * A process at the Linux host in the guest's place (relayed), which serves what the guest serves.
   */
  twin: Peer
  /** Two networks with a host each, for a guest with two devices. */
  twoNetworks: TwoNetworks
  /** An empty network namespace. */
  netns: NetworkNamespace
  /** A temporary folder; captures in it are taken into a failed test's bundle. */
  folder: string
  /** @internal All of the above, closed when the test is over. */
  resources: TestResources
}

export const test = base.extend<RunnerFixtures>({
  guest: {},
  topologyOptions: {},
  failureBundle: {},
  accelerator: [
    // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names from the pattern
    async ({}, use) => use(await chooseAccelerator(defaultAccelerator())),
    { scope: 'worker' },
  ],
  resources: async ({ task, annotate, guest, topologyOptions, failureBundle }, use) => {
    const captures = failureBundle.captures ?? true
    const resources = new TestResources({ guest, topologyOptions, captures })
    await use(resources)
    try {
      await resources.settle()
      // A test that is to fail has done what it should.
      if (task.result?.state === 'fail' && task.fails !== true) {
        await reportFailure({ task, annotate }, resources, failureBundle)
      }
    } finally {
      await resources.close()
    }
  },
  launchGuest: async ({ resources }, use) => use((options) => resources.launch(options)),
  vm: async ({ resources }, use) => use(await resources.launch()),
  lan: async ({ resources }, use) => use(resources.lan()),
  topology: async ({ resources }, use) => use(await resources.topology()),
  peer: async ({ resources }, use) => use(await resources.peer()),
  relay: async ({ topology }, use) => use(requireRelayed(topology.relay)),
  twin: async ({ resources }, use) => use(await resources.twin()),
  twoNetworks: async ({ resources }, use) => use(await resources.twoNetworks()),
  netns: async ({ resources }, use) => use(await resources.namespace()),
  folder: async ({ resources }, use) => use(resources.folder()),
})

function requireRelayed(relay: Relay | undefined): Relay {
  if (relay !== undefined) return relay
  throw new Error("Cannot use a relay: the test's network has none; set guest.network to relayed")
}
