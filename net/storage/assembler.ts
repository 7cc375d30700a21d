/**
 * Which ranges beyond the contiguous end of a stream have arrived out of order: bounded, sorted,
 * first arrival wins.
 */
import { sequenceDifference, sequenceLessOrEqual, sequenceLessThan } from '../wire/sequence.ts'

const INITIAL_RANGES = 16

/**
 * Positions are int32 and wrap modulo 2^32; all ranges of one assembler lie within 2^31 of each
 * other.
 */
export class Assembler {
  /** Number of disjoint, non-touching ranges held, in order. Read only outside. */
  rangeCount = 0
  /** Bytes in all of them. Read only outside. */
  heldBytes = 0
  /** Result of findMissing: the first gap in the asked range. */
  missingStart = 0
  missingEnd = 0
  /** More are not held; memory is taken as they come. */
  maxRanges: number
  private starts: Int32Array
  private ends: Int32Array

  constructor(maxRanges: number) {
    this.maxRanges = maxRanges
    const length = Math.min(maxRanges, INITIAL_RANGES)
    this.starts = new Int32Array(length)
    this.ends = new Int32Array(length)
  }

  clear(): void {
    this.rangeCount = 0
    this.heldBytes = 0
  }

  /** Start of the range at `index` (0 = earliest), for SACK blocks and tests. */
  rangeStart(index: number): number {
    return this.starts[index]!
  }

  rangeEnd(index: number): number {
    return this.ends[index]!
  }

  /** Index of the range that holds the byte at `position`, or -1. */
  findRange(position: number): number {
    const index = this.firstBeyond(position)
    const isHeld = index < this.rangeCount && sequenceLessOrEqual(this.starts[index]!, position)
    return isHeld ? index : -1
  }

  /**
   * Index of the first range that ends after `position`, or rangeCount. Most arrivals belong to the
   * last one.
   */
  firstBeyond(position: number): number {
    const { ends } = this
    let low = 0
    let high = this.rangeCount
    if (high > 0 && sequenceLessOrEqual(ends[high - 1]!, position)) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sequenceLessOrEqual(ends[middle]!, position)) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * Finds the first part of [from, to) that is not held, into missingStart and missingEnd; false
   * when all of it is held. Call again from missingEnd for the next one. Storing only missing parts
   * is what makes the first arrival win over a retransmission with other bytes.
   */
  findMissing(from: number, to: number): boolean {
    let position = from
    for (let index = this.firstBeyond(from); index < this.rangeCount; index++) {
      const start = this.starts[index]!
      if (sequenceLessOrEqual(to, start)) break
      if (sequenceLessThan(position, start)) {
        this.missingStart = position
        this.missingEnd = start
        return true
      }
      position = this.ends[index]!
    }
    this.missingStart = position
    this.missingEnd = to
    return sequenceLessThan(position, to)
  }

  /**
   * Adds [start, end), merging what it touches. False and unchanged when that would be one range
   * too many.
   */
  add(start: number, end: number): boolean {
    if (sequenceLessOrEqual(end, start)) return true
    const count = this.rangeCount
    // One that ends where this begins is touched.
    let first = this.firstBeyond(start)
    if (first > 0 && this.ends[first - 1] === start) first--
    let next = first
    while (next < count && sequenceLessOrEqual(this.starts[next]!, end)) next++
    if (next === first) return this.insert(first, start, end)
    const before = this.bytesIn(first, next)
    if (sequenceLessThan(start, this.starts[first]!)) this.starts[first] = start
    const lastEnd = this.ends[next - 1]!
    this.ends[first] = sequenceLessThan(end, lastEnd) ? lastEnd : end
    this.remove(first + 1, next)
    this.heldBytes += this.bytesIn(first, first + 1) - before
    return true
  }

  /**
   * The stream is now contiguous up to `position`: forgets what lies before it and, when a range
   * continues from there, takes that too. Returns the new contiguous end.
   */
  advance(position: number): number {
    let contiguousEnd = position
    let taken = 0
    while (taken < this.rangeCount && sequenceLessOrEqual(this.starts[taken]!, contiguousEnd)) {
      const end = this.ends[taken]!
      if (sequenceLessThan(contiguousEnd, end)) contiguousEnd = end
      taken++
    }
    if (taken > 0) {
      this.heldBytes -= this.bytesIn(0, taken)
      this.remove(0, taken)
    }
    return contiguousEnd
  }

  private insert(index: number, start: number, end: number): boolean {
    if (this.rangeCount >= this.maxRanges) return false
    if (this.rangeCount === this.starts.length) this.grow()
    this.starts.copyWithin(index + 1, index, this.rangeCount)
    this.ends.copyWithin(index + 1, index, this.rangeCount)
    this.starts[index] = start
    this.ends[index] = end
    this.rangeCount++
    this.heldBytes += sequenceDifference(end, start)
    return true
  }

  /** Of the ranges with from <= index < to. */
  private bytesIn(from: number, to: number): number {
    let bytes = 0
    for (let index = from; index < to; index++) {
      bytes += sequenceDifference(this.ends[index]!, this.starts[index]!)
    }
    return bytes
  }

  private grow(): void {
    const length = Math.min(2 * this.rangeCount, this.maxRanges)
    const { starts, ends } = this
    this.starts = new Int32Array(length)
    this.starts.set(starts)
    this.ends = new Int32Array(length)
    this.ends.set(ends)
  }

  /** Removes the ranges with from <= index < to. */
  private remove(from: number, to: number): void {
    if (from >= to) return
    this.starts.copyWithin(from, to, this.rangeCount)
    this.ends.copyWithin(from, to, this.rangeCount)
    this.rangeCount -= to - from
  }
}
