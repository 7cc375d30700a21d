/**
 * Deadlines in order: a binary heap of timers, first by time, then in the order they were added.
 */

export interface Timer {
  readonly deadlineNs: number
  readonly callback: () => void
  /** Position in the heap; -1 once fired or canceled. */
  index: number
  /** Order of adding: breaks ties and separates timers added during a run. */
  readonly sequence: number
}

export class TimerQueue {
  private readonly heap: Timer[] = []
  private nextSequence = 0
  /** Each turn of the loop asks for it twice. */
  private earliestNs = Number.POSITIVE_INFINITY

  get size(): number {
    return this.heap.length
  }

  /** Deadline of the first timer; Infinity when there is none. */
  nextDeadlineNs(): number {
    return this.earliestNs
  }

  add(deadlineNs: number, callback: () => void): Timer {
    if (Number.isNaN(deadlineNs)) throw new RangeError('Cannot add timer: deadline is not a number')
    const timer: Timer = { deadlineNs, callback, index: -1, sequence: this.nextSequence++ }
    this.heap.push(timer)
    this.siftUp(timer, this.heap.length - 1)
    this.noteFirst()
    return timer
  }

  /** False when the timer has fired or was canceled before. */
  cancel(timer: Timer): boolean {
    if (this.heap[timer.index] !== timer) return false
    this.removeAt(timer.index)
    timer.index = -1
    return true
  }

  /**
   * Runs timers due at `nowNs`, at most `limit`, and returns how many ran. Timers added meanwhile
   * wait for the next call even when due, so a timer that re-arms itself cannot hold the caller.
   */
  runDue(nowNs: number, limit: number): number {
    const sequenceLimit = this.nextSequence
    let count = 0
    while (count < limit) {
      const first = this.heap[0]
      if (first === undefined || first.deadlineNs > nowNs) break
      // Ties go by sequence, so nothing old is due behind a new timer with the same deadline; one
      // with an earlier deadline added in the past by a callback ends the run early, which the next
      // call makes good.
      if (first.sequence >= sequenceLimit) break
      this.removeAt(0)
      first.index = -1
      count++
      first.callback()
    }
    return count
  }

  private removeAt(index: number): void {
    const last = this.heap.pop()
    if (last !== undefined && index !== this.heap.length) {
      this.siftUp(last, index)
      this.siftDown(last, last.index)
    }
    this.noteFirst()
  }

  private noteFirst(): void {
    const first = this.heap[0]
    this.earliestNs = first === undefined ? Number.POSITIVE_INFINITY : first.deadlineNs
  }

  private siftUp(timer: Timer, from: number): void {
    let index = from
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = this.heap[parentIndex]!
      if (isBefore(parent, timer)) break
      this.heap[index] = parent
      parent.index = index
      index = parentIndex
    }
    this.heap[index] = timer
    timer.index = index
  }

  private siftDown(timer: Timer, from: number): void {
    const length = this.heap.length
    let index = from
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= length) break
      const right = this.heap[childIndex + 1]
      if (right !== undefined && isBefore(right, this.heap[childIndex]!)) childIndex++
      const child = this.heap[childIndex]!
      if (isBefore(timer, child)) break
      this.heap[index] = child
      child.index = index
      index = childIndex
    }
    this.heap[index] = timer
    timer.index = index
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.deadlineNs < b.deadlineNs || (a.deadlineNs === b.deadlineNs && a.sequence < b.sequence)
}
