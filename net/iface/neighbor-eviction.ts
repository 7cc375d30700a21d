/** Which neighbor makes room when the cache is full. */
import type { NeighborEntry } from './neighbor-entry.ts'

/** A neighbor used this recently is not evicted for one that merely spoke to us. */
const ACTIVE_MS = 60_000

/**
 * Index of the entry that goes, or -1: first one that never answered, then the one idle longest.
 * Gateways stay, and for an entry that nobody here asked for (`wanted` false) active ones stay too.
 */
export function findVictim(
  entries: readonly NeighborEntry[],
  nowMs: number,
  wanted: boolean,
): number {
  let victim = -1
  let victimRank = 0
  let victimTime = 0
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!
    if (entry.isGateway) continue
    const time = Math.max(entry.lastUsedMs, entry.createdMs)
    const active = entry.isUsable() && nowMs - entry.lastUsedMs < ACTIVE_MS
    if (active && !wanted) continue
    const rank = entry.isUsable() ? (active ? 1 : 2) : 3
    if (rank > victimRank || (rank === victimRank && time < victimTime)) {
      victim = index
      victimRank = rank
      victimTime = time
    }
  }
  return victim
}
