/**
 * A split virtqueue with fixed slots and private shadow state (virtio 1.4 §2.7): nothing a device
 * can write is trusted twice.
 */
import type { DmaBuffer } from '../dma-buffer.ts'
import type { Hal, HalBulk } from '../hal.ts'
import {
  BoundQueue,
  CHAIN_WORDS,
  DESCRIPTOR_BYTES,
  DESCRIPTOR_WORDS,
  SERIES_SHAPE,
} from './bound-queue.ts'
import type { QueueAddresses } from './transport.ts'
import type { SeriesRanges, UsedWord, Virtqueue, VirtqueueOptions } from './virtqueue.ts'

const DESCRIPTOR_NEXT = 1
const DESCRIPTOR_WRITE = 2
const DESCRIPTOR_INDIRECT = 4
const AVAILABLE_NO_INTERRUPT = 1
const USED_NO_NOTIFY = 1
const INTERRUPT_NEVER_DISTANCE = 0x7fff
/** Where the rings begin, behind flags and index: elements of 16 and of 32 bits. */
const AVAILABLE_RING = 2
const USED_RING = 1

/**
 * A slot is named by its head descriptor and always uses the same descriptors, so there is no
 * descriptor allocator: slots are 0, 1, 2, … with indirect tables or single descriptors and 0, 3,
 * 6, … otherwise (`slotStride`). Which slots are free the user knows. What a slot's chain looked
 * like last time is remembered, so that only what changes is written.
 */
export class SplitVirtqueue extends BoundQueue implements Virtqueue {
  readonly addresses: QueueAddresses
  private readonly bulk: HalBulk
  private readonly mask: number
  private readonly descriptors: Uint32Array
  private readonly available: Uint16Array
  private readonly used: Uint16Array
  private readonly usedWords: Uint32Array
  private readonly availableEventOffset: number
  private readonly usedEventOffset: number
  /** Where chains are written: the indirect tables, or the descriptor table itself. */
  private readonly chains: Uint32Array
  /** Words of `chains` from one slot number to the next. */
  private readonly chainStride: number
  private readonly tablesAddress: number
  /** Of a chain in a series: the header's length, address and length of its range. */
  private readonly seriesFields = Uint32Array.of(2, 0, 0, 4, 0, 0, 6, 0, 0)
  /** True once an address needed its upper half: until then all upper halves are 0. */
  private hasWideAddresses = false
  private availableIndex = 0
  private publishedIndex = 0
  private lastUsed = 0
  private readonly watched: UsedWord

  constructor(hal: Hal, options: VirtqueueOptions) {
    super(hal, options, DESCRIPTOR_WRITE, true)
    const { size } = options
    this.bulk = hal.bulk
    this.mask = size - 1
    // §2.7: descriptors 16-byte aligned, available ring 2, used ring 4.
    const availableOffset = size * DESCRIPTOR_BYTES
    const usedOffset = (availableOffset + 6 + 2 * size + 63) & ~63
    const tableOffset = (usedOffset + 6 + 8 * size + 63) & ~63
    const tableBytes = this.indirect ? this.slotCount * CHAIN_WORDS * 4 : 0
    const memory: DmaBuffer = hal.allocateDma(tableOffset + tableBytes, 4096)
    const { bytes, physicalAddress } = memory
    const { buffer } = bytes
    const start = bytes.byteOffset
    this.addresses = {
      descriptorArea: physicalAddress,
      driverArea: physicalAddress + availableOffset,
      deviceArea: physicalAddress + usedOffset,
    }
    this.watched = { address: physicalAddress + usedOffset + 2, mask: 0xffff, value: 0 }
    this.descriptors = new Uint32Array(buffer, start, size * DESCRIPTOR_WORDS)
    this.available = new Uint16Array(buffer, start + availableOffset, size + 3)
    this.used = new Uint16Array(buffer, start + usedOffset, size * 4 + 3)
    this.usedWords = new Uint32Array(buffer, start + usedOffset, size * 2 + 1)
    this.usedEventOffset = size + 2
    this.availableEventOffset = size * 4 + 2
    this.tablesAddress = physicalAddress + tableOffset
    this.chains = this.indirect
      ? new Uint32Array(buffer, start + tableOffset, this.slotCount * CHAIN_WORDS)
      : this.descriptors
    this.chainStride = this.indirect ? CHAIN_WORDS : DESCRIPTOR_WORDS
  }

