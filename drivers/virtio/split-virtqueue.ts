/** A split virtqueue with fixed slots and private shadow state (virtio 1.4 §2.7): nothing a device can write is trusted twice. */
import type { DmaBuffer } from '../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../kernel/hal/hal.ts'
import type { Registers } from '../pci/registers.ts'
import type { Doorbell, QueueAddresses } from './transport.ts'

/** takeUsed: the device has given nothing back. */
export const NOTHING_USED = -1
/** takeUsed: what the device wrote cannot be; `lie` says what. */
export const DEVICE_LIED = -2

const DESCRIPTOR_NEXT = 1
const DESCRIPTOR_WRITE = 2
const DESCRIPTOR_INDIRECT = 4
const AVAILABLE_NO_INTERRUPT = 1
const USED_NO_NOTIFY = 1
const DESCRIPTOR_BYTES = 16
const DESCRIPTOR_WORDS = 4
/** A chain has one fixed first descriptor (a header) and up to two more. */
const CHAIN_DESCRIPTORS = 3
const CHAIN_WORDS = CHAIN_DESCRIPTORS * DESCRIPTOR_WORDS
const INTERRUPT_NEVER_DISTANCE = 0x7fff

export interface SplitVirtqueueOptions {
  readonly size: number
  /** True: a slot posts chains of one to three descriptors. False: always exactly its first. */
  readonly chained: boolean
  readonly indirect: boolean
  readonly eventIndex: boolean
  readonly wantedSlots: number
}

/**
 * Slot s always uses the same descriptors, so there is no descriptor allocator: with indirect tables or single
 * descriptors its head is descriptor s, otherwise 3s. A slot is free or outstanding; which are free the user knows.
 */
export class SplitVirtqueue {
  readonly size: number
  readonly slots: number
  /** Slots that the device holds. */
  outstanding = 0
  /** Bytes the device wrote for the slot that takeUsed returned. */
  usedLength = 0
  /** What was wrong when takeUsed returned DEVICE_LIED. */
  lie = ''
  private readonly hal: Hal
  private readonly eventIndex: boolean
  private readonly indirect: boolean
  private readonly mask: number
  private readonly addressesOfRings: QueueAddresses
  private readonly descriptors: Uint32Array
  private readonly available: Uint16Array
  private readonly used: Uint16Array
  private readonly usedWords: Uint32Array
  private readonly availableEventOffset: number
  private readonly usedEventOffset: number
  /** Where chains are written: the indirect tables, or the descriptor table itself. */
  private readonly chains: Uint32Array
  private readonly tableAddresses: Float64Array
  private readonly firstAddresses: Float64Array
  private readonly slotOfHead: Int32Array
  private readonly headOfSlot: Uint16Array
  private readonly isOutstanding: Uint8Array
  private availableIndex = 0
  private publishedIndex = 0
  private lastUsed = 0
  private doorbellRegisters: Registers | null = null
  private doorbellIndex = 0
  private queueNumber = 0

  constructor(hal: Hal, options: SplitVirtqueueOptions) {
    const { size, chained, indirect, eventIndex } = options
    this.hal = hal
    this.size = size
    this.mask = size - 1
    this.eventIndex = eventIndex
    this.indirect = chained && indirect
    const stride = chained && !indirect ? CHAIN_DESCRIPTORS : 1
    this.slots = Math.min(options.wantedSlots, Math.floor(size / stride))
    // §2.7: descriptors 16-byte aligned, available ring 2, used ring 4.
    const availableOffset = size * DESCRIPTOR_BYTES
    const usedOffset = (availableOffset + 6 + 2 * size + 63) & ~63
    const tableOffset = (usedOffset + 6 + 8 * size + 63) & ~63
    const tableBytes = this.indirect ? this.slots * CHAIN_WORDS * 4 : 0
    const memory: DmaBuffer = hal.allocateDma(tableOffset + tableBytes, 4096)
    const { bytes, physicalAddress } = memory
    const { buffer } = bytes
    const start = bytes.byteOffset
    this.addressesOfRings = {
      descriptorTable: physicalAddress,
      availableRing: physicalAddress + availableOffset,
      usedRing: physicalAddress + usedOffset,
    }
    this.descriptors = new Uint32Array(buffer, start, size * DESCRIPTOR_WORDS)
    this.available = new Uint16Array(buffer, start + availableOffset, size + 3)
    this.used = new Uint16Array(buffer, start + usedOffset, size * 4 + 3)
    this.usedWords = new Uint32Array(buffer, start + usedOffset, size * 2 + 1)
    this.usedEventOffset = size + 2
    this.availableEventOffset = size * 4 + 2
    this.chains = this.indirect
      ? new Uint32Array(buffer, start + tableOffset, this.slots * CHAIN_WORDS)
      : this.descriptors
    this.tableAddresses = new Float64Array(this.slots)
    this.firstAddresses = new Float64Array(this.slots)
    this.slotOfHead = new Int32Array(size).fill(-1)
    this.headOfSlot = new Uint16Array(this.slots)
    this.isOutstanding = new Uint8Array(this.slots)
    for (let slot = 0; slot < this.slots; slot++) {
      this.tableAddresses[slot] = physicalAddress + tableOffset + slot * CHAIN_WORDS * 4
      this.headOfSlot[slot] = slot * stride
      this.slotOfHead[slot * stride] = slot
    }
  }

  get addresses(): QueueAddresses {
    return this.addressesOfRings
  }

  connect(queueNumber: number, doorbell: Doorbell): void {
    this.queueNumber = queueNumber
    this.doorbellRegisters = doorbell.registers
    this.doorbellIndex = doorbell.index
  }

