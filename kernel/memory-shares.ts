/**
 * What share of the machine's memory sockets may come to take; nothing is taken before it is
 * needed.
 */
import type { MemoryUsage } from './hal/platform.ts'

/**
 * Socket buffers: with a quarter for paths that need it, three quarters are left to apps and to the
 * connections themselves.
 */
const BUFFER_SHARE = 1 / 4
/** They lie below 4 GiB, and more than this no virtio device fills. */
const LARGEST_BUDGET_BYTES = 512 * 1024 * 1024
/**
 * A connection that is open and idle, with the record that a service keeps of it. `make bench`
 * measures it.
 */
const CONNECTION_BYTES = 4096
/** Of what the buffers leave, connections may take half: the other half is the app's. */
const CONNECTION_SHARE = 1 / 2
/** So many ports has one client of one service. */
const MOST_CONNECTIONS = 65_536
/**
 * One in so many may be an orphan, whose user is gone; as in Linux, where one in four of those that
 * fit.
 */
const ORPHAN_SHARE = 1 / 4

/**
 * Datagrams that arrive in fragments: from what the largest ten take up to Linux's
 * ipfrag_high_thresh.
 */
const REASSEMBLY_SHARE = 1 / 64
const LEAST_REASSEMBLY_BYTES = 1024 * 1024
const MOST_REASSEMBLY_BYTES = 4 * LEAST_REASSEMBLY_BYTES

export function reassemblyShare({ ramBytes }: Pick<MemoryUsage, 'ramBytes'>): number {
  const wanted = Math.floor(ramBytes * REASSEMBLY_SHARE)
  return Math.max(LEAST_REASSEMBLY_BYTES, Math.min(wanted, MOST_REASSEMBLY_BYTES))
}

/** Buffers for received frames of all network devices; of one, what its driver makes use of. */
const RECEIVE_SHARE = 1 / 8

/** What each of so many network devices, which fill `mostBytes`, may take for frames to come. */
export function receiveShare(
  { ramBytes }: Pick<MemoryUsage, 'ramBytes'>,
  devices: number,
  mostBytes: number,
): number {
  const ofAll = Math.max(mostBytes, ramBytes * RECEIVE_SHARE)
  return Math.min(mostBytes, Math.floor(ofAll / devices))
}

export interface MemoryShares {
  readonly bufferBudgetBytes: number
  readonly maxConnections: number
  readonly maxOrphans: number
  readonly maxFinWait2: number
}

export function socketShares(usage: Pick<MemoryUsage, 'ramBytes' | 'freeBytes'>): MemoryShares {
  const bufferBudgetBytes = Math.floor(
    Math.min(usage.ramBytes * BUFFER_SHARE, usage.freeBytes / 2, LARGEST_BUDGET_BYTES),
  )
  const leftBytes = usage.freeBytes - bufferBudgetBytes
  const maxConnections = Math.floor(
    Math.min((leftBytes * CONNECTION_SHARE) / CONNECTION_BYTES, MOST_CONNECTIONS),
  )
  const maxOrphans = Math.ceil(maxConnections * ORPHAN_SHARE)
  return { bufferBudgetBytes, maxConnections, maxOrphans, maxFinWait2: maxOrphans }
}
