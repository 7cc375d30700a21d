/** What the neighbor cache asks of those who put its questions on the wire. */
import type { NeighborEntry } from './neighbor-entry.ts'

export interface Solicitor {
  /**
   * False while no address of ours may ask: the question waits for `NeighborCache.resume`.
   */
  maySolicit(entry: NeighborEntry): boolean
  /** Sends one solicitation for the entry: to its known hardware address, or to the group. */
  solicit(entry: NeighborEntry, unicast: boolean, nowMs: number): void
}
