/**
 * Runs stacks by one virtual clock: each is polled until all have come to rest, then the clock goes
 * to what is due next.
 */
import type { Stack } from '../../net/api/stack.ts'
import type { SimulatedDevice } from '../fakes/simulated-link.ts'
import type { TestClock } from '../fakes/test-clock.ts'

const MOST_TURNS = 10_000

export class StackLoop {
  /** What the clock of the stacks counts by; 0 = it is exact. A guest's counts milliseconds. */
  grainMs = 0
  /** Called when all stacks have come to rest. */
  onPolled: () => void = () => {}
  private readonly clock: TestClock
  private readonly stacks: Stack[] = []
  private readonly due = new Set<Stack>()

  constructor(clock: TestClock) {
    this.clock = clock
  }

  /** Stacks are polled in the order in which they were added. */
  add(stack: Stack, devices: readonly SimulatedDevice[]): void {
    this.stacks.push(stack)
    for (const device of devices) device.onEvent = () => this.due.add(stack)
    stack.onWork = () => this.due.add(stack)
  }

  /** Runs until `isDone`, or throws after `limitMs` of virtual time. */
  runUntil(isDone: () => boolean, limitMs: number): void {
    const endMs = this.clock.nowMs + limitMs
    for (;;) {
      this.pollAll()
      if (isDone()) return
      const nextMs = this.nextMs()
      if (nextMs > endMs) {
        this.clock.advanceTo(endMs)
        throw tooLong(limitMs)
      }
      this.clock.advanceTo(nextMs)
    }
  }

  runFor(durationMs: number): void {
    const endMs = this.clock.nowMs + durationMs
    for (;;) {
      this.pollAll()
      const nextMs = this.nextMs()
      if (nextMs > endMs) break
      this.clock.advanceTo(nextMs)
    }
    this.clock.advanceTo(endMs)
    this.pollAll()
  }

  /** As runUntil for things that go through promises. */
  async settle(isDone: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.clock.nowMs + limitMs
    for (;;) {
      this.pollAll()
      // All promise jobs, however long their chain, run before this one.
      await new Promise((resolve) => setImmediate(resolve))
      this.pollAll()
      if (isDone()) return
      const nextMs = Math.max(this.nextMs(), this.clock.nowMs)
      if (nextMs > endMs) {
        // Nothing waits for time: the last poll may have ended it.
        await new Promise((resolve) => setImmediate(resolve))
        if (isDone()) return
        throw tooLong(limitMs)
      }
      this.clock.advanceTo(nextMs)
    }
  }

  pollAll(): void {
    const { clock, due } = this
    for (const stack of this.stacks) due.add(stack)
    while (due.size > 0) {
      for (const stack of [...due]) {
        due.delete(stack)
        for (let turns = 0; stack.poll(this.readTime()); turns++) {
          if (turns > MOST_TURNS) throw new Error('Cannot finish poll: it always wants another')
        }
      }
      clock.advanceTo(clock.nowMs)
    }
    this.onPolled()
  }

  private nextMs(): number {
    const { grainMs } = this
    const { nowMs } = this.clock
    const timeMs = this.readTime()
    let deadlineMs = Math.min(...this.stacks.map((stack) => deadlineOf(stack, timeMs)))
    if (grainMs > 0) deadlineMs = Math.ceil(deadlineMs / grainMs) * grainMs
    // A deadline that has passed and was not taken care of would hang a guest: a millisecond on is
    // enough to see it.
    return Math.min(this.clock.nextMs(), Math.max(deadlineMs, nowMs + 0.001))
  }

  private readTime(): number {
    const { grainMs, clock } = this
    return grainMs > 0 ? Math.floor(clock.nowMs / grainMs) * grainMs : clock.nowMs
  }
}

/** What the stack says, which it has been told: never later than what each of its parts wants. */
function deadlineOf(stack: Stack, nowMs: number): number {
  const { host, tcp, udp } = stack
  const wanted = [tcp.nextDeadlineMs(nowMs), udp.nextDeadlineMs(nowMs)]
  for (const each of host.interfaces) wanted.push(each.nextDeadlineMs())
  const deadlineMs = stack.nextDeadlineMs(nowMs)
  const wantedMs = Math.min(...wanted)
  if (deadlineMs > wantedMs) {
    throw new Error(`Cannot go on: due in ${deadlineMs - nowMs} ms, wanted in ${wantedMs - nowMs}`)
  }
  return deadlineMs
}

function tooLong(limitMs: number): Error {
  return new Error(`Cannot finish: ${limitMs} ms of virtual time are over`)
}
