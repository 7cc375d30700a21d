/** Counts request-and-answer rounds until the time is up, and takes their median. */
import type { LoadResult } from './load-requests.ts'

export class RoundTrips {
  private readonly startedAt = performance.now()
  private readonly cpu = process.cpuUsage()
  private readonly roundsMs: number[] = []
  private readonly durationMs: number

  constructor(durationMs: number) {
    this.durationMs = durationMs
  }

  /** True while another request may be sent. */
  get isOpen(): boolean {
    return performance.now() - this.startedAt < this.durationMs
  }

  /** @param sentAt performance.now() when the request went out. */
  answered(sentAt: number): void {
    this.roundsMs.push(performance.now() - sentAt)
  }

  /** Throws when nothing was answered: a figure of zero would look like a measurement. */
  result(): LoadResult {
    const elapsedMs = performance.now() - this.startedAt
    const { user, system } = process.cpuUsage(this.cpu)
    if (this.roundsMs.length === 0)
      throw new Error('Cannot count round trips: nothing was answered')
    const sorted = this.roundsMs.sort((a, b) => a - b)
    return {
      answers: sorted.length,
      elapsedMs,
      medianMicroseconds: sorted[sorted.length >> 1]! * 1000,
      cpuMs: (user + system) / 1000,
    }
  }
}
