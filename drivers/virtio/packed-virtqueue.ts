/**
 * A packed virtqueue with private shadow state (virtio 1.4 §2.8): one ring in which driver and
 * device take turns to write.
 */
import type { DmaBuffer } from '../dma-buffer.ts'
import type { Hal } from '../hal.ts'
import { BoundQueue, CHAIN_WORDS, DESCRIPTOR_BYTES, DESCRIPTOR_WORDS } from './bound-queue.ts'
import type { QueueAddresses } from './transport.ts'
import type { SeriesRanges, UsedWord, Virtqueue, VirtqueueOptions } from './virtqueue.ts'

/** The upper half of a descriptor's last word holds its flags, the lower half the buffer's id. */
const NEXT = 1 << 16
const WRITE = 2 << 16
const INDIRECT = 4 << 16
/** §2.8.1: "available" when it equals the driver's wrap counter, and `USED` does not. */
const AVAILABLE = 1 << 23
const USED = 1 << 31
const AVAILABLE_SHIFT = 23
/** Of the flags in a descriptor. */
const FLAGS_OFFSET = 14

/** §2.8.10: the flags of an event suppression structure. */
const EVENTS_DISABLE = 1
const EVENTS_AT_DESCRIPTOR = 2
const WRAP_BIT = 0x8000

/**
 * A slot is the id of its buffer, and any slot may lie anywhere in the ring. What a slot consists
 * of is kept here, since the device overwrites the descriptors that it has used; with indirect
 * descriptors the tables are fixed, and the ring has one word group for each slot.
 */
export class PackedVirtqueue extends BoundQueue implements Virtqueue {
  readonly addresses: QueueAddresses
  private readonly ring: Uint32Array
  /** Event suppression of driver and device: descriptor offset with wrap counter, then flags. */
  private readonly driverEvents: Uint16Array
  private readonly deviceEvents: Uint16Array
  /**
   * Words of each slot's chain as the device reads them: in its own memory with indirect tables,
   * else private.
   */
  private readonly chains: Uint32Array
  private readonly tablesAddress: number
  /** Where the next descriptor goes, and what its flags say: §2.8.1, Driver Ring Wrap Counter. */
  private nextPosition = 0
  private availableFlags = AVAILABLE
  /** Where the device's next used descriptor will be, and the wrap counter it is known by. */
  private usedPosition = 0
  private usedWrap = 1
  private readonly watched = { address: 0, mask: (AVAILABLE | USED) >>> 16, value: 0 }
  /**
   * Of what is not published: the first descriptor's place, its last word, and how many descriptors
   * there are.
   */
  private heldPosition = 0
  private heldWord = 0
  private heldCount = 0
  private addedSlots = 0
  private outstandingSlots = 0
  /** Of a chain in a series: header's length, and address, upper half and length of its range. */
  private readonly seriesFields = Uint32Array.of(2, 0, 0, 4, 0, 0, 5, 0, 0, 6, 0, 0)
  /** By position, the slot whose descriptor was last written there. */
  private readonly shownSlots: Uint16Array

  constructor(hal: Hal, options: VirtqueueOptions) {
    super(hal, options, WRITE, false)
    const { size, slotCount } = this
    // §2.8: the descriptor ring is 16-byte aligned, event suppression 4.
    const eventsOffset = size * DESCRIPTOR_BYTES
    const tableOffset = (eventsOffset + 8 + 63) & ~63
    const tableBytes = this.indirect ? slotCount * CHAIN_WORDS * 4 : 0
    const memory: DmaBuffer = hal.allocateDma(tableOffset + tableBytes, 4096)
    const { bytes, physicalAddress } = memory
    const { buffer, byteOffset: start } = bytes
    this.addresses = {
      descriptorArea: physicalAddress,
      driverArea: physicalAddress + eventsOffset,
      deviceArea: physicalAddress + eventsOffset + 4,
    }
    this.ring = new Uint32Array(buffer, start, size * DESCRIPTOR_WORDS)
    this.driverEvents = new Uint16Array(buffer, start + eventsOffset, 2)
    this.deviceEvents = new Uint16Array(buffer, start + eventsOffset + 4, 2)
    this.tablesAddress = physicalAddress + tableOffset
    this.shownSlots = new Uint16Array(size)
    const chainWords = slotCount * CHAIN_WORDS
    this.chains = this.indirect
      ? new Uint32Array(buffer, start + tableOffset, chainWords)
      : new Uint32Array(chainWords)
  }

  reset(): void {
    this.ring.fill(0)
    this.driverEvents.fill(0)
    this.deviceEvents.fill(0)
    this.nextPosition = 0
    this.availableFlags = AVAILABLE
    this.usedPosition = 0
    this.usedWrap = 1
    this.heldCount = 0
    this.addedSlots = 0
    this.outstandingSlots = 0
    this.chains.fill(0)
    this.forgetSlots()
    this.disarmInterrupts()
  }

