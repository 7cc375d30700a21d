/**
 * Calls that are to be made at a time, for what happens seldom: names and the opening of
 * connections, never packets.
 */
import { type DeadlineMember, DeadlineQueue } from './tcp/deadline-queue.ts'

export interface Alarm extends DeadlineMember {
  readonly callback: () => void
}

export class Alarms {
  private readonly queue = new DeadlineQueue<Alarm>()
  private readonly onChange: (nextDeadlineMs: number) => void

  /** `onChange` is told when processTimers has work next; Infinity = never. */
  constructor(onChange: (nextDeadlineMs: number) => void) {
    this.onChange = onChange
  }

  get size(): number {
    return this.queue.size
  }

  set(deadlineMs: number, callback: () => void): Alarm {
    const alarm: Alarm = { callback, scheduledDeadlineMs: deadlineMs, scheduledIndex: -1 }
    this.queue.schedule(alarm, deadlineMs)
    this.onChange(this.queue.earliest)
    return alarm
  }

  /** One that has rung, or was canceled, is no matter. */
  cancel(alarm: Alarm): void {
    this.queue.remove(alarm)
    this.onChange(this.queue.earliest)
  }

  /**
   * Rings all that are due, the earliest first. One that rings may cancel others, and set what is
   * due later.
   */
  processTimers(nowMs: number): void {
    for (let alarm = this.queue.due(nowMs); alarm !== null; alarm = this.queue.due(nowMs)) {
      this.queue.remove(alarm)
      alarm.callback()
    }
    this.onChange(this.queue.earliest)
  }
}
