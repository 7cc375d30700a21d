/** Memory that frames and socket payload live in, and the bulk work done on it: what the platform lends the stack. */

/** A piece of device-visible memory with its views made once. `kernel/hal`'s DmaBuffer has this shape. */
export interface PacketBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Address of bytes[0] as the device sees it; below 2^53. */
  readonly physicalAddress: number
  readonly lengthBytes: number
}

/** Gives out memory for socket buffers; the platform decides where it comes from. */
export interface BufferAllocator {
  /** Throws RangeError when memory is exhausted. */
  allocate(lengthBytes: number): PacketBuffer
}

/** Work on many bytes, done by the platform outside the interpreter. Ranges must lie inside their arrays. */
export interface BulkOperations {
  copy(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void
  fill(target: Uint8Array, offset: number, value: number, lengthBytes: number): void
  /** RFC 1071 sum added to `initialSum` (0..0xffffffff), folded to 16 bits, not complemented. */
  checksum(bytes: Uint8Array, offset: number, lengthBytes: number, initialSum: number): number
}

/**
 * Whose payload a transmitted frame points into. Incremented by the device at commit, decremented when the
 * device has given the descriptors back: memory may be reused or freed only at 0.
 */
export interface PayloadOwner {
  framesInFlight: number
}
