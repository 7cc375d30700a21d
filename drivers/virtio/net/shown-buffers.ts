/**
 * How many receive buffers a device is shown: few at first, more once many come at once, so that a
 * guest with little traffic neither touches the memory of all nor has it in its caches.
 */
import type { Virtqueue } from '../virtqueue.ts'

/** And as many as a frame may be spread over, which is read while the next one comes. */
const FIRST_BUFFERS = 32

export class ShownBuffers {
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
  }

  /** All that are in use, to an empty queue. */
  postAll(): void {
    this.queue.add(this.slots, 0, this.count)
  }

  /** True when half of them have come at once, and there are others. */
  areFew(takenCount: number): boolean {
    return takenCount << 1 >= this.count && this.count < this.slots.length
  }

  /** Puts as many again into the available ring, to be published; returns how many. */
  addMore(): number {
    const before = this.count
    this.count = Math.min(this.slots.length, 2 * before)
    this.queue.add(this.slots, before, this.count)
    return this.count - before
  }
}
