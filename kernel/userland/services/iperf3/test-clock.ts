/**
 * When a test's bytes moved: from its start, or the end of what -O omits, to the last byte that
 * counts.
 */

export class TestClock {
  /** When a byte was last seen to have moved. */
  lastMoveMs = 0
  private startMs = 0
  private endMs = 0
  private seenBytes = 0

  start(nowMs: number): void {
    this.startMs = nowMs
    this.lastMoveMs = nowMs
    this.endMs = nowMs
    this.seenBytes = 0
  }

  /** `movedBytes` is the sum over all streams. */
  note(movedBytes: number, nowMs: number): void {
    if (movedBytes === this.seenBytes) return
    this.seenBytes = movedBytes
    this.lastMoveMs = nowMs
    this.endMs = nowMs
  }

  /** The client says that the test has ended; bytes that still arrive, by note(), extend it. */
  stop(receivedBytes: number, nowMs: number): void {
    this.seenBytes = receivedBytes
    this.endMs = nowMs
  }

  elapsedMs(): number {
    return this.endMs - this.startMs
  }
}
