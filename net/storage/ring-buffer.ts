/** A stream of bytes in device-visible memory, addressed by wrapping stream positions such as TCP sequence numbers. */
import { sequenceAdd, sequenceDifference, sequenceLessThan } from '../wire/sequence.ts'
import type { BulkOperations, PacketBuffer } from './buffer.ts'

/**
 * Positions are int32 and wrap modulo 2^32, so a TCP socket may use sequence numbers as they are. Bytes
 * [start, end) are held; [end, start + capacity) is free, and may be filled ahead of `end` out of order.
 * Memory is reused only once freeTo has passed it.
 */
export class RingBuffer {
  readonly buffer: PacketBuffer
  /** Bytes; a power of two, so that the place of a position is one AND. */
  readonly capacity: number
  /** Position of the first byte held. Read only outside. */
  start = 0
  /** Position after the last byte held. Read only outside. */
  end = 0
  /** Result of locate: up to two ranges in `buffer`; the second has length 0 when the bytes do not wrap. */
  rangeOffset0 = 0
  rangeLength0 = 0
  rangeOffset1 = 0
  rangeLength1 = 0
  private readonly mask: number
  private readonly bulk: BulkOperations

  /** Throws RangeError unless the buffer's length is a power of two up to 2^30. */
  constructor(buffer: PacketBuffer, bulk: BulkOperations) {
    const capacity = buffer.lengthBytes
    if (capacity < 1 || capacity > 0x40000000 || (capacity & (capacity - 1)) !== 0) {
      throw new RangeError(`Cannot make a ring buffer: length is ${capacity}`)
    }
    this.buffer = buffer
    this.bulk = bulk
    this.capacity = capacity
    this.mask = capacity - 1
  }

  /** Empties the buffer; the next byte will be at `position`. */
  reset(position: number): void {
    this.start = position | 0
    this.end = position | 0
  }

  /** Bytes held. */
  heldLength(): number {
    return sequenceDifference(this.end, this.start)
  }

  /** Bytes that may still be appended. */
  freeLength(): number {
    return this.capacity - sequenceDifference(this.end, this.start)
  }

  /** Appends as much of the source as fits; returns how many bytes. */
  append(source: Uint8Array, sourceOffset: number, lengthBytes: number): number {
    const free = this.freeLength()
    let length = lengthBytes
    if (length > free) length = free
    this.copyIn(this.end, source, sourceOffset, length)
    this.end = sequenceAdd(this.end, length)
    return length
  }

  /**
   * Stores bytes at a position without moving `end` (see advanceEnd): for data that arrives out of order.
   * The range must lie in [end, start + capacity); throws RangeError otherwise.
   */
  writeAt(position: number, source: Uint8Array, sourceOffset: number, lengthBytes: number): void {
    const ahead = sequenceDifference(position, this.end)
    if (ahead < 0 || lengthBytes < 0 || ahead + lengthBytes > this.freeLength()) {
      throw new RangeError(`Cannot write ${lengthBytes} bytes: they start ${ahead} after the end`)
    }
    this.copyIn(position, source, sourceOffset, lengthBytes)
  }

  /** Makes the next `lengthBytes`, stored by writeAt or directly in the located ranges, part of the stream. */
  advanceEnd(lengthBytes: number): void {
    if (lengthBytes < 0 || lengthBytes > this.freeLength()) {
      throw new RangeError(`Cannot advance by ${lengthBytes} bytes: ${this.freeLength()} are free`)
    }
    this.end = sequenceAdd(this.end, lengthBytes)
  }

  /**
   * Sets the range fields to where [position, position + length) lies in `buffer`. The caller keeps the range
   * within [start, start + capacity].
   */
  locate(position: number, lengthBytes: number): void {
    const offset = position & this.mask
    const contiguous = this.capacity - offset
    this.rangeOffset0 = offset
    if (lengthBytes <= contiguous) {
      this.rangeLength0 = lengthBytes
      this.rangeOffset1 = 0
      this.rangeLength1 = 0
    } else {
      this.rangeLength0 = contiguous
      this.rangeOffset1 = 0
      this.rangeLength1 = lengthBytes - contiguous
    }
  }

  /** Copies out up to `lengthBytes` held bytes from `position` on, freeing nothing; returns how many. */
  read(position: number, target: Uint8Array, targetOffset: number, lengthBytes: number): number {
    const available = sequenceDifference(this.end, position)
    if (sequenceLessThan(position, this.start) || available < 0) {
      throw new RangeError('Cannot read ring buffer: position is not held')
    }
    let length = lengthBytes
    if (length > available) length = available
    const offset = position & this.mask
    const contiguous = this.capacity - offset
    const bytes = this.buffer.bytes
    if (length <= contiguous) {
      if (length > 0) this.bulk.copy(target, targetOffset, bytes, offset, length)
    } else {
      this.bulk.copy(target, targetOffset, bytes, offset, contiguous)
      this.bulk.copy(target, targetOffset + contiguous, bytes, 0, length - contiguous)
    }
    return length
  }

  /** Frees the bytes before `position`; never goes back, and throws RangeError beyond `end`. */
  freeTo(position: number): void {
    if (sequenceLessThan(this.end, position)) {
      throw new RangeError('Cannot free ring buffer: position is after the end')
    }
    if (sequenceLessThan(this.start, position)) this.start = position | 0
  }

  private copyIn(
    position: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
  ): void {
    const offset = position & this.mask
    const contiguous = this.capacity - offset
    const bytes = this.buffer.bytes
    if (lengthBytes <= contiguous) {
      if (lengthBytes > 0) this.bulk.copy(bytes, offset, source, sourceOffset, lengthBytes)
    } else {
      this.bulk.copy(bytes, offset, source, sourceOffset, contiguous)
      this.bulk.copy(bytes, 0, source, sourceOffset + contiguous, lengthBytes - contiguous)
    }
  }
}
