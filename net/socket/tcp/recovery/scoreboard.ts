/**
 * What has become of the bytes in flight, run by run in sequence order (RFC 6675 §3, RFC 8985 §5):
 * bounded, no object a run.
 */
import {
  sequenceAdd,
  sequenceDifference,
  sequenceLessOrEqual,
  sequenceLessThan,
} from '../../../wire/sequence.ts'
import { microsecondsBetween } from './clock.ts'
import { ResentQueue } from './resent-queue.ts'

/** What is known of a run, one bit each. None = sent once and not heard of. */
export const RunState = {
  /** The peer has reported it. */
  Sacked: 1,
  /** Taken for lost, and not sent again since. */
  Lost: 2,
  /** Sent more than once. */
  Resent: 4,
} as const

/**
 * Most runs of one connection. A full queue that drops every other segment makes as many as there
 * are segments, which so many hold for 10 MiB; what is reported beyond them is not noted, and goes
 * again though it has arrived.
 */
export const MAX_RUNS = 8192
/**
 * As many are kept of any flight; more only of one that has more segments, so that single octets
 * reported make no more.
 */
export const PLAIN_RUNS = 512
/** Of these, what reports leave for data that is sent. */
const RESERVED_RUNS = 8
const INITIAL_RUNS = 8

/**
 * Of each run: the number after its last byte, when it was last sent in wrapping microseconds, its
 * state.
 */
const WORDS = 3
const TIME = 1
const STATE = 2

/** Runs cover the numbers from `start` up to SND.NXT without a gap. */
export class Scoreboard {
  runCount = 0
  /** First number of the first run. */
  start = 0
  sackedBytes = 0
  lostBytes = 0
  // What the ACK that is being looked at has brought: see beginAck.
  /** Bytes that it reports for the first time, in order or not. */
  deliveredBytes = 0
  /**
   * The run sent last of those delivered: its end and when it was sent; valid while `hasDelivery`.
   */
  latestEnd = 0
  latestTimeUs = 0
  hasDelivery = false
  /**
   * Something was delivered after what had been sent behind it, though sent once only (RFC 8985
   * §6.2 step 3). Stays.
   */
  hasReordering = false
  private nowUs = 0
  private minimumRoundTripUs = 0
  private echoAgeUs = 0
  /** The highest number delivered so far, and as it was before this ACK. */
  private highest = 0
  private highestBefore = 0
  /** Something was sent again since the last run was. */
  private isLastClosed = false
  /** MAX_RUNS, or what the flight is worth. */
  private mostRuns = PLAIN_RUNS
  /** What was sent more than once, for markLate (late-runs.ts). */
  readonly resent = new ResentQueue(MAX_RUNS)
  /**
   * What was sent once and begins before this number is SACKed or lost: those are in the order of
   * their times.
   */
  lateFrom = 0
  /** No run that begins before this number is lost. */
  private lostFrom = 0
  private words = new Int32Array(INITIAL_RUNS * WORDS)

  runStart(index: number): number {
    return index === 0 ? this.start : this.words[(index - 1) * WORDS]!
  }

  runEnd(index: number): number {
    return this.words[index * WORDS]!
  }

  runTimeUs(index: number): number {
    return this.words[index * WORDS + TIME]!
  }

  runState(index: number): number {
    return this.words[index * WORDS + STATE]!
  }

  /** Forgets all; what is sent next begins at `start`. */
  clear(start: number): void {
    this.runCount = 0
    this.start = start
    this.highest = start
    this.lateFrom = start
    this.lostFrom = start
    this.resent.clear()
    this.sackedBytes = 0
    this.lostBytes = 0
    if (this.words.length > 8 * INITIAL_RUNS * WORDS) {
      this.words = new Int32Array(INITIAL_RUNS * WORDS)
    }
  }

  /**
   * [start, end) has been sent, behind all runs; `state` is 0, or Resent for what was sent before
   * in its turn. What is sent within `mergeUs` of the last run's beginning belongs to that run, for
   * times need not be exact and runs are looked at one by one; but not across anything sent again,
   * which a run lies wholly before or behind.
   */
  noteSent(start: number, end: number, timeUs: number, mergeUs: number, state: number): void {
    const count = this.runCount
    if (count === 0) {
      this.clear(start)
    } else {
      const last = (count - 1) * WORDS
      const { words } = this
      const sinceUs = microsecondsBetween(words[last + TIME]!, timeUs)
      if (words[last + STATE]! === state && sinceUs <= mergeUs && !this.isLastClosed) {
        words[last] = end
        return
      }
      if (count >= this.mostRuns) {
        // What the peer said of the last run is forgotten, which costs at most that it is sent
        // again.
        this.setState(count - 1, state)
        const lastStart = this.runStart(count - 1)
        if (sequenceLessThan(lastStart, this.lateFrom)) this.lateFrom = lastStart
        words[last] = end
        words[last + TIME] = timeUs
        return
      }
    }
    this.isLastClosed = false
    if (state & RunState.Resent) this.resent.push(start, end, timeUs)
    this.insert(count, end, timeUs, state)
  }

