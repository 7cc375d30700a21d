/**
 * Datagrams that one socket has to send, each with its path; what waits for one neighbor does not
 * hold up the others.
 */

import { countNews, RETRY_INTERVAL_MS } from '../../iface/path-news.ts'
import type { Egress } from '../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { PACKET_LENGTH, PACKET_WORDS, PacketQueue } from '../../storage/packet-queue.ts'
import type { FlowEntry } from './flow-cache.ts'
import type { QueueMemory } from './queue-memory.ts'

/**
 * Of what is to be sent: the remote port; and of many datagrams the length of each but the last, or
 * 0 for a single one.
 */
const SENT_WORDS = 2
export const SENT_PORT = PACKET_WORDS
export const SENT_SEGMENT_LENGTH = PACKET_WORDS + 1
/**
 * Unresolved neighbors that a socket's datagrams wait for at a time: each costs an attempt whenever
 * one is heard of.
 */
const MAX_WAITING_FLOWS = 16
/**
 * Of several ways one that refuses so many flows in a turn has no room: where it has several queues
 * of its own, another may have some.
 */
const MAX_REFUSED_FLOWS = 16
/**
 * What an interface has not taken for so long, while nothing of the queue left by it, is not kept
 * for it: its link is down, or nobody serves its device. As long as Linux waits for a device that
 * takes nothing before it resets that.
 */
export const SEND_HOLD_MS = 5_000

/**
 * So long is kept what waits for a neighbor, of which nothing is heard in time where more are asked
 * for than the neighbor cache holds.
 */
export const RESOLVE_HOLD_MS = 10_000

/** What is left of a queue that was to be sent. */
export const Rest = {
  None: 0,
  /** A device has refused some: it tells when it has room. */
  Refused: 1,
  /** All wait for neighbors. */
  Waiting: 2,
} as const
export type Rest = (typeof Rest)[keyof typeof Rest]

/** Why datagrams that were queued are not sent. */
export interface SendDropCounters {
  /**
   * To a peer whose hardware address was not known yet, when room was needed for others, or after
   * RESOLVE_HOLD_MS.
   */
  unresolved: number
  /**
   * By an interface that took none for SEND_HOLD_MS, or when room was needed for what leaves by
   * another.
   */
  interfaceFull: number
  /** To a peer without a route or port, or whose neighbor does not answer. */
  unreachable: number
  /** An answer larger than the path to its peer, or one that became so while it waited. */
  tooLong: number
}

/** What a protocol makes of a queued datagram. */
export interface DatagramEmitter<S> {
  /** Payload of the largest datagram that goes this way. */
  maximumPayload(entry: FlowEntry, socket: S): number
  /**
   * Sends the datagram in the slot, or what is left of many; false when device or neighbor do not
   * take all of it now.
   */
  emit(
    socket: S,
    entry: FlowEntry,
    queue: PacketQueue<FlowEntry>,
    slot: number,
    egress: Egress,
    nowMs: number,
  ): boolean
}

export class SendQueue {
  /** It has memory. Read only outside. */
  isOpen = false
  private queue: PacketQueue<FlowEntry> | null = null
  private readonly bulk: BulkOperations
  private readonly memory: QueueMemory
  private readonly capacityBytes: number
  private readonly capacityDatagrams: number
  private readonly drops: SendDropCounters
  /** That of the last transmit. */
  private round = -1
  /** Some datagrams wait for neighbors. */
  private isHolding = false
  /** Of each way the flows that it refused in the turn; made when one first does. */
  private refusals: Uint8Array | null = null

  /** Of each way, since when it has refused all that waits; -1 = it has not. Null: none has. */
  private heldSinceMs: Float64Array | null = null

  /** `capacityDatagrams` is a power of two. */
  constructor(
    bulk: BulkOperations,
    memory: QueueMemory,
    capacityBytes: number,
    capacityDatagrams: number,
    drops: SendDropCounters,
  ) {
    this.bulk = bulk
    this.memory = memory
    this.capacityBytes = capacityBytes
    this.capacityDatagrams = capacityDatagrams
    this.drops = drops
  }

  count(): number {
    return this.queue === null ? 0 : this.queue.count
  }

  /** Where the bytes of a slot lie, for who completes them before they leave. */
  bytesAt(slot: number): { bytes: Uint8Array; offset: number } {
    const queue = this.queue!
    return { bytes: queue.bytes, offset: queue.words[slot * queue.stride]! }
  }

  /** Takes the memory of the queue; false when there is none. */
  open(): boolean {
    if (this.isOpen) return true
    if (!this.memory.take(this.capacityBytes)) return false
    this.queue = new PacketQueue(this.capacityBytes, this.capacityDatagrams, SENT_WORDS)
    this.isOpen = true
    return true
  }

  /**
   * Queues a copy in the queue, which is open; returns the slot, or -1 when there is no room.
   * `segmentLength` > 0: it is to be sent in datagrams of that length.
   */
  append(
    entry: FlowEntry,
    port: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    segmentLength = 0,
  ): number {
    const queue = this.queue!
    let slot = queue.append(length)
    while (slot < 0) {
      // What waits for a neighbor that may not exist, or for another interface, must not keep the
      // answers to others out.
      const oldest = queue.first()
      const waiting = oldest < 0 ? entry : queue.tags[oldest]!
      if (waiting.flow === entry.flow) return -1
      if (waiting.flow.isResolving) this.drops.unresolved++
      else if (this.isHeldUp(waiting) && waiting.way !== entry.way) this.drops.interfaceFull++
      else return -1
      queue.release(oldest)
      slot = queue.append(length)
    }
    const record = slot * queue.stride
    queue.words[record + SENT_PORT] = port
    queue.words[record + SENT_SEGMENT_LENGTH] = segmentLength
    queue.tags[slot] = entry
    if (length > 0) this.bulk.copy(queue.bytes, queue.words[record]!, bytes, offset, length)
    return slot
  }