  reset(): void {
    this.available.fill(0)
    this.used.fill(0)
    this.availableIndex = 0
    this.publishedIndex = 0
    this.lastUsed = 0
    this.descriptors.fill(0)
    if (this.indirect) this.chains.fill(0)
    this.forgetSlots()
    this.disarmInterrupts()
  }

  get unpublished(): number {
    return (this.availableIndex - this.publishedIndex) & 0xffff
  }

  get outstanding(): number {
    return (this.availableIndex - this.lastUsed) & 0xffff
  }

  protected writeBound(slot: number): void {
    const physicalAddress = this.boundAddresses[slot]!
    const lengthBytes = this.boundLengths[slot]!
    const head = slot * DESCRIPTOR_WORDS
    writeDescriptor(this.descriptors, head, physicalAddress, lengthBytes, this.boundFlags[slot]!)
    if (!this.indirect) return
    writeDescriptor(this.chains, slot * CHAIN_WORDS, physicalAddress, lengthBytes, 0)
  }

  describe(
    slot: number,
    length0: number,
    address1: number,
    length1: number,
    address2: number,
    length2: number,
  ): void {
    const shape = length1 === 0 ? 1 : length2 === 0 ? 2 : 3
    if (this.shapes[slot] !== shape) this.shapeChain(slot, shape)
    if (shape === 1) {
      this.descriptors[slot * DESCRIPTOR_WORDS + 2] = length0
      return
    }
    const { chains } = this
    const chain = slot * this.chainStride
    chains[chain + 2] = length0
    chains[chain + 4] = address1
    chains[chain + 6] = length1
    if (shape === 3) {
      chains[chain + 8] = address2
      chains[chain + 10] = length2
      if ((address2 | 0) !== address2) this.hasWideAddresses = true
    }
    if ((address1 | 0) !== address1 || this.hasWideAddresses) {
      this.hasWideAddresses = true
      chains[chain + 5] = address1 / 0x100000000
      if (shape === 3) chains[chain + 9] = address2 / 0x100000000
    }
  }

  describeSeries(
    slots: Uint16Array,
    from: number,
    to: number,
    length0: number,
    { address, length, place, lap }: SeriesRanges,
  ): void {
    const end = address + lap * length
    if (this.hasWideAddresses || (end | 0) !== end) {
      for (let i = from; i < to; i++) {
        const at = (place + i - from) % lap
        this.describe(slots[i]!, length0, address + at * length, length, 0, 0)
      }
      return
    }
    const { bulk, seriesFields, shapes } = this
    for (let i = from; i < to; ) {
      const alike = i + bulk.countAlike(shapes, slots, i, to)
      if (shapes[slots[i]!] === SERIES_SHAPE) i = alike
      else for (; i < alike; i++) this.shapeChain(slots[i]!, SERIES_SHAPE)
    }
    seriesFields[1] = length0
    seriesFields[4] = address
    seriesFields[5] = length
    seriesFields[7] = length
    const { chains, chainStride } = this
    bulk.storeSeries(chains, chainStride, slots, from, to, seriesFields, place, lap)
  }

  describeExchange(
    slot: number,
    length0: number,
    answerAddress: number,
    answerLength: number,
  ): void {
    const { chains } = this
    const chain = slot * this.chainStride
    this.shapes[slot] = 0
    chains[chain + 2] = length0
    chains[chain + 3] = ((slot + 1) << 16) | DESCRIPTOR_NEXT
    writeDescriptor(chains, chain + 4, answerAddress, answerLength, DESCRIPTOR_WRITE)
  }

  add(slots: Uint16Array, from: number, to: number): void {
    const { available, isOutstanding, mask } = this
    const index = this.availableIndex
    this.bulk.pushSlots(available, AVAILABLE_RING, mask, index, slots, from, to, isOutstanding)
    this.availableIndex = (index + to - from) & 0xffff
  }

