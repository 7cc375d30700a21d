/**
 * Paths whose connections have ended, for the next ones between the same ends: what a copy of the
 * model would be made of lies in them already.
 */
import type { FlowPath } from './flow-path.ts'

/** As many connections as end in a turn of the loop, mostly. */
export const MAX_SPARE_PATHS = 16

export class SparePaths {
  private first: FlowPath | null = null
  private count = 0

  /** A copy of the model that nobody sends by any more, and that nothing was set on by hand. */
  give(path: FlowPath): void {
    if (this.count === MAX_SPARE_PATHS) return
    path.progress = null
    path.nextSpare = this.first
    this.first = path
    this.count++
  }

  /**
   * One like `model`, which is current; null = there is none. It goes on with its identifications
   * (RFC 6864 §4.1).
   */
  take(model: FlowPath): FlowPath | null {
    const path = this.first
    if (path === null) return null
    if (path.generation !== model.generation) {
      this.clear()
      return null
    }
    this.first = path.nextSpare
    this.count--
    path.nextSpare = null
    path.pathMtu = model.pathMtu
    path.provenMtu = 0
    path.progressSeenMs = Number.NEGATIVE_INFINITY
    // Whoever had it may have written over the checksum's seed.
    path.plannedLength = -1
    return path
  }

  clear(): void {
    this.first = null
    this.count = 0
  }
}
