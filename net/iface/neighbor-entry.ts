/** One neighbor: its hardware address and how sure we are of it (RFC 4861 §5.1). */
import type { IpAddress } from '../wire/ip-address.ts'

export const NeighborState = {
  /** Asked for, hardware address not known. */
  Incomplete: 0,
  Reachable: 1,
  Stale: 2,
  /** Used since it became stale; probed soon. */
  Delay: 3,
  /** Asked directly whether it is still there. */
  Probe: 4,
  /** Did not answer; asked again after a while when still wanted. */
  Failed: 5,
} as const
export type NeighborState = (typeof NeighborState)[keyof typeof NeighborState]

const NEVER_MS = Number.NEGATIVE_INFINITY

export class NeighborEntry {
  readonly address: IpAddress
  /** Bucket of the cache it lies in. */
  readonly key: number
  next: NeighborEntry | undefined
  state: NeighborState = NeighborState.Incomplete
  hardwareHigh = 0
  hardwareLow = 0
  /**
   * Two stations claim the address; which of the two is in use stands in the fields above. See
   * neighbor-contest.ts.
   */
  isContested = false
  /** Whom we had when somebody else claimed the address, and that somebody. */
  incumbentHigh = 0
  incumbentLow = 0
  newcomerHigh = 0
  newcomerLow = 0
  newcomerAnswered = false
  /**
   * The station we have has proved itself against a claim: the next claim must prove itself before
   * it is believed.
   */
  isProven = false
  /** From a Neighbor Advertisement's R flag. */
  isRouter = false
  /** A route goes through it: never evicted. */
  isGateway = false
  /** Resolution has failed and has not succeeded since. */
  hasFailed = false
  /** The same, but for those who want it anew after nobody did: that attempt is open. */
  unreachable = false
  solicitationsSent = 0
  reachableUntilMs = NEVER_MS
  /** Of the state's timer; Infinity = none. */
  deadlineMs = Number.POSITIVE_INFINITY
  /** Between questions to a failed neighbor that is still wanted. */
  retryIntervalMs = 0
  lastSolicitationMs = NEVER_MS
  lastUsedMs = NEVER_MS
  createdMs = NEVER_MS

  constructor(address: IpAddress, key: number, next: NeighborEntry | undefined) {
    this.address = address
    this.key = key
    this.next = next
  }

  /** Packets may be sent to its hardware address. */
  isUsable(): boolean {
    return this.state !== NeighborState.Incomplete && this.state !== NeighborState.Failed
  }

  hasHardwareAddress(high: number, low: number): boolean {
    return this.hardwareHigh === high && this.hardwareLow === low
  }

  setHardwareAddress(high: number, low: number): void {
    this.hardwareHigh = high
    this.hardwareLow = low
  }
}

/** Takes the entry out of the chain of its bucket, in which it is. */
export function unlink(buckets: Map<number, NeighborEntry>, entry: NeighborEntry): void {
  let previous = buckets.get(entry.key)!
  if (previous === entry) {
    if (entry.next === undefined) buckets.delete(entry.key)
    else buckets.set(entry.key, entry.next)
    return
  }
  while (previous.next !== entry) previous = previous.next!
  previous.next = entry.next
}