  /**
   * Sends what device and neighbors take. `round` differs from call to call.
   */
  transmit<S>(
    socket: S,
    emitter: DatagramEmitter<S>,
    egress: Egress,
    round: number,
    nowMs: number,
  ): Rest {
    const { queue, drops, isHolding } = this
    if (queue === null) return Rest.None
    this.round = round
    let waitingFlows = 0
    let isRefused = false
    for (let slot = queue.first(); slot >= 0; slot = queue.next(slot)) {
      const entry = queue.tags[slot]!
      if (entry.waitedRound === round) continue
      if (isHolding && isHeld(entry, egress, nowMs)) {
        waitingFlows++
        entry.waitedRound = round
        continue
      }
      if (isRefused && this.refusals![entry.way] === MAX_REFUSED_FLOWS) continue
      const at = slot * queue.stride
      const length = queue.words[at + PACKET_LENGTH]!
      const segmentLength = queue.words[at + SENT_SEGMENT_LENGTH]!
      const longest = segmentLength === 0 ? length : segmentLength
      if (longest > emitter.maximumPayload(entry, socket)) {
        drops.tooLong++
        queue.release(slot)
        continue
      }
      if (emitter.emit(socket, entry, queue, slot, egress, nowMs)) {
        queue.release(slot)
        if (this.heldSinceMs !== null) this.heldSinceMs[entry.way] = -1
        continue
      }
      if (!entry.flow.isResolving) {
        if (egress.isCutOff(entry.flow)) {
          drops.unreachable++
          queue.release(slot)
          continue
        }
        if (this.isOverdue(entry.way, egress.wayCount, nowMs)) {
          drops.interfaceFull++
          queue.release(slot)
          continue
        }
        if (egress.wayCount === 1) return Rest.Refused
        // Others of this queue may leave by another.
        this.noteRefusal(entry, egress.wayCount, !isRefused)
        isRefused = true
        continue
      }
      if (egress.isUnreachable(entry.flow, nowMs)) {
        drops.unreachable++
        queue.release(slot)
      } else if (waitingFlows === MAX_WAITING_FLOWS || isOverdue(entry, isHolding, nowMs)) {
        drops.unresolved++
        queue.release(slot)
      } else {
        waitingFlows++
        this.isHolding = true
        entry.waitedRound = round
        entry.triedNews = countNews(egress.news)
        entry.retryMs = nowMs + RETRY_INTERVAL_MS
      }
    }
    this.isHolding = waitingFlows > 0
    if (isRefused) this.forgetHeld()
    else this.heldSinceMs = null
    if (queue.count === 0 && this.memory.isShort()) this.release()
    if (isRefused) return Rest.Refused
    return this.isHolding ? Rest.Waiting : Rest.None
  }

  /** When what waits now is to be given up; Infinity = never. Not for each datagram. */
  overdueMs(): number {
    if (this.heldSinceMs === null) return Number.POSITIVE_INFINITY
    const held = this.heldSinceMs.filter((sinceMs) => sinceMs >= 0)
    return Math.min(...held) + SEND_HOLD_MS
  }

  /** The way has refused a datagram, and everything for too long. */
  private isOverdue(way: number, wayCount: number, nowMs: number): boolean {
    this.heldSinceMs ??= new Float64Array(wayCount).fill(-1)
    const sinceMs = this.heldSinceMs[way]!
    if (sinceMs < 0) this.heldSinceMs[way] = nowMs
    return sinceMs >= 0 && nowMs >= sinceMs + SEND_HOLD_MS
  }

  /** Ways that refused nothing in the turn: what was held up by them has left or been dropped. */
  private forgetHeld(): void {
    const held = this.heldSinceMs!
    for (let way = 0; way < held.length; way++) if (this.refusals![way] === 0) held[way] = -1
  }

  /** It has been tried in the turn under way, or in the last one, and waits. */
  private isHeldUp(entry: FlowEntry): boolean {
    return entry.waitedRound === this.round
  }

  private noteRefusal(entry: FlowEntry, wayCount: number, isFirst: boolean): void {
    this.refusals ??= new Uint8Array(wayCount)
    if (isFirst) this.refusals.fill(0)
    this.refusals[entry.way]!++
    entry.waitedRound = this.round
  }

  release(): void {
    if (this.queue === null) return
    this.queue = null
    this.isOpen = false
    this.memory.give(this.capacityBytes)
  }
}

/** It waits for its neighbor, of which nothing has been heard since it was tried. */
function isHeld({ flow, retryMs, triedNews }: FlowEntry, egress: Egress, nowMs: number): boolean {
  return flow.isResolving && nowMs < retryMs && triedNews === countNews(egress.news)
}

/** It has waited for too long; notes the time when it begins to. */
function isOverdue(entry: FlowEntry, wasHolding: boolean, nowMs: number): boolean {
  // One that has been tried lately waits still.
  const isNew = !wasHolding || nowMs - entry.retryMs >= RESOLVE_HOLD_MS
  if (isNew) entry.waitingMs = nowMs
  return nowMs - entry.waitingMs >= RESOLVE_HOLD_MS
}
