/**
 * What an interface does by time alone: detection of duplicates, lifetimes, solicitations,
 * configuration clients.
 */
import type { EarliestDeadline } from './earliest-deadline.ts'

export interface TimedTask {
  /**
   * When processTimers has work; Infinity = never. A task that changes it calls the schedule's
   * `update`.
   */
  readonly nextDeadlineMs: number
  processTimers(nowMs: number): void
}

/** One deadline for all, so that a turn without work costs one comparison. */
export class TaskSchedule {
  /** Read only outside. */
  nextDeadlineMs = Number.POSITIVE_INFINITY
  private readonly tasks: TimedTask[] = []
  private readonly deadline: EarliestDeadline

  constructor(deadline: EarliestDeadline) {
    this.deadline = deadline
  }

  /** Tasks stay for good. */
  add(task: TimedTask): void {
    this.tasks.push(task)
    this.update()
  }

  /** A task's deadline has changed. */
  update(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const { nextDeadlineMs } of this.tasks) {
      if (nextDeadlineMs < earliest) earliest = nextDeadlineMs
    }
    this.nextDeadlineMs = earliest
    this.deadline.note(earliest)
  }

  processTimers(nowMs: number): void {
    for (const task of this.tasks) if (nowMs >= task.nextDeadlineMs) task.processTimers(nowMs)
    this.update()
  }
}
