/**
 * Two stations claim one address: a neighbor has moved, or somebody pretends so. Both are asked,
 * and one is believed.
 *
 * RFC 826 and RFC 4861 §7.2.5 take a new hardware address at once, as STALE, and nothing in it
 * proves that it is true. So the question goes to the group, which reaches both, and not after
 * DELAY_FIRST_PROBE_TIME but now. Until one interval of it is over, the word of the incumbent, who
 * may still be there, beats that of the newcomer, who is there for sure. Whoever has proved itself
 * so keeps the address while the next claim is verified: a forgery diverts packets for one
 * question, and its repetition none.
 */
import type { NeighborEntry } from './neighbor-entry.ts'

/** What a message of one of the two, or of a third, means. */
export const ContestVerdict = {
  Open: 0,
  /** The neighbor is where it was. */
  Incumbent: 1,
  /** It has moved to the sender of the message. */
  Moved: 2,
} as const
export type ContestVerdict = (typeof ContestVerdict)[keyof typeof ContestVerdict]

/** Somebody at another hardware address claims the entry's; of several the last counts. */
export function openContest(entry: NeighborEntry, high: number, low: number): void {
  if (!entry.isContested) {
    entry.incumbentHigh = entry.hardwareHigh
    entry.incumbentLow = entry.hardwareLow
  }
  entry.isContested = true
  entry.newcomerHigh = high
  entry.newcomerLow = low
  entry.newcomerAnswered = false
  if (!entry.isProven) entry.setHardwareAddress(high, low)
}

export function isIncumbent(entry: NeighborEntry, high: number, low: number): boolean {
  return entry.incumbentHigh === high && entry.incumbentLow === low
}

/**
 * The entry's address has been claimed from there already: by the host that has it, or by the last
 * that wanted it.
 */
export function isKnownClaim(entry: NeighborEntry, high: number, low: number): boolean {
  if (!entry.isContested) return entry.hasHardwareAddress(high, low)
  return entry.newcomerHigh === high && entry.newcomerLow === low
}

/** Takes an answer to the `asked` questions put so far. */
export function judgeAnswer(
  entry: NeighborEntry,
  high: number,
  low: number,
  asked: number,
): ContestVerdict {
  const fromIncumbent = isIncumbent(entry, high, low)
  // Not asked yet since it was asked less than a second ago: then this answers that question.
  if (asked === 0)
    return fromIncumbent && entry.isProven ? ContestVerdict.Incumbent : ContestVerdict.Open
  if (fromIncumbent) return ContestVerdict.Incumbent
  // The incumbent had its time.
  if (asked > 1) return ContestVerdict.Moved
  if (entry.newcomerHigh === high && entry.newcomerLow === low) entry.newcomerAnswered = true
  return ContestVerdict.Open
}

/**
 * The interval after a question is over, and the incumbent was silent; true = the newcomer was not.
 */
export function judgeSilence(entry: NeighborEntry): boolean {
  if (entry.newcomerAnswered) return true
  // It has not proved itself by its one question either.
  entry.setHardwareAddress(entry.incumbentHigh, entry.incumbentLow)
  return false
}

export function closeContest(entry: NeighborEntry): void {
  entry.isContested = false
  entry.newcomerAnswered = false
}