  get unpublished(): number {
    return this.addedSlots
  }

  get outstanding(): number {
    return this.outstandingSlots
  }

  protected writeBound(slot: number): void {
    const { chains } = this
    const chain = slot * CHAIN_WORDS
    const address = this.boundAddresses[slot]!
    chains[chain] = address
    chains[chain + 1] = address / 0x100000000
    chains[chain + 2] = this.boundLengths[slot]!
    this.shapes[slot] = 1
  }

  describe(
    slot: number,
    length0: number,
    address1: number,
    length1: number,
    address2: number,
    length2: number,
  ): void {
    const { chains } = this
    const chain = slot * CHAIN_WORDS
    chains[chain + 2] = length0
    if (length1 === 0) {
      this.shapes[slot] = 1
      return
    }
    chains[chain + 4] = address1
    chains[chain + 5] = address1 / 0x100000000
    chains[chain + 6] = length1
    if (length2 === 0) {
      this.shapes[slot] = 2
      return
    }
    chains[chain + 8] = address2
    chains[chain + 9] = address2 / 0x100000000
    chains[chain + 10] = length2
    this.shapes[slot] = 3
  }

  describeSeries(
    slots: Uint16Array,
    from: number,
    to: number,
    length0: number,
    { address, length, place, lap }: SeriesRanges,
  ): void {
    const { seriesFields } = this
    const end = address + lap * length
    if ((end | 0) !== end) {
      for (let i = from; i < to; i++) {
        const at = (place + i - from) % lap
        this.describe(slots[i]!, length0, address + at * length, length, 0, 0)
      }
      return
    }
    seriesFields[1] = length0
    seriesFields[4] = address
    seriesFields[5] = length
    seriesFields[10] = length
    this.markSeries(slots, from, to)
    const { bulk } = this.hal
    bulk.storeSeries(this.chains, CHAIN_WORDS, slots, from, to, seriesFields, place, lap)
  }

  describeExchange(
    slot: number,
    length0: number,
    answerAddress: number,
    answerLength: number,
  ): void {
    this.describe(slot, length0, answerAddress, answerLength, 0, 0)
    // Those of a chain's last descriptor.
    this.boundFlags[slot] = WRITE
  }

  /**
   * The word that makes a descriptor available comes last. That of a batch's first descriptor is
   * held back until `publish`: a device reads no further than it, so that one store shows all of
   * them (§2.8.6).
   */
  add(slots: Uint16Array, from: number, to: number): void {
    const { ring, chains, shapes, indirect, isOutstanding, shownSlots, size } = this
    let position = this.nextPosition
    let available = this.availableFlags
    let held = this.heldCount
    for (let i = from; i < to; i++) {
      const slot = slots[i]!
      isOutstanding[slot] = 1
      const shape = shapes[slot]!
      const chain = slot * CHAIN_WORDS
      const parts = indirect ? 1 : shape
      for (let part = 0; part < parts; part++) {
        const at = position * DESCRIPTOR_WORDS
        let word = available | slot
        if (indirect && shape > 1) {
          const table = this.tablesAddress + chain * 4
          ring[at] = table
          ring[at + 1] = table / 0x100000000
          ring[at + 2] = shape * DESCRIPTOR_BYTES
          word |= INDIRECT
        } else {
          const source = chain + part * DESCRIPTOR_WORDS
          ring[at] = chains[source]!
          ring[at + 1] = chains[source + 1]!
          ring[at + 2] = chains[source + 2]!
          // The descriptors of a list follow each other in the ring, and may wrap with it.
          word |= part + 1 < parts ? NEXT : this.boundFlags[slot]!
        }
        if (held++ === 0) {
          this.heldPosition = at + 3
          this.heldWord = word
        } else {
          ring[at + 3] = word
        }
        shownSlots[position] = slot
        if (++position < size) continue
        position = 0
        available ^= AVAILABLE | USED
      }
    }
    this.nextPosition = position
    this.availableFlags = available
    this.heldCount = held
    this.addedSlots += to - from
    this.outstandingSlots += to - from
  }

  publish(): boolean {
    const count = this.heldCount
    if (count === 0) return false
    // x86 shows stores to others in their order: all descriptors before this word.
    this.ring[this.heldPosition] = this.heldWord
    this.heldCount = 0
    this.addedSlots = 0
    // The descriptors must be visible before the suppression structure is read. Everything else is
    // ordered by x86.
    this.hal.memoryBarrier()
    const { deviceEvents } = this
    const flags = deviceEvents[1]!
    if (flags === EVENTS_AT_DESCRIPTOR && this.eventIndex) {
      if (!this.isPassed(deviceEvents[0]!, count)) return false
    } else if (flags === EVENTS_DISABLE) {
      return false
    }
    this.doorbellRegisters![this.doorbellIndex] = this.queueNumber
    return true
  }

