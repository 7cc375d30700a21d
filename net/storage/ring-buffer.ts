/**
 * A stream of bytes in device-visible memory that may come, grow and go, addressed by wrapping
 * positions such as sequence numbers.
 */
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../wire/sequence.ts'
import type { BulkOperations, PacketBuffer } from './buffer.ts'

/** What is behind a ring that has no memory. */
const NO_MEMORY: PacketBuffer = {
  bytes: new Uint8Array(0),
  view: new DataView(new ArrayBuffer(0)),
  physicalAddress: 0,
  lengthBytes: 0,
}

/**
 * Positions are int32 and wrap modulo 2^32, so a TCP socket may use sequence numbers as they are.
 * Bytes [start, end) are those of the stream, and [end, start + capacity) may be filled ahead of
 * `end` out of order. Without memory the capacity is 0 and the positions still count.
 */
export class RingBuffer {
  buffer = NO_MEMORY
  /**
   * Bytes of memory; a power of two, so that the place of a position is one AND, or 0. Read only
   * outside.
   */
  capacity = 0
  /** Position of the first byte. */
  start = 0
  /** Position after the last byte. */
  end = 0

  /** Empties the ring; the next byte will be at `position`. */
  reset(position: number): void {
    this.start = position | 0
    this.end = position | 0
  }

  /**
   * Has its bytes in `memory` from now on, into which `take` then brings those that are still
   * needed; returns the memory before, of length 0 when there was none. Throws RangeError unless
   * the length is a power of two up to 2^30.
   */
  moveTo(memory: PacketBuffer): PacketBuffer {
    const { lengthBytes: capacity } = memory
    if (capacity < 1 || capacity > 0x40000000 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`Cannot back a ring: length is ${capacity}`)
    }
    const before = this.buffer
    this.buffer = memory
    this.capacity = capacity
    return before
  }

  /** Copies the bytes of [from, from + lengthBytes) out of the memory that the ring had before. */
  take(bulk: BulkOperations, before: PacketBuffer, from: number, lengthBytes: number): void {
    if (lengthBytes > this.capacity || lengthBytes > before.lengthBytes) {
      throw new RangeError(`Cannot move ${lengthBytes} bytes: one side has fewer`)
    }
    for (let moved = 0; moved < lengthBytes; ) {
      const position = sequenceAdd(from, moved)
      const offset = position & (before.lengthBytes - 1)
      const length = Math.min(lengthBytes - moved, before.lengthBytes - offset)
      this.copyIn(bulk, position, before.bytes, offset, length)
      moved += length
    }
  }

  /** Gives its memory up; null when it has none. */
  takeMemory(): PacketBuffer | null {
    if (this.capacity === 0) return null
    const { buffer } = this
    this.buffer = NO_MEMORY
    this.capacity = 0
    return buffer
  }

  /** Bytes of the stream. */
  heldLength(): number {
    return sequenceDifference(this.end, this.start)
  }

  /** Where in `buffer` the byte at `position` lies. */
  placeOf(position: number): number {
    return position & (this.capacity - 1)
  }

  /**
   * Appends bytes, for which the caller has seen to room; throws RangeError when no ring of this
   * capacity could have it.
   */
  append(
    bulk: BulkOperations,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void {
    if (lengthBytes > this.capacity) {
      throw new RangeError(`Cannot append ${lengthBytes} bytes: the ring has ${this.capacity}`)
    }
    this.copyIn(bulk, this.end, source, sourceOffset, lengthBytes)
    this.end = sequenceAdd(this.end, lengthBytes)
  }

  /**
   * Stores bytes at a position without moving `end` (see advanceEnd): for data that arrives out of
   * order. The range must lie in [end, start + capacity); throws RangeError otherwise.
   */
  writeAt(
    bulk: BulkOperations,
    position: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void {
    const ahead = sequenceDifference(position, this.end)
    const free = this.capacity - sequenceDifference(this.end, this.start)
    if (ahead < 0 || lengthBytes < 0 || ahead + lengthBytes > free) {
      throw new RangeError(`Cannot write ${lengthBytes} bytes: they start ${ahead} after the end`)
    }
    this.copyIn(bulk, position, source, sourceOffset, lengthBytes)
  }

  /** Makes the next `lengthBytes`, stored by writeAt or in place, part of the stream. */
  advanceEnd(lengthBytes: number): void {
    const free = this.capacity - sequenceDifference(this.end, this.start)
    if (lengthBytes < 0 || lengthBytes > free) {
      throw new RangeError(`Cannot advance by ${lengthBytes} bytes: ${free} are free`)
    }
    this.end = sequenceAdd(this.end, lengthBytes)
  }

  /**
   * Copies out up to `lengthBytes` held bytes from `position` on, freeing nothing; returns how
   * many.
   */
  read(
    bulk: BulkOperations,
    position: number,
    target: Uint8Array,
    targetOffset: number,
    lengthBytes: number,
  ): number {
    const available = sequenceDifference(this.end, position)
    if (sequenceLessThan(position, this.start) || available < 0) {
      throw new RangeError('Cannot read ring buffer: position is not held')
    }
    let length = lengthBytes
    if (length > available) length = available
    const offset = position & (this.capacity - 1)
    const contiguous = this.capacity - offset
    const bytes = this.buffer.bytes
    if (length <= contiguous) {
      if (length > 0) bulk.copy(target, targetOffset, bytes, offset, length)
    } else {
      bulk.copy(target, targetOffset, bytes, offset, contiguous)
      bulk.copy(target, targetOffset + contiguous, bytes, 0, length - contiguous)
    }
    return length
  }

  private copyIn(
    bulk: BulkOperations,
    position: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void {
    const offset = position & (this.capacity - 1)
    const contiguous = this.capacity - offset
    const bytes = this.buffer.bytes
    if (lengthBytes <= contiguous) {
      if (lengthBytes > 0) bulk.copy(bytes, offset, source, sourceOffset, lengthBytes)
    } else {
      bulk.copy(bytes, offset, source, sourceOffset, contiguous)
      bulk.copy(bytes, 0, source, sourceOffset + contiguous, lengthBytes - contiguous)
    }
  }
}
