/** Calls that are to be made at a time, for what happens seldom: names and the opening of connections, never packets. */

export interface Alarm {
  readonly deadlineMs: number
  readonly callback: () => void
}

export class Alarms {
  private readonly pending = new Set<Alarm>()
  private readonly onChange: (nextMs: number) => void

  /** `onChange` is told when `run` is wanted next; Infinity = never. */
  constructor(onChange: (nextMs: number) => void) {
    this.onChange = onChange
  }

  get size(): number {
    return this.pending.size
  }

  set(deadlineMs: number, callback: () => void): Alarm {
    const alarm: Alarm = { deadlineMs, callback }
    this.pending.add(alarm)
    this.tell()
    return alarm
  }

  /** One that has rung, or was cancelled, is no matter. */
  cancel(alarm: Alarm): void {
    if (this.pending.delete(alarm)) this.tell()
  }

  /** Rings all that are due; those set meanwhile wait for the next time. */
  run(nowMs: number): void {
    for (const alarm of [...this.pending]) {
      // One that rings may cancel another.
      if (alarm.deadlineMs <= nowMs && this.pending.delete(alarm)) alarm.callback()
    }
    this.tell()
  }

  private tell(): void {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { deadlineMs } of this.pending) nextMs = Math.min(nextMs, deadlineMs)
    this.onChange(nextMs)
  }
}