  /** Writes what only depends on the number of descriptors: the head, flags and links. */
  private shapeChain(slot: number, shape: number): void {
    const { descriptors, chains } = this
    const head = slot * DESCRIPTOR_WORDS
    const chain = slot * this.chainStride
    this.shapes[slot] = shape
    if (shape === 1) {
      writeDescriptor(descriptors, head, this.boundAddresses[slot]!, 0, 0)
      return
    }
    if (this.indirect) {
      const table = this.tablesAddress + chain * 4
      writeDescriptor(descriptors, head, table, shape * DESCRIPTOR_BYTES, DESCRIPTOR_INDIRECT)
    }
    // `next` counts from the start of the indirect table, or of the descriptor table.
    const first = this.indirect ? 0 : slot
    chains[chain + 3] = ((first + 1) << 16) | DESCRIPTOR_NEXT
    chains[chain + 7] = shape === 2 ? 0 : ((first + 2) << 16) | DESCRIPTOR_NEXT
    if (shape === 3) chains[chain + 11] = 0
  }

  publish(): boolean {
    const index = this.availableIndex
    const before = this.publishedIndex
    if (index === before) return false
    this.available[1] = index
    this.publishedIndex = index
    // §2.7.13.4.1: the index must be visible before the suppression field is read. Everything else
    // is ordered by x86.
    this.hal.memoryBarrier()
    if (this.eventIndex) {
      const event = this.used[this.availableEventOffset]!
      if (((index - event - 1) & 0xffff) >= ((index - before) & 0xffff)) return false
    } else if ((this.used[0]! & USED_NO_NOTIFY) !== 0) {
      return false
    }
    this.doorbellRegisters![this.doorbellIndex] = this.queueNumber
    return true
  }

  take(slots: Uint16Array, lengths: Uint32Array, at: number): number {
    const last = this.lastUsed
    const index = this.used[1]!
    if (index === last) return 0
    const count = (index - last) & 0xffff
    if (count > ((this.availableIndex - last) & 0xffff)) {
      this.violation = 'usedIndex'
      return 0
    }
    const { bulk, usedWords: pairs, mask, isOutstanding: marks } = this
    const taken = bulk.pullSlots(pairs, USED_RING, mask, last, count, marks, slots, lengths, at)
    if (taken !== count) this.violation = 'usedIdentifier'
    this.lastUsed = (last + taken) & 0xffff
    return taken
  }

  hasUsed(): boolean {
    return this.used[1] !== this.lastUsed
  }

  hasUsedAll(): boolean {
    return this.used[1] === this.publishedIndex
  }

  isIntact(): boolean {
    const { descriptors, isOutstanding, boundAddresses, boundLengths, boundFlags } = this
    if (this.available[1] !== this.publishedIndex) return false
    for (let slot = 0; slot < this.size; slot++) {
      if (isOutstanding[slot] === 0) continue
      const at = slot * DESCRIPTOR_WORDS
      const address = boundAddresses[slot]!
      if (
        descriptors[at] !== address >>> 0 ||
        descriptors[at + 1] !== Math.floor(address / 0x100000000) ||
        descriptors[at + 2] !== boundLengths[slot] ||
        descriptors[at + 3] !== boundFlags[slot]
      ) {
        return false
      }
    }
    return true
  }

  watchUsed(): UsedWord {
    const { watched } = this
    watched.value = this.lastUsed
    return watched
  }

  armInterrupts(ignored: number): boolean {
    if (this.eventIndex) this.available[this.usedEventOffset] = (this.lastUsed + ignored) & 0xffff
    else this.available[0] = 0
    this.hal.memoryBarrier()
    return ((this.used[1]! - this.lastUsed) & 0xffff) <= ignored
  }

  disarmInterrupts(): void {
    if (this.eventIndex) {
      // The device interrupts when it passes this index: one spurious interrupt in 32767 buffers.
      this.available[this.usedEventOffset] = (this.lastUsed + INTERRUPT_NEVER_DISTANCE) & 0xffff
    } else {
      this.available[0] = AVAILABLE_NO_INTERRUPT
    }
  }
}

function writeDescriptor(
  table: Uint32Array,
  at: number,
  physicalAddress: number,
  lengthBytes: number,
  flags: number,
): void {
  table[at] = physicalAddress
  table[at + 1] = physicalAddress / 0x100000000
  table[at + 2] = lengthBytes
  table[at + 3] = flags
}
