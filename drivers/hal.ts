/** The whole platform as drivers see it: ports, MMIO, DMA memory, interrupts, clock, entropy, bulk bytes. */
import type { DmaBuffer } from './dma-buffer.ts'

/** Byte-moving work that must not be a TypeScript loop. Structurally the same as net's BulkOperations. */
export interface HalBulk {
  copy(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void
  fill(target: Uint8Array, offset: number, value: number, lengthBytes: number): void
  /** RFC 1071 sum added to `initialSum`, folded to 16 bits, not complemented. */
  checksum(bytes: Uint8Array, offset: number, lengthBytes: number, initialSum: number): number
  crc32(bytes: Uint8Array, offset: number, lengthBytes: number, initial: number): number
  /** True when the first `lengthBytes` of `pattern` equal those at `offset` in all bits that `mask` has set. */
  matches(
    bytes: Uint8Array,
    offset: number,
    pattern: Uint8Array,
    mask: Uint8Array,
    lengthBytes: number,
  ): boolean
  /**
   * Copies `lengthBytes`, a multiple of 4, to the start of `target`, the bytes of each 32-bit word reversed: what was in
   * network order is then an element of an Int32Array over the same memory.
   */
  loadWords(target: Uint8Array, bytes: Uint8Array, offset: number, lengthBytes: number): void
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
  /** Zeroed, physically contiguous memory that is never freed; throws RangeError when it does not fit. */
  allocateDma(lengthBytes: number, alignmentBytes: number): DmaBuffer
  /** A full barrier between memory accesses seen by devices. */
  memoryBarrier(): void

  /** Counters written by interrupt handlers: [0] all device interrupts, [1 + v] those of vector v. */
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