  /**
   * An ACK is looked at of a flight of so many segments. `echoAgeUs` is how old the timestamp is
   * that it echoes, with its clock's grain on top; 0 = it has none.
   */
  beginAck(nowUs: number, minimumRoundTripUs: number, echoAgeUs: number, segments: number): void {
    this.mostRuns = Math.min(Math.max(segments + RESERVED_RUNS, PLAIN_RUNS), MAX_RUNS)
    this.nowUs = nowUs
    this.minimumRoundTripUs = minimumRoundTripUs
    this.echoAgeUs = echoAgeUs
    this.deliveredBytes = 0
    this.hasDelivery = false
    this.highestBefore = this.highest
  }

  /**
   * [start, end), which lies in the runs, has arrived. Nothing changes where that would make too
   * many runs.
   */
  sack(start: number, end: number): void {
    let index = this.find(start)
    if (index === this.runCount) return
    if (this.runState(index) & RunState.Sacked) index++
    else if (sequenceLessThan(this.runStart(index), start)) {
      if (!this.split(index, start)) return
      index++
    }
    const first = index
    for (; index < this.runCount && sequenceLessThan(this.runStart(index), end); index++) {
      if (this.runState(index) & RunState.Sacked) continue
      if (sequenceLessThan(end, this.runEnd(index)) && !this.split(index, end)) break
      this.deliver(index, this.runEnd(index))
      this.setState(index, RunState.Sacked)
    }
    if (index > first) this.mergeSacked(first, index)
  }

  /** Everything before `sequence` is acknowledged. */
  acknowledge(sequence: number): void {
    let count = 0
    while (count < this.runCount && sequenceLessThan(this.runStart(count), sequence)) {
      const end = this.runEnd(count)
      const isWhole = sequenceLessOrEqual(end, sequence)
      const state = this.runState(count)
      const upTo = isWhole ? end : sequence
      if ((state & RunState.Sacked) === 0) this.deliver(count, upTo)
      const length = sequenceDifference(upTo, this.runStart(count))
      if (state & RunState.Sacked) this.sackedBytes -= length
      if (state & RunState.Lost) this.lostBytes -= length
      if (!isWhole) break
      count++
    }
    this.remove(0, count)
    if (sequenceLessThan(this.start, sequence)) this.start = sequence
    const { start } = this
    this.resent.acknowledge(start)
    if (sequenceLessThan(this.lateFrom, start)) this.lateFrom = start
    if (sequenceLessThan(this.lostFrom, start)) this.lostFrom = start
  }

  /** The peer has taken back what it reported (RFC 2018 §8), or is not believed any longer. */
  forgetSacked(): void {
    for (let index = 0; index < this.runCount; index++) {
      if (this.runState(index) & RunState.Sacked) this.setState(index, 0)
    }
    this.lateFrom = this.start
  }

  /** Nothing is taken for lost: what was had only been late. */
  forgetLost(): void {
    for (let index = 0; index < this.runCount; index++) {
      const state = this.runState(index)
      if ((state & RunState.Lost) === 0) continue
      this.setState(index, state & ~RunState.Lost)
      if (state & RunState.Resent) {
        this.resent.push(this.runStart(index), this.runEnd(index), this.runTimeUs(index))
      }
    }
    this.lateFrom = this.start
  }

  /** Index of the first lost run, or runCount. */
  firstLost(): number {
    if (this.lostBytes === 0) return this.runCount
    let index = this.findFrom(this.lostFrom)
    while (index < this.runCount && (this.runState(index) & RunState.Lost) === 0) index++
    this.lostFrom = this.runStart(index)
    return index
  }

  /**
   * How many lost bytes lie together from the beginning of run `index` on; looks no further than
   * where they are more than `mostBytes`, since a peer can have thousands of runs lie together, by
   * reporting every other one and taking all back.
   */
  lostLength(index: number, mostBytes: number): number {
    const start = this.runStart(index)
    let length = 0
    for (let next = index; next < this.runCount && length <= mostBytes; next++) {
      if ((this.runState(next) & RunState.Lost) === 0) break
      length = sequenceDifference(this.runEnd(next), start)
    }
    return length
  }

