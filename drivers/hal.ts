/**
 * The whole platform as drivers see it: ports, MMIO, DMA memory, interrupts, clock, entropy, bulk
 * bytes.
 */
import type { BulkOperations } from '../net/storage/buffer.ts'
import type { DmaBuffer } from './dma-buffer.ts'
import type { SlotOperations } from './slot-operations.ts'

/**
 * Byte-moving work that must not be a TypeScript loop: what the stack asks for, and what pages and
 * files are checked by.
 */
export interface HalBulk extends BulkOperations, SlotOperations {
  /** ISO 3309, reflected; `initial` is 0 or the result so far. Unsigned. */
  crc32(bytes: Uint8Array, offset: number, lengthBytes: number, initial: number): number
  /**
   * How many of slots[from] to slots[to - 1] in a row begin like one of the rules, slot n at n *
   * `strideBytes` of `bytes`. A rule is 64 bytes of pattern, then 64 of mask.
   */
  countMatching(
    bytes: Uint8Array,
    strideBytes: number,
    slots: Uint16Array,
    from: number,
    to: number,
    rules: Uint8Array,
  ): number
  /**
   * How many of slots[from] to slots[to - 1] in a row are one run, the first included: equal to it
   * in all bits of their headers that `mask` has set, right, in order, and at most `maxLength`
   * bytes together. Slot n is `strideBytes` at n * `strideBytes` of `bytes`, lengths[i] that of the
   * frame in slots[i]. `layout` is a RunLayout as numbers, in its order, offsets from the beginning
   * of a slot. Text that is no multiple of `unit` ends the run; after text of one unit none is
   * longer. With `unit` 0 frames have no text, and each a number beyond that of the one before.
   */
  countContinuing(
    bytes: Uint8Array,
    strideBytes: number,
    slots: Uint16Array,
    lengths: Uint32Array,
    from: number,
    to: number,
    mask: Uint8Array,
    layout: Uint16Array,
    unit: number,
    maxLength: number,
  ): number
}

export interface Hal {
  readonly bulk: HalBulk

  portRead8(port: number): number
  portRead16(port: number): number
  portRead32(port: number): number
  portWrite8(port: number, value: number): void
  portWrite16(port: number, value: number): void
  portWrite32(port: number, value: number): void

  /** Maps MMIO or firmware memory; typed-array accesses are bus accesses of the element's width. */
  mapMemory(physicalAddress: number, lengthBytes: number): ArrayBuffer
  /**
   * Zeroed, physically contiguous memory that is never freed; throws RangeError when it does not
   * fit.
   */
  allocateDma(lengthBytes: number, alignmentBytes: number): DmaBuffer
  /** A full barrier between memory accesses seen by devices. */
  memoryBarrier(): void

  /**
   * Counters written by interrupt handlers: [0] all device interrupts, [1 + v] those of vector v.
   */
  readonly interruptCounters: Uint32Array
  readonly interruptVectorCount: number
  readonly interruptMessageAddress: number
  interruptMessageData(vector: number): number
  routeInterruptLine(globalInterrupt: number, vector: number, activeHigh: boolean): void
  unmaskInterruptLine(globalInterrupt: number): void

  /** Monotonic nanoseconds since entry. */
  monotonicNs(): number
  /** False when the CPU has no working hardware generator. */
  hardwareRandom(target: Uint8Array, offset: number, lengthBytes: number): boolean
  timestampCounter(): number

  /** Physical address of the ACPI root pointer, 0 when unknown. */
  readonly acpiRootPointer: number
}
