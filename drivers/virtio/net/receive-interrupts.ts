/** Whether the interrupts that were armed for received frames come, by their own vectors. */
import type { Hal } from '../../hal.ts'
import type { VirtioTransport } from '../transport.ts'
import { receiveQueueNumber } from './net-queues.ts'

/** After so many sleeps in a row without the interrupt that was armed, none is relied on. */
const MAX_MISSED_INTERRUPTS = 16

export class ReceiveInterrupts {
  private readonly counters: Uint32Array
  /** Where each vector's counter is; none twice, none for a device that is polled. */
  private readonly indexes: readonly number[]
  private missedInARow = 0

  /** Once the device has its interrupts. */
  constructor(
    hal: Pick<Hal, 'interruptCounters'>,
    transport: Pick<VirtioTransport, 'queueInterruptVector'>,
    queuePairs: number,
  ) {
    const vectors = new Set<number>()
    for (let pair = 0; pair < queuePairs; pair++) {
      vectors.add(transport.queueInterruptVector(receiveQueueNumber(pair)))
    }
    this.counters = hal.interruptCounters
    this.indexes = [...vectors].filter((it) => it >= 0).map((vector) => 1 + vector)
  }

  /** So many so far. */
  count(): number {
    const { counters, indexes } = this
    // Each sleep asks twice.
    if (indexes.length === 1) return counters[indexes[0]!]!
    let count = 0
    for (let i = 0; i < indexes.length; i++) count += counters[indexes[i]!]!
    return count
  }

  /** True when one has come since they were so many. */
  haveCome(countBefore: number): boolean {
    if (this.count() === countBefore) return false
    this.missedInARow = 0
    return true
  }

  /** A frame has come, and no interrupt; true when none is to be relied on any more. */
  miss(): boolean {
    return ++this.missedInARow >= MAX_MISSED_INTERRUPTS
  }
}
