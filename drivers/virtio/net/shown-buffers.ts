/**
 * How many receive buffers a device is shown: few large ones at first, more once many come at once,
 * so that a guest with little traffic neither touches the memory of all nor has it in its caches.
 *
 * A TAP keeps what there is no buffer for; vhost-user and hardware drop it, and nothing says which
 * it is. So small buffers, as a device has that does not coalesce, are shown all at once, and large
 * ones twice as many as soon as half are seen to be used, which is as fast as TCP doubles. Beyond
 * the window of a fast path it has to be three quarters: only many connections use as many.
 */
import type { Virtqueue } from '../virtqueue.ts'

/** And as many as a frame may be spread over, which is read while the next one comes. */
const FIRST_BUFFERS = 30
/** More of them as long as all take no more than this: a page of the host's memory. */
const FIRST_BUFFERS_BYTES = 2 * 1024 * 1024
/** As long as twice as many are no more than this, half of them are enough to ask for more. */
const EAGER_BUFFERS_BYTES = 2 * FIRST_BUFFERS_BYTES

export class ShownBuffers {
  /** So many at once, and there are to be more. Read only outside. */
  moreAt: number
  /** Slots below this are in use: with the device, or with us. Read only outside. */
  count: number
  private readonly queue: Virtqueue
  private readonly slots: Uint16Array
  private readonly bufferBytes: number

  /** A frame may be spread over `maxMergedBuffers`. */
  constructor(queue: Virtqueue, bufferBytes: number, maxMergedBuffers: number) {
    this.queue = queue
    this.bufferBytes = bufferBytes
    this.slots = Uint16Array.from({ length: queue.slotCount }, (_, slot) => slot)
    const affordable = Math.floor(FIRST_BUFFERS_BYTES / bufferBytes)
    const first = Math.max(FIRST_BUFFERS, maxMergedBuffers) + maxMergedBuffers
    this.count = Math.min(queue.slotCount, Math.max(first, affordable))
    this.moreAt = this.enough()
  }

  /** All that are in use, to an empty queue. */
  postAll(): void {
    this.queue.add(this.slots, 0, this.count)
  }

  /**
   * Puts as many again into the available ring, to be published at once: a device that holds
   * nothing back drops the next frames before these are handled.
   */
  addMore(): void {
    const before = this.count
    this.count = Math.min(this.slots.length, 2 * before)
    this.moreAt = this.enough()
    this.queue.add(this.slots, before, this.count)
  }

  /** More than ever come when all are shown. */
  private enough(): number {
    const { count, slots } = this
    if (count === slots.length) return slots.length + 1
    const isEager = 2 * count * this.bufferBytes <= EAGER_BUFFERS_BYTES
    return isEager ? (count + 1) >> 1 : count - (count >> 2)
  }
}
