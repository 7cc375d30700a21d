/**
 * An InterruptRegistry whose handlers run when a test calls `dispatch`, as the event loop would.
 */
import type { InterruptRegistry } from '../../drivers/interrupt-registry.ts'
import type { FakeHal } from './fake-hal.ts'
import { Violation } from './violation.ts'

interface Registration {
  readonly name: string
  readonly handler: () => void
  seen: number
}

export class FakeInterrupts implements InterruptRegistry {
  private readonly hal: FakeHal
  private readonly taken: (Registration | undefined)[] = []

  constructor(hal: FakeHal) {
    this.hal = hal
  }

  /** Of the vectors that are registered now. */
  get names(): string[] {
    return this.taken.flatMap((it) => it?.name ?? [])
  }

  get freeCount(): number {
    return this.hal.interruptVectorCount - this.names.length
  }

  register(name: string, handler: () => void): number {
    if (this.freeCount === 0) throw new Violation(`${name} registers, and no vector is free`)
    const gap = this.taken.indexOf(undefined)
    const vector = gap < 0 ? this.taken.length : gap
    this.taken[vector] = { name, handler, seen: this.hal.interruptCounters[1 + vector]! }
    return vector
  }

  unregister(vector: number): void {
    if (this.taken[vector] === undefined) throw new Violation(`vector ${vector} is free already`)
    this.taken[vector] = undefined
  }

  /** Runs the handler of every vector that fired since the last call; returns how many. */
  dispatch(): number {
    let ran = 0
    this.taken.forEach((registration, vector) => {
      const count = this.hal.interruptCounters[1 + vector]!
      if (registration === undefined || count === registration.seen) return
      registration.seen = count
      ran++
      registration.handler()
    })
    return ran
  }
}
