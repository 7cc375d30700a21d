/**
 * What a queue of either ring format keeps for itself: its doorbell, and the memory that each slot
 * was bound to.
 */
import type { Hal } from '../hal.ts'
import type { Registers } from '../pci/registers.ts'
import type { Doorbell, QueueAddresses } from './transport.ts'
import type { VirtqueueOptions } from './virtqueue.ts'

export const DESCRIPTOR_BYTES = 16
export const DESCRIPTOR_WORDS = 4
/** A chain has one fixed first descriptor (a header) and up to two more. */
export const CHAIN_DESCRIPTORS = 3
export const CHAIN_WORDS = CHAIN_DESCRIPTORS * DESCRIPTOR_WORDS
/** In a series: header and one range. */
export const SERIES_SHAPE = 2

/**
 * The base class of both formats rather than a part of them: the packet path reaches each field
 * with one look-up.
 */
export abstract class BoundQueue {
  readonly size: number
  readonly slotCount: number
  readonly slotStride: number
  violation = ''
  abstract readonly addresses: QueueAddresses
  protected readonly hal: Hal
  protected readonly eventIndex: boolean
  protected readonly indirect: boolean
  /** By slot, of its first descriptor; length 0 = never bound. */
  protected readonly boundAddresses: Float64Array
  protected readonly boundLengths: Uint32Array
  /** 0, or what says in this format that the device writes. */
  protected readonly boundFlags: Uint32Array
  /** Descriptors in the slot's chain when it was last described; 0 = never. */
  protected readonly shapes: Uint8Array
  protected readonly isOutstanding: Uint8Array
  protected doorbellRegisters: Registers | null = null
  protected doorbellIndex = 0
  protected queueNumber = 0
  private readonly writeFlag: number

  /**
   * `writeFlag`: what says that the device writes. `namesDescriptors`: a slot's number is that of
   * its first descriptor.
   */
  protected constructor(
    hal: Hal,
    options: VirtqueueOptions,
    writeFlag: number,
    namesDescriptors: boolean,
  ) {
    const { size, chained } = options
    this.hal = hal
    this.size = size
    this.eventIndex = options.eventIndex
    this.indirect = chained && options.indirect
    const descriptorsOfSlot = chained && !this.indirect ? CHAIN_DESCRIPTORS : 1
    this.slotStride = namesDescriptors ? descriptorsOfSlot : 1
    this.slotCount = Math.min(options.wantedSlots, Math.floor(size / descriptorsOfSlot))
    this.writeFlag = writeFlag
    const slotNumbers = namesDescriptors ? size : this.slotCount
    this.boundAddresses = new Float64Array(slotNumbers)
    this.boundLengths = new Uint32Array(slotNumbers)
    this.boundFlags = new Uint32Array(slotNumbers)
    this.shapes = new Uint8Array(slotNumbers)
    this.isOutstanding = new Uint8Array(slotNumbers)
  }

  connect(queueNumber: number, doorbell: Doorbell): void {
    this.queueNumber = queueNumber
    this.doorbellRegisters = doorbell.registers
    this.doorbellIndex = doorbell.index
  }

  bind(slot: number, physicalAddress: number, lengthBytes: number, deviceWrites: boolean): void {
    this.boundAddresses[slot] = physicalAddress
    this.boundLengths[slot] = lengthBytes
    this.boundFlags[slot] = deviceWrites ? this.writeFlag : 0
    this.writeBound(slot)
  }

  notify(): void {
    this.doorbellRegisters![this.doorbellIndex] = this.queueNumber
  }

  /** The chains of slots[from] to slots[to - 1] have the shape of a series. */
  protected markSeries(slots: Uint16Array, from: number, to: number): void {
    this.hal.bulk.markSlots(this.shapes, slots, from, to, SERIES_SHAPE)
  }

  /** Puts the slot's first descriptor where the format keeps it, as it was bound. */
  protected abstract writeBound(slot: number): void

  /**
   * Nothing is outstanding, and each slot is as it was bound: what lay in memory that a device
   * reaches is not believed.
   */
  protected forgetSlots(): void {
    this.violation = ''
    this.isOutstanding.fill(0)
    this.shapes.fill(0)
    this.boundLengths.forEach((lengthBytes, slot) => {
      if (lengthBytes !== 0) this.writeBound(slot)
    })
  }
}