  /** Forgets everything outstanding. Only after a device reset: until then it may write to exposed buffers. */
  reset(): void {
    this.available.fill(0)
    this.used.fill(0)
    this.isOutstanding.fill(0)
    this.outstanding = 0
    this.availableIndex = 0
    this.publishedIndex = 0
    this.lastUsed = 0
    this.lie = ''
    this.disarmInterrupts()
  }

  /** Fixes the slot's first descriptor: its memory, and whether the device writes there. */
  bind(slot: number, physicalAddress: number, lengthBytes: number, deviceWrites: boolean): void {
    this.firstAddresses[slot] = physicalAddress
    writeDescriptor(
      this.descriptors,
      this.headOfSlot[slot]! * DESCRIPTOR_WORDS,
      physicalAddress,
      lengthBytes,
      deviceWrites ? DESCRIPTOR_WRITE : 0,
    )
    if (!this.indirect) return
    writeDescriptor(this.chains, slot * CHAIN_WORDS, physicalAddress, lengthBytes, 0)
  }

  /** Queues the slot's bound descriptor as it is. */
  add(slot: number): void {
    const index = this.availableIndex
    this.available[2 + (index & this.mask)] = this.headOfSlot[slot]!
    this.availableIndex = (index + 1) & 0xffff
    this.isOutstanding[slot] = 1
    this.outstanding++
  }

  /**
   * Queues the slot's bound memory, its first `length0` bytes, followed by up to two ranges that the device reads.
   * A range of length 0 is left out: "zero-length descriptors" stop QEMU (virtio_error).
   */
  addChain(
    slot: number,
    length0: number,
    address1: number,
    length1: number,
    address2: number,
    length2: number,
  ): void {
    const { descriptors } = this
    let head = this.headOfSlot[slot]! * DESCRIPTOR_WORDS
    if (length1 === 0) {
      if (length2 === 0) {
        writeDescriptor(descriptors, head, this.firstAddresses[slot]!, length0, 0)
        this.add(slot)
        return
      }
      this.addChain(slot, length0, address2, length2, 0, 0)
      return
    }
    const { chains, indirect } = this
    const chain = slot * CHAIN_WORDS
    // `next` counts from the start of the indirect table, or of the descriptor table.
    const next = indirect ? 0 : head << 14
    if (indirect) {
      const table = this.tableAddresses[slot]!
      descriptors[head] = table
      descriptors[++head] = table < 0x100000000 ? 0 : table / 0x100000000
      descriptors[++head] = length2 === 0 ? 2 * DESCRIPTOR_BYTES : 3 * DESCRIPTOR_BYTES
      descriptors[++head] = DESCRIPTOR_INDIRECT
    }
    chains[chain + 2] = length0
    chains[chain + 3] = next + (DESCRIPTOR_NEXT | 0x10000)
    chains[chain + 4] = address1
    chains[chain + 5] = address1 < 0x100000000 ? 0 : address1 / 0x100000000
    chains[chain + 6] = length1
    if (length2 === 0) {
      chains[chain + 7] = 0
    } else {
      chains[chain + 7] = next + (DESCRIPTOR_NEXT | 0x20000)
      chains[chain + 8] = address2
      chains[chain + 9] = address2 < 0x100000000 ? 0 : address2 / 0x100000000
      chains[chain + 10] = length2
      chains[chain + 11] = 0
    }
    const index = this.availableIndex
    this.available[2 + (index & this.mask)] = this.headOfSlot[slot]!
    this.availableIndex = (index + 1) & 0xffff
    this.isOutstanding[slot] = 1
    this.outstanding++
  }

  /** Shows the device everything added, and notifies it if it asks for that. True when it was notified. */
  publish(): boolean {
    const index = this.availableIndex
    const before = this.publishedIndex
    if (index === before) return false
    this.available[1] = index
    this.publishedIndex = index
    // §2.7.13.4.1: the index must be visible before the suppression field is read. Everything else is ordered by x86.
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

  /** The slot that the device gives back next, NOTHING_USED, or DEVICE_LIED. Every field is read once, then checked. */
  takeUsed(): number {
    const last = this.lastUsed
    const index = this.used[1]!
    if (index === last) return NOTHING_USED
    if (((index - last) & 0xffff) > this.outstanding) return this.refuse('usedIndex')
    const position = ((last & this.mask) << 1) + 1
    const head = this.usedWords[position]!
    if (head >= this.size) return this.refuse('usedIdentifier')
    const slot = this.slotOfHead[head]!
    if (slot < 0 || this.isOutstanding[slot] === 0) return this.refuse('usedIdentifier')
    this.usedLength = this.usedWords[position + 1]!
    this.isOutstanding[slot] = 0
    this.outstanding--
    this.lastUsed = (last + 1) & 0xffff
    return slot
  }

  /** Slots that the device says it has given back and that were not taken yet; may be a lie. */
  usedCount(): number {
    return (this.used[1]! - this.lastUsed) & 0xffff
  }

  /**
   * Asks for an interrupt once more than `ignored` further slots are given back. False: they already are, and an
   * interrupt may never come (§2.7.7.1, "driver … MUST re-check").
   */
  armInterrupts(ignored: number): boolean {
    if (this.eventIndex) this.available[this.usedEventOffset] = (this.lastUsed + ignored) & 0xffff
    else this.available[0] = 0
    this.hal.memoryBarrier()
    return this.usedCount() <= ignored
  }

  disarmInterrupts(): void {
    if (this.eventIndex) {
      // The device interrupts when it passes this index: one spurious interrupt in 32767 buffers.
      this.available[this.usedEventOffset] = (this.lastUsed + INTERRUPT_NEVER_DISTANCE) & 0xffff
    } else {
      this.available[0] = AVAILABLE_NO_INTERRUPT
    }
  }

  private refuse(lie: string): number {
    this.lie = lie
    return DEVICE_LIED
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
