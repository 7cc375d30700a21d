/**
 * One port of a console as its user sees it: a bounded ring of bytes that the host reads (virtio
 * 1.4 §5.3.6).
 */
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'
import type { Virtqueue } from '../virtqueue.ts'

/** What a port asks of the console it belongs to. */
export interface ConsolePortHost {
  /** Takes note of what the device says about its ports. */
  poll(): void
  /** False when the device does not take the message. */
  announceOpen(port: ConsolePort): boolean
  distrust(violation: string): void
}

/**
 * So long a writer waits for room, and not again before the host has read something: a host that is
 * busy loses nothing, one that does not read at all costs this once.
 */
const ROOM_DEADLINE_NS = 2_000_000
/** Bound for a platform whose clock stands still. */
const MAX_POLLS = 1_000_000

/**
 * Written bytes lie in the ring until `flush` hands them to the device as one descriptor.
 * Descriptors are used in turn, and memory is free again once the device has given back everything
 * before it.
 */
export class ConsolePort {
  readonly id: number
  /** As the host calls it; empty until it has said so. */
  name = ''
  /** Somebody at the host listens: what is written goes somewhere. */
  isOpen = false
  /** Grows by one each time that somebody at the host begins to listen. */
  openings = 0
  /** Called whenever somebody at the host begins to listen, or nobody does any more. */
  onListener: () => void = () => {}
  private readonly hal: Hal
  private readonly host: ConsolePortHost
  private readonly queue: Virtqueue
  private memory: DmaBuffer | null = null
  private capacity = 0
  /** Where the next byte goes. */
  private head = 0
  /** The first byte that the device was not given. */
  private postedTo = 0
  /** The first byte that the device may still read. */
  private tail = 0
  /** Where each slot's range ends, and whether the device has given it back. */
  private readonly ends: Uint32Array
  private readonly isUsed: Uint8Array
  /** For what goes to the queue and comes back from it. */
  private readonly slots: Uint16Array
  private readonly lengths: Uint32Array
  /** Slots are used in turn; both count up and are taken modulo the number of slots. */
  private oldest = 0
  private next = 0
  private isStalled = false

  constructor(hal: Hal, host: ConsolePortHost, id: number, queue: Virtqueue) {
    this.hal = hal
    this.host = host
    this.id = id
    this.queue = queue
    this.ends = new Uint32Array(queue.slotCount)
    this.isUsed = new Uint8Array(queue.slotCount)
    this.slots = new Uint16Array(queue.slotCount)
    this.lengths = new Uint32Array(queue.slotCount)
  }

  /** The memory that `reserve` gives parts of; only of an open port. */
  get bytes(): Uint8Array {
    return this.memory!.bytes
  }

  get view(): DataView {
    return this.memory!.view
  }

  /**
   * Tells the device that the guest uses the port, with a ring of `capacityBytes`; false when it
   * does not care.
   */
  open(capacityBytes: number): boolean {
    if (this.memory === null) {
      this.memory = this.hal.allocateDma(capacityBytes, 4096)
      this.capacity = capacityBytes
    }
    if (!this.host.announceOpen(this)) return false
    // Whether the host listens it says after the name, so it may have said so already.
    this.host.poll()
    return true
  }

  /** Copies all of the range into the ring, or nothing: false when there is no room. */
  write(source: Uint8Array, offset: number, lengthBytes: number): boolean {
    const at = this.reserve(lengthBytes)
    if (at < 0) return false
    this.hal.bulk.copy(this.bytes, at, source, offset, lengthBytes)
    this.commit(lengthBytes)
    return true
  }

  /** The offset of that much room in one piece, or -1. Only the latest reservation counts. */
  reserve(lengthBytes: number): number {
    if (this.memory === null || !this.isOpen) return -1
    if (!this.fits(lengthBytes) && !this.makeRoom(lengthBytes)) return -1
    return this.isOpen ? this.head : -1
  }

  /** The first `lengthBytes` of what was reserved are written. */
  commit(lengthBytes: number): void {
    this.head += lengthBytes
  }

  /** Hands the device everything written; takes note of what the host does with the port. */
  flush(): void {
    if (this.memory === null) return
    this.host.poll()
    this.post()
    this.queue.publish()
  }

  /**
   * Flushes, then waits until the device has read everything. False: it has not within
   * `deadlineNs`.
   */
  drain(deadlineNs: number): boolean {
    this.flush()
    const { hal } = this
    const endNs = hal.monotonicNs() + deadlineNs
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      this.reclaim()
      this.post()
      this.queue.publish()
      if (this.oldest === this.next && this.postedTo === this.head) return true
      if (!this.isOpen || hal.monotonicNs() > endNs) return false
    }
    return false
  }

  /** For the driver of the device: the host began or ceased to listen. */
  setOpen(isOpen: boolean): void {
    if (isOpen === this.isOpen) return
    this.isOpen = isOpen
    if (isOpen) this.openings++
    // "any data … which the app didn't consume" is discarded by the device: so is what it has not
    // got yet.
    else this.head = this.postedTo
    this.onListener()
  }

  /**
   * Room in one piece at `head`; moves `head` to the start of the ring when there is none at its
   * end.
   */
  private fits(lengthBytes: number): boolean {
    if (this.oldest === this.next && this.postedTo === this.head) {
      this.head = 0
      this.postedTo = 0
      this.tail = 0
    }
    if (this.head < this.tail) return lengthBytes < this.tail - this.head
    if (lengthBytes <= this.capacity - this.head) return true
    if (lengthBytes >= this.tail || !this.post()) return false
    this.head = 0
    this.postedTo = 0
    return true
  }

  private makeRoom(lengthBytes: number): boolean {
    this.flush()
    this.reclaim()
    if (this.fits(lengthBytes)) return true
    if (this.isStalled || lengthBytes >= this.capacity) return false
    const { hal } = this
    const deadlineNs = hal.monotonicNs() + ROOM_DEADLINE_NS
    for (let polls = 0; polls < MAX_POLLS; polls++) {
      this.reclaim()
      if (this.fits(lengthBytes)) return true
      if (hal.monotonicNs() > deadlineNs) break
    }
    this.isStalled = true
    return false
  }

  /** Queues what is written as one buffer; false when every descriptor is with the device. */
  private post(): boolean {
    const start = this.postedTo
    const lengthBytes = this.head - start
    if (lengthBytes === 0) return true
    const { queue } = this
    if (this.next - this.oldest === queue.slotCount) this.reclaim()
    if (this.next - this.oldest === queue.slotCount) return false
    const slot = this.next % queue.slotCount
    queue.bind(slot, this.memory!.physicalAddress + start, lengthBytes, false)
    this.slots[0] = slot
    queue.add(this.slots, 0, 1)
    this.ends[slot] = this.head
    this.next++
    this.postedTo = this.head
    return true
  }

  /** Takes back what the device has read, in whatever order it says so. */
  private reclaim(): void {
    const { queue } = this
    const taken = queue.take(this.slots, this.lengths, 0)
    for (let index = 0; index < taken; index++) {
      this.isUsed[this.slots[index]!] = 1
      this.isStalled = false
    }
    if (queue.violation !== '') {
      this.host.distrust(queue.violation)
      return
    }
    while (this.oldest !== this.next) {
      const slot = this.oldest % queue.slotCount
      if (this.isUsed[slot] === 0) return
      this.isUsed[slot] = 0
      this.tail = this.ends[slot]!
      this.oldest++
    }
  }
}
