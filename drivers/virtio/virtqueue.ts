/** What drivers ask of a virtqueue, whichever format its rings have (virtio 1.4 §2.6 to §2.8). */
import type { Doorbell, QueueAddresses } from './transport.ts'

export interface VirtqueueOptions {
  readonly size: number
  /** True: a slot posts chains of one to three descriptors. False: always exactly its first. */
  readonly chained: boolean
  readonly indirect: boolean
  readonly eventIndex: boolean
  readonly wantedSlots: number
}

/**
 * Every field that a device writes is read once, then checked: what cannot be stops `take`, and
 * `lie` names it.
 */
export interface Virtqueue {
  readonly size: number
  /** Slots are 0, `slotStride`, 2 * `slotStride`, …; which of them are free the user knows. */
  readonly slotCount: number
  readonly slotStride: number
  readonly addresses: QueueAddresses
  /** What the device wrote that cannot be: `take` stopped there; else empty. */
  readonly violation: string
  /** Slots added since the last publish. */
  readonly unpublished: number
  /** Slots that the device holds. */
  readonly outstanding: number

  connect(queueNumber: number, doorbell: Doorbell): void
  /**
   * Forgets everything outstanding, and writes anew what a device may have spoiled. Only after a
   * device reset.
   */
  reset(): void
  /** Fixes the slot's first descriptor: its memory, and whether the device writes there. */
  bind(slot: number, physicalAddress: number, lengthBytes: number, deviceWrites: boolean): void
  /**
   * Makes the slot's chain one of its bound memory, the first `length0` bytes, followed by up to
   * two ranges that the device reads, the second only with the first. A range of length 0 is left
   * out: zero-length descriptors stop QEMU (virtio_error).
   */
  describe(
    slot: number,
    length0: number,
    address1: number,
    length1: number,
    address2: number,
    length2: number,
  ): void
  /**
   * As `describe` for slots[from] to slots[to - 1], each with one of `ranges`, which are only
   * looked at.
   */
  describeSeries(
    slots: Uint16Array,
    from: number,
    to: number,
    length0: number,
    ranges: SeriesRanges,
  ): void
  /**
   * Makes the slot's chain its bound memory, the first `length0` bytes, followed by a range that
   * the device writes: a command and its answer. Only for queues of direct chains, and for slots
   * that are described no other way.
   */
  describeExchange(slot: number, length0: number, answerAddress: number, answerLength: number): void
  /**
   * Queues slots[from] to slots[to - 1] as they are described, or bound; `publish` shows them to
   * the device.
   */
  add(slots: Uint16Array, from: number, to: number): void
  /**
   * Shows the device everything added, and notifies it if it asks for that. True when it was
   * notified.
   */
  publish(): boolean
  /** Notifies the device whether it asks for that or not. */
  notify(): void
  /**
   * Takes all slots that the device gives back: writes them to `slots`, and the bytes that the
   * device wrote for each to `lengths`, from `at` on. Returns how many; fewer, and `lie` says why,
   * when one cannot be. Whether a length can be is the caller's to check.
   */
  take(slots: Uint16Array, lengths: Uint32Array, at: number): number
  /** The device says that it has given slots back which were not taken yet; may be a lie. */
  hasUsed(): boolean
  /** The device has given back all that it was shown; may be a lie. */
  hasUsedAll(): boolean
  /**
   * What the device was shown and has not given back is as it was written. Of queues whose slots
   * are single descriptors.
   */
  isIntact(): boolean
  /**
   * Asks for an interrupt once more than `ignored` further slots are given back. False: they
   * already are, and an interrupt may never come (§2.7.7.1, §2.8.10).
   */
  armInterrupts(ignored: number): boolean
  disarmInterrupts(): void
  /**
   * The 16-bit word that the device changes when it gives the next slot back: there is news once
   * (word & mask) differs from value. The record is the queue's, and good until it takes more.
   */
  watchUsed(): UsedWord
}

/**
 * Ranges of `length` bytes that follow each other in memory, `lap` of them from `address` on; the
 * last is followed by the first. A series begins with number `place` of them.
 */
export interface SeriesRanges {
  address: number
  length: number
  place: number
  lap: number
}

export interface UsedWord {
  address: number
  mask: number
  value: number
}