  /**
   * §2.8.10: whether the last `count` descriptors include the one that the device wants to hear of.
   */
  private isPassed(event: number, count: number): boolean {
    let position = event & ~WRAP_BIT
    // In the round before the driver's it lies that much further back.
    if (((event & WRAP_BIT) !== 0) !== ((this.availableFlags & AVAILABLE) !== 0))
      position -= this.size
    const distance = (this.nextPosition - position - 1) & 0xffff
    return distance < count
  }

  take(slots: Uint16Array, lengths: Uint32Array, at: number): number {
    const { ring, isOutstanding, shapes, indirect, size, slotCount } = this
    let position = this.usedPosition
    let wrap = this.usedWrap
    let end = at
    for (;;) {
      const word = ring[position * DESCRIPTOR_WORDS + 3]!
      // §2.8.1: used when both bits equal the wrap counter.
      if (word >>> 31 !== wrap || ((word >>> AVAILABLE_SHIFT) & 1) !== wrap) break
      const slot = word & 0xffff
      if (slot >= slotCount || isOutstanding[slot] === 0) {
        this.violation = 'usedIdentifier'
        break
      }
      isOutstanding[slot] = 0
      slots[end] = slot
      lengths[end] = ring[position * DESCRIPTOR_WORDS + 2]!
      end++
      position += indirect ? 1 : shapes[slot]!
      if (position >= size) {
        position -= size
        wrap ^= 1
      }
    }
    this.usedPosition = position
    this.usedWrap = wrap
    this.outstandingSlots -= end - at
    return end - at
  }

  hasUsed(): boolean {
    return this.isUsed(this.usedPosition, this.usedWrap)
  }

  hasUsedAll(): boolean {
    const shown = this.outstandingSlots - this.addedSlots
    return shown === 0 || this.hasUsedMoreThan(shown - 1)
  }

  isIntact(): boolean {
    let position = this.usedPosition
    let wrap = this.usedWrap
    for (let count = this.outstandingSlots - this.addedSlots; count > 0; count--) {
      // What lies behind a used descriptor may be the device's by now.
      if (!this.isAsShown(position, wrap)) return this.hasUsed()
      if (++position < this.size) continue
      position = 0
      wrap ^= 1
    }
    return true
  }

  private isAsShown(position: number, wrap: number): boolean {
    const { ring, chains, boundFlags } = this
    const at = position * DESCRIPTOR_WORDS
    const word = ring[at + 3]!
    // A device may use buffers in another order: what stands here is not what it still has.
    const slot = this.shownSlots[position]!
    const shown = (wrap === 1 ? AVAILABLE : USED) | boundFlags[slot]! | slot
    const chain = slot * CHAIN_WORDS
    return (
      word === shown >>> 0 &&
      ring[at] === chains[chain] &&
      ring[at + 1] === chains[chain + 1] &&
      ring[at + 2] === chains[chain + 2]
    )
  }

  watchUsed(): UsedWord {
    const { watched, addresses, usedPosition } = this
    watched.address = addresses.descriptorArea + usedPosition * DESCRIPTOR_BYTES + FLAGS_OFFSET
    // Available and not used: the first bit equals the wrap counter, the second does not.
    watched.value = (this.usedWrap === 1 ? AVAILABLE : USED) >>> 16
    return watched
  }

  armInterrupts(ignored: number): boolean {
    const { driverEvents, size } = this
    // A slot takes one descriptor or more: with longer lists the interrupt comes sooner, which
    // harms nobody.
    let position = this.usedPosition + ignored
    let wrap = this.usedWrap
    if (position >= size) {
      position -= size
      wrap ^= 1
    }
    if (this.eventIndex) {
      driverEvents[0] = position | (wrap === 1 ? WRAP_BIT : 0)
      driverEvents[1] = EVENTS_AT_DESCRIPTOR
    } else {
      driverEvents[1] = 0
    }
    this.hal.memoryBarrier()
    return !this.hasUsedMoreThan(ignored)
  }

  disarmInterrupts(): void {
    this.driverEvents[1] = EVENTS_DISABLE
  }

  /**
   * Looks at no more slots than the device can hold; an identifier that cannot be counts as work,
   * for `take` to refuse.
   */
  private hasUsedMoreThan(ignored: number): boolean {
    const { ring, shapes, indirect, size } = this
    let position = this.usedPosition
    let wrap = this.usedWrap
    for (let count = 0; count <= ignored; count++) {
      if (!this.isUsed(position, wrap)) return false
      const slot = ring[position * DESCRIPTOR_WORDS + 3]! & 0xffff
      position += indirect ? 1 : (shapes[slot] ?? 1)
      if (position >= size) {
        position -= size
        wrap ^= 1
      }
    }
    return true
  }

  private isUsed(position: number, wrap: number): boolean {
    const word = this.ring[position * DESCRIPTOR_WORDS + 3]!
    return word >>> 31 === wrap && ((word >>> AVAILABLE_SHIFT) & 1) === wrap
  }
}
