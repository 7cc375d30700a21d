/**
 * Vectors to handlers: compares the counters that the C handlers write, and calls back from the
 * event loop.
 */
import type { Hal } from '../drivers/hal.ts'
import type { InterruptRegistry } from '../drivers/interrupt-registry.ts'

interface Registration {
  readonly name: string
  readonly handler: () => void
  readonly vector: number
  /** Index of the vector's counter. */
  readonly counterIndex: number
  lastCount: number
}

export class Interrupts implements InterruptRegistry {
  private readonly counters: Uint32Array
  private readonly vectorCount: number
  /** In the order of their vectors. */
  private registrations: readonly Registration[] = []
  private lastTotal: number

  constructor(hal: Pick<Hal, 'interruptCounters' | 'interruptVectorCount'>) {
    this.counters = hal.interruptCounters
    this.vectorCount = hal.interruptVectorCount
    this.lastTotal = this.counters[0]!
  }

  /**
   * Interrupts of all devices so far, as the counter stands: what `waitForInterrupt` compares with.
   */
  total(): number {
    return this.counters[0]!
  }

  get freeCount(): number {
    return this.vectorCount - this.registrations.length
  }

  register(name: string, handler: () => void): number {
    const before = this.registrations
    if (this.freeCount === 0) {
      throw new RangeError(
        `Cannot register interrupt of ${name}: all ${this.vectorCount} vectors are taken`,
      )
    }
    const gap = before.findIndex((it, index) => it.vector !== index)
    const vector = gap < 0 ? before.length : gap
    const counterIndex = 1 + vector
    const lastCount = this.counters[counterIndex]!
    this.registrations = before.toSpliced(vector, 0, {
      ...{ name, handler, vector, counterIndex, lastCount },
    })
    return vector
  }

  unregister(vector: number): void {
    this.registrations = this.registrations.filter((it) => it.vector !== vector)
  }

  /** Whether a vector has fired since the last dispatch. */
  haveFired(): boolean {
    return this.counters[0]! !== this.lastTotal
  }

  /**
   * Calls the handlers of all vectors that fired since the last call. Returns true when one did.
   */
  dispatch(): boolean {
    // The total is read before the vectors: one that fires in between is seen now or makes the next
    // total differ.
    const total = this.counters[0]!
    let left = (total - this.lastTotal) | 0
    if (left === 0) return false
    this.lastTotal = total
    // Not `for of`: an iterator allocates, and each packet that comes alone has its interrupt. No
    // further than to the vector that it was: if others have fired since, the total tells of them.
    const { registrations, counters } = this
    for (let index = 0; left > 0 && index < registrations.length; index++) {
      const registration = registrations[index]!
      const count = counters[registration.counterIndex]!
      if (count === registration.lastCount) continue
      left -= (count - registration.lastCount) | 0
      registration.lastCount = count
      registration.handler()
    }
    return true
  }

  /** Interrupts by name, for statistics; those of several devices of one name together. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const { name, counterIndex } of this.registrations) {
      counts[name] = (counts[name] ?? 0) + this.counters[counterIndex]!
    }
    return counts
  }
}
