/**
 * Memory that frames and socket payload live in, and the bulk work done on it: what the platform
 * lends the stack.
 */

/** A piece of device-visible memory with its views made once; drivers know it as DmaBuffer. */
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

/**
 * Work on many bytes, or many fields, done by the platform outside the interpreter. Ranges must lie
 * inside their arrays.
 */
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
  /**
   * True when the first `lengthBytes` of `pattern` equal those at `offset` in all bits that `mask`
   * has set.
   */
  matches(
    bytes: Uint8Array,
    offset: number,
    pattern: Uint8Array,
    mask: Uint8Array,
    lengthBytes: number,
  ): boolean
  /**
   * Copies `lengthBytes`, a multiple of 4, to the start of `target`, the bytes of each 32-bit word
   * reversed: what was in network order is then an element of an Int32Array over the same memory.
   */
  loadWords(target: Uint8Array, bytes: Uint8Array, offset: number, lengthBytes: number): void
  /** The other way round: the words at the start of `words` to `target`, in network order. */
  storeWords(target: Uint8Array, offset: number, words: Uint8Array, lengthBytes: number): void
  /**
   * HalfSipHash-2-4 of the first `lengthBytes` of `bytes` with a key of eight octets: an int32 that
   * nobody foretells without it.
   */
  keyedHash(key: Uint8Array, bytes: Uint8Array, lengthBytes: number): number
  /**
   * A new object with the prototype, the fields and their values of a plain one: all at once, where
   * a constructor adds one after the other. Throws TypeError for anything else.
   */
  copyRecord<Kind extends object>(record: Kind): Kind
}

/** What makes objects after a pattern. */
export type RecordCopier = Pick<BulkOperations, 'copyRecord'>

/** What secrets are kept by. */
export type KeyedHash = Pick<BulkOperations, 'keyedHash'>

/**
 * Whose payload a transmitted frame points into. Incremented by the device at commit, decremented
 * when the device has given the descriptors back: memory may be reused or freed only at 0.
 */
export interface PayloadOwner {
  framesInFlight: number
}
