/**
 * One direction of one guest's cable under an impairment: holds frames back for others to overtake,
 * and delays them in order.
 */

export interface PathFrame {
  readonly frame: Buffer
  readonly notes: readonly string[]
  readonly output: (frame: Buffer, notes: readonly string[]) => void
  /** How many frames go first. */
  readonly overtakenBy: number
  readonly delayMs: number
}

interface HeldFrame {
  readonly entry: PathFrame
  /** Where it stood when it was sent. */
  readonly number: number
  readonly timer: NodeJS.Timeout
  overtakersLeft: number
}

interface DelayedFrame {
  readonly entry: PathFrame
  readonly dueMs: number
}

export class ImpairedPath {
  /** Matching frames so far: a frame's number on this path. */
  matched = 0
  private readonly holdMs: number
  private sent = 0
  private held: HeldFrame[] = []
  private delayed: DelayedFrame[] = []
  private delayTimer: NodeJS.Timeout | undefined

  constructor(holdMs: number) {
    this.holdMs = holdMs
  }

  send(entry: PathFrame): void {
    const number = this.sent++
    if (entry.overtakenBy === 0) {
      this.pass(entry, number)
      return
    }
    const held: HeldFrame = {
      entry,
      number,
      overtakersLeft: entry.overtakenBy,
      timer: setTimeout(() => this.release(held), this.holdMs).unref(),
    }
    this.held.push(held)
  }

  /** Everything goes on now: what is delayed is older than what is held back. */
  flush(): void {
    clearTimeout(this.delayTimer)
    this.delayTimer = undefined
    const { delayed, held } = this
    this.delayed = []
    this.held = []
    for (const { entry } of delayed) entry.output(entry.frame, entry.notes)
    for (const { entry, timer } of held) {
      clearTimeout(timer)
      entry.output(entry.frame, entry.notes)
    }
  }

  /** Sends a frame on; those before it that enough others have now overtaken follow. */
  private pass(entry: PathFrame, number: number): void {
    this.travel(entry)
    for (const held of this.held) if (held.number < number) held.overtakersLeft--
    for (const held of this.held.filter(({ overtakersLeft }) => overtakersLeft <= 0)) {
      this.release(held)
    }
  }

  private release(held: HeldFrame): void {
    // A release may lead to another's.
    if (!this.held.includes(held)) return
    clearTimeout(held.timer)
    this.held = this.held.filter((other) => other !== held)
    this.pass(held.entry, held.number)
  }

  /** Delay is a queue: no frame arrives before one that set out earlier. */
  private travel(entry: PathFrame): void {
    if (entry.delayMs === 0 && this.delayed.length === 0) {
      entry.output(entry.frame, entry.notes)
      return
    }
    const earliestMs = this.delayed.at(-1)?.dueMs ?? 0
    this.delayed.push({ entry, dueMs: Math.max(earliestMs, performance.now() + entry.delayMs) })
    this.arm()
  }

  private arm(): void {
    const [first] = this.delayed
    if (first === undefined || this.delayTimer !== undefined) return
    const waitMs = Math.max(0, first.dueMs - performance.now())
    this.delayTimer = setTimeout(() => {
      this.delayTimer = undefined
      this.deliverDue()
    }, waitMs).unref()
  }

  private deliverDue(): void {
    // A timer may come a fraction of a millisecond early.
    const nowMs = performance.now() + 1
    while (this.delayed[0] !== undefined && this.delayed[0].dueMs <= nowMs) {
      const { entry } = this.delayed.shift()!
      entry.output(entry.frame, entry.notes)
    }
    this.arm()
  }
}
