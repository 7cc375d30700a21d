/**
 * What was sent again and when, oldest first: whoever looks for what got lost once more begins
 * there, and stops where it is too early.
 */
import { sequenceLessOrEqual, sequenceLessThan } from '../../../wire/sequence.ts'
import { microsecondsBetween } from './clock.ts'

const INITIAL_ENTRIES = 8
/**
 * Of each entry: first number, number after the last, when it was sent in wrapping microseconds.
 */
const WORDS = 3

export class ResentQueue {
  entryCount = 0
  /** So many entries were sent before the last repetition that has arrived, */
  arrivedBefore = 0
  /** which is of the next one, and ends here; valid while `hasArrived`. Read only outside. */
  arrivedEnd = 0
  hasArrived = false
  private readonly mostEntries: number
  private first = 0
  private words = new Int32Array(INITIAL_ENTRIES * WORDS)

  /** `mostEntries` is a power of two. */
  constructor(mostEntries: number) {
    this.mostEntries = mostEntries
  }

  /** `index` 0 = sent earliest. */
  start(index: number): number {
    return this.words[this.place(index)]!
  }

  end(index: number): number {
    return this.words[this.place(index) + 1]!
  }

  timeUs(index: number): number {
    return this.words[this.place(index) + 2]!
  }

  /** With too many the oldest is forgotten, which the retransmission timer makes good. */
  push(start: number, end: number, timeUs: number): void {
    if (this.entryCount > 0) {
      const last = this.place(this.entryCount - 1)
      if (this.words[last + 1] === start && this.words[last + 2] === timeUs) {
        this.words[last + 1] = end
        return
      }
    }
    if (this.entryCount === this.mostEntries) this.shift()
    else if (this.entryCount * WORDS === this.words.length) this.grow()
    const at = this.place(this.entryCount++)
    this.words[at] = start
    this.words[at + 1] = end
    this.words[at + 2] = timeUs
  }

  /** What was sent again at `timeUs` and ends at `end` has arrived. */
  noteArrived(end: number, timeUs: number): void {
    for (let index = this.arrivedBefore; index < this.entryCount; index++) {
      const aheadUs = microsecondsBetween(this.timeUs(index), timeUs)
      if (aheadUs < 0) return
      if (aheadUs > 0) {
        this.arrivedBefore = index + 1
        this.hasArrived = false
      } else if (this.holds(index, end)) {
        const isSame = this.hasArrived && index === this.arrivedBefore
        if (isSame && sequenceLessThan(end, this.arrivedEnd)) return
        this.arrivedBefore = index
        this.arrivedEnd = end
        this.hasArrived = true
        return
      }
    }
  }

  private holds(index: number, end: number): boolean {
    return sequenceLessThan(this.start(index), end) && sequenceLessOrEqual(end, this.end(index))
  }

  /** Nothing is left of it, whose place goes with those before it. */
  empty(index: number): void {
    const at = this.place(index)
    this.words[at] = this.words[at + 1]!
  }

  /**
   * What was sent earliest and is acknowledged goes: half an hour later its time would seem to be
   * ahead, and 2^31 bytes later its numbers.
   */
  acknowledge(sequence: number): void {
    while (this.entryCount > 0 && sequenceLessOrEqual(this.end(0), sequence)) this.shift()
  }

  shift(): void {
    this.first = this.entryCount === 1 ? 0 : this.next(this.first)
    this.entryCount--
    if (this.arrivedBefore > 0) this.arrivedBefore--
    else this.hasArrived = false
  }

  clear(): void {
    this.entryCount = 0
    this.first = 0
    this.arrivedBefore = 0
    this.hasArrived = false
    if (this.words.length > 8 * INITIAL_ENTRIES * WORDS) {
      this.words = new Int32Array(INITIAL_ENTRIES * WORDS)
    }
  }

  private place(index: number): number {
    const capacity = this.words.length / WORDS
    return ((this.first + index) & (capacity - 1)) * WORDS
  }

  private next(index: number): number {
    return (index + 1) & (this.words.length / WORDS - 1)
  }

  private grow(): void {
    const grown = new Int32Array(2 * this.words.length)
    for (let index = 0; index < this.entryCount; index++) {
      const at = this.place(index)
      grown.set(this.words.subarray(at, at + WORDS), index * WORDS)
    }
    this.words = grown
    this.first = 0
  }
}