  /** [start, end) within the runs has been sent again. */
  noteResent(start: number, end: number, timeUs: number): void {
    let index = this.find(start)
    if (index === this.runCount) return
    this.isLastClosed = true
    if (sequenceLessThan(this.runStart(index), start) && this.split(index, start)) index++
    const first = index
    let next = index
    while (next < this.runCount && sequenceLessThan(this.runStart(next), end)) {
      if (sequenceLessThan(end, this.runEnd(next))) this.split(next, end)
      this.setState(next, RunState.Resent)
      this.words[next * WORDS + TIME] = timeUs
      next++
    }
    this.resent.push(start, end, timeUs)
    // One run again, and one with the last when that went in the same moment.
    if (next > first) {
      this.words[first * WORDS] = this.runEnd(next - 1)
      this.remove(first + 1, next)
    }
    if (
      first > 0 &&
      this.runState(first - 1) === RunState.Resent &&
      this.runTimeUs(first - 1) === timeUs
    ) {
      this.words[(first - 1) * WORDS] = this.runEnd(first)
      this.remove(first, first + 1)
    }
  }

  isFirstSacked(): boolean {
    return this.runCount > 0 && (this.runState(0) & RunState.Sacked) !== 0
  }

  /** The same for a number that may be acknowledged by now: then the first run. */
  findFrom(sequence: number): number {
    return sequenceLessThan(sequence, this.start) ? 0 : this.find(sequence)
  }

  /** Index of the run that `sequence` lies in, or runCount. */
  private find(sequence: number): number {
    if (this.runCount === 0 || sequenceLessThan(sequence, this.start)) return this.runCount
    let low = 0
    let high = this.runCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sequenceLessOrEqual(this.words[middle * WORDS]!, sequence)) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * RFC 8985 §6.2 steps 1 to 3 for run `index`, or its part before `end`. The time of what was sent
   * more than once counts only when this cannot be the answer to an earlier one.
   */
  private deliver(index: number, end: number): void {
    const state = this.runState(index)
    const timeUs = this.runTimeUs(index)
    this.deliveredBytes += sequenceDifference(end, this.runStart(index))
    if (sequenceLessThan(this.highest, end)) this.highest = end
    if (state & RunState.Resent) {
      const ageUs = microsecondsBetween(timeUs, this.nowUs)
      if (ageUs < this.minimumRoundTripUs || this.echoAgeUs > ageUs) return
      this.resent.noteArrived(end, timeUs)
    } else if (sequenceLessThan(end, this.highestBefore)) {
      this.hasReordering = true
    }
    const after = microsecondsBetween(this.latestTimeUs, timeUs)
    if (this.hasDelivery && (after < 0 || (after === 0 && sequenceLessThan(end, this.latestEnd))))
      return
    this.hasDelivery = true
    this.latestTimeUs = timeUs
    this.latestEnd = end
  }

  /** Changes the state of a run, and the sums with it. */
  setState(index: number, state: number): void {
    const before = this.runState(index)
    const changed = before ^ state
    if (changed === 0) return
    const length = sequenceDifference(this.runEnd(index), this.runStart(index))
    if (changed & RunState.Sacked) this.sackedBytes += state & RunState.Sacked ? length : -length
    if (changed & RunState.Lost) this.noteLost(index, state & RunState.Lost ? length : -length)
    this.words[index * WORDS + STATE] = state
  }

  private noteLost(index: number, lengthBytes: number): void {
    if (lengthBytes > 0) {
      const start = this.runStart(index)
      if (this.lostBytes === 0 || sequenceLessThan(start, this.lostFrom)) this.lostFrom = start
    }
    this.lostBytes += lengthBytes
  }

  /** Makes two runs of one, the second from `sequence` on; false when there are too many. */
  private split(index: number, sequence: number): boolean {
    if (this.runCount >= this.mostRuns - RESERVED_RUNS) return false
    this.insert(index, sequence, this.runTimeUs(index), this.runState(index))
    return true
  }

  /**
   * The runs from `first` up to `next` are SACKed: makes them one, together with SACKed ones on
   * either side.
   */
  private mergeSacked(first: number, next: number): void {
    let from = first
    let to = next
    if (from > 0 && this.runState(from - 1) & RunState.Sacked) from--
    if (to < this.runCount && this.runState(to) & RunState.Sacked) to++
    this.words[from * WORDS] = this.runEnd(to - 1)
    this.remove(from + 1, to)
  }

  private insert(index: number, end: number, timeUs: number, state: number): void {
    const count = this.runCount
    if ((count + 1) * WORDS > this.words.length) {
      const grown = new Int32Array(Math.min(this.words.length * 2, MAX_RUNS * WORDS))
      grown.set(this.words)
      this.words = grown
    }
    const { words } = this
    const at = index * WORDS
    if (index < count) words.copyWithin(at + WORDS, at, count * WORDS)
    words[at] = end
    words[at + TIME] = timeUs
    words[at + STATE] = state
    this.runCount = count + 1
  }

  /** Removes the runs with from <= index < to; those before them, or `start`, take their place. */
  private remove(from: number, to: number): void {
    if (from >= to) return
    if (from === 0) this.start = sequenceAdd(this.runEnd(to - 1), 0)
    this.words.copyWithin(from * WORDS, to * WORDS, this.runCount * WORDS)
    this.runCount -= to - from
  }
}
