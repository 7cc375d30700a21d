/**
 * How many receive buffers a device is shown: few at first, more once many come at once, so that a
 * guest with little traffic neither touches the memory of all nor has it in its caches.
 */
import type { Virtqueue } from '../virtqueue.ts'

/** And as many as a frame may be spread over, which is read while the next one comes. */
const FIRST_BUFFERS = 32

export class ShownBuffers {
  /** So many at once are half of them: there are to be more. Read only outside. */
  moreAt: number
  /** Slots below this are in use: with the device, or with us. Read only outside. */
  count: number
  private readonly queue: Virtqueue
  private readonly slots: Uint16Array

  /** A frame may be spread over `maxMergedBuffers`. */
  constructor(queue: Virtqueue, maxMergedBuffers: number) {
    this.queue = queue
    this.slots = Uint16Array.from({ length: queue.slotCount }, (_, slot) => slot)
    const first = Math.max(FIRST_BUFFERS, maxMergedBuffers) + maxMergedBuffers
    this.count = Math.min(queue.slotCount, first)
    this.moreAt = this.halfOfThem()
  }

  /** All that are in use, to an empty queue. */
  postAll(): void {
    this.queue.add(this.slots, 0, this.count)
  }

  /** Puts as many again into the available ring, to be published; returns how many. */
  addMore(): number {
    const before = this.count
    this.count = Math.min(this.slots.length, 2 * before)
    this.moreAt = this.halfOfThem()
    this.queue.add(this.slots, before, this.count)
    return this.count - before
  }

  /** More than ever come when all are shown. */
  private halfOfThem(): number {
    const { count, slots } = this
    return count < slots.length ? (count + 1) >> 1 : slots.length + 1
  }
}
