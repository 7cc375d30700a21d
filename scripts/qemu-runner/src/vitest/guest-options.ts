/** What a test says of its guest: launch options, and which network it is on. */
import type { NetworkOptions, VirtioNetProperties, VmOptions } from '../options.ts'
import type { Vm } from '../vm.ts'

export const TOPOLOGY_KINDS = ['direct', 'routed', 'bridged', 'relayed'] as const
export type TopologyKind = (typeof TOPOLOGY_KINDS)[number]

/**
 * `lan`: the test's `lan`. `direct`, `routed`, `bridged`, `relayed`: the TAP of the test's
 * `topology` of that kind, with its addresses on the kernel command line. `user`: user-mode
 * networking. `none`: a device without a back end. A list is taken as it is.
 */
export type GuestNetwork = 'lan' | TopologyKind | 'user' | 'none' | readonly NetworkOptions[]

export interface GuestOptions extends Omit<VmOptions, 'network'> {
  /** Left out: no network device. */
  network?: GuestNetwork
  /** Properties of the network device, unless `network` is a list. */
  device?: VirtioNetProperties
  /** Waits until the guest can be tested; `vm` is handed out afterwards. */
  ready?: (vm: Vm) => Promise<unknown>
}

/** `more` wins; kernel command lines and device properties are merged key by key. */
export function mergeGuestOptions(base: GuestOptions, more: GuestOptions): GuestOptions {
  const merged = { ...base, ...more }
  // A command line given as it is replaces all of the other.
  if (typeof more.append === 'object' && typeof base.append === 'object') {
    merged.append = { ...base.append, ...more.append }
  }
  if (more.device !== undefined) merged.device = { ...base.device, ...more.device }
  return merged
}

export function isTopologyKind(network: GuestNetwork | undefined): network is TopologyKind {
  return TOPOLOGY_KINDS.some((kind) => kind === network)
}
