/** What our ACKs report of data that has come out of order or twice (RFC 2018 §4, RFC 2883 §4). */
import type { Assembler } from '../../../storage/assembler.ts'
import { sequenceLessOrEqual, sequenceLessThan } from '../../../wire/sequence.ts'
import { TCP_MAX_SACK_BLOCKS } from '../../../wire/tcp-options.ts'

/** Made when something is to be reported, and given up when nothing is left. */
export class SackReporter {
  /** Result of collect: left and right edge of each block. */
  readonly blocks = new Int32Array(2 * TCP_MAX_SACK_BLOCKS)
  blockCount = 0
  /** A number in each of the ranges that changed last, the latest first. */
  private readonly recent = new Int32Array(TCP_MAX_SACK_BLOCKS)
  private recentCount = 0
  /** Where the range ended that came last. */
  private latestEnd = 0
  private duplicateStart = 0
  private duplicateEnd = 0
  private hasDuplicate = false

  /**
   * The range that holds `sequence` has got something new, up to `end`. True when it only goes on
   * where the last one ended.
   */
  noteArrival(sequence: number, end: number): boolean {
    const { recent } = this
    const isContinued = this.recentCount > 0 && this.latestEnd === sequence
    this.latestEnd = end
    if (isContinued) {
      recent[0] = sequence
      return true
    }
    recent.copyWithin(1, 0, TCP_MAX_SACK_BLOCKS - 1)
    recent[0] = sequence
    if (this.recentCount < TCP_MAX_SACK_BLOCKS) this.recentCount++
    return false
  }

  /** [start, end) has come once more. The first such of a segment is told, and only once. */
  noteDuplicate(start: number, end: number): void {
    if (this.hasDuplicate || sequenceLessOrEqual(end, start)) return
    this.duplicateStart = start
    this.duplicateEnd = end
    this.hasDuplicate = true
  }

  /** False when there is nothing that an ACK could report. */
  hasReport(assembler: Assembler | null): boolean {
    return this.hasDuplicate || (assembler !== null && assembler.rangeCount > 0)
  }

  /**
   * Collects at most `limit` blocks: a duplicate first (RFC 2883 §4), then the range of the segment
   * that came last, then those reported most recently (RFC 2018 §4), then any others. Returns how
   * many; the duplicate is told by this.
   */
  collect(assembler: Assembler | null, limit: number): number {
    this.blockCount = 0
    if (this.hasDuplicate) {
      this.hasDuplicate = false
      this.addBlock(this.duplicateStart, this.duplicateEnd)
    }
    if (assembler === null) return this.blockCount
    const first = this.blockCount
    let kept = 0
    for (let index = 0; index < this.recentCount; index++) {
      const sequence = this.recent[index]!
      const range = assembler.findRange(sequence)
      if (range < 0 || this.hasBlock(first, assembler.rangeStart(range))) continue
      this.recent[kept++] = sequence
      if (this.blockCount < limit) {
        this.addBlock(assembler.rangeStart(range), assembler.rangeEnd(range))
      }
    }
    this.recentCount = kept
    for (let range = 0; range < assembler.rangeCount && this.blockCount < limit; range++) {
      const start = assembler.rangeStart(range)
      if (!this.hasBlock(first, start)) this.addBlock(start, assembler.rangeEnd(range))
    }
    return this.blockCount
  }

  private addBlock(start: number, end: number): void {
    const at = 2 * this.blockCount++
    this.blocks[at] = start
    this.blocks[at + 1] = end
  }

  private hasBlock(first: number, start: number): boolean {
    for (let index = first; index < this.blockCount; index++) {
      if (this.blocks[2 * index] === start) return true
    }
    return false
  }
}

/**
 * The part of [start, end) that `assembler` holds, its first range only, is told as a duplicate.
 */
export function noteHeld(
  reporter: SackReporter,
  assembler: Assembler,
  start: number,
  end: number,
): void {
  const range = assembler.firstBeyond(start)
  if (range === assembler.rangeCount) return
  const from = assembler.rangeStart(range)
  const to = assembler.rangeEnd(range)
  if (sequenceLessOrEqual(end, from)) return
  reporter.noteDuplicate(
    sequenceLessThan(from, start) ? start : from,
    sequenceLessThan(to, end) ? to : end,
  )
}
