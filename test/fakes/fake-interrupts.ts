/**
 * An InterruptRegistry whose handlers run when a test calls `dispatch`, as the event loop would.
 */
import type { InterruptRegistry } from '../../drivers/interrupt-registry.ts'
import type { FakeHal } from './fake-hal.ts'

export class FakeInterrupts implements InterruptRegistry {
  readonly names: string[] = []
  private readonly hal: FakeHal
  private readonly handlers: (() => void)[] = []
  private readonly seen: number[] = []

  constructor(hal: FakeHal) {
    this.hal = hal
  }

  register(name: string, handler: () => void): number {
    const vector = this.handlers.length
    if (vector >= this.hal.interruptVectorCount) {
      throw new RangeError(`Cannot register ${name}: all ${vector} vectors are taken`)
    }
    this.names.push(name)
    this.handlers.push(handler)
    this.seen.push(this.hal.interruptCounters[1 + vector]!)
    return vector
  }

  /** Runs the handler of every vector that fired since the last call; returns how many. */
  dispatch(): number {
    let ran = 0
    this.handlers.forEach((handler, vector) => {
      const count = this.hal.interruptCounters[1 + vector]!
      if (count === this.seen[vector]) return
      this.seen[vector] = count
      ran++
      handler()
    })
    return ran
  }
}
