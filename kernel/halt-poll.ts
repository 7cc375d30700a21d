/**
 * How long the processor looks for work before it halts: longer while that finds some, less and
 * then not at all while it does not.
 */

/**
 * A 16-bit word in DMA memory; there is work once (word & mask) differs from `value`. Read at once:
 * the record is used again.
 */
export interface WatchedWord {
  readonly address: number
  readonly mask: number
  readonly value: number
}

const FIRST_WINDOW_NS = 50_000
/**
 * A halt, an interrupt and a wake-up cost tens of microseconds of a host that has nothing else to
 * do; a peer on the same machine answers within this time.
 */
const LONGEST_WINDOW_NS = 400_000

export class HaltPoll {
  /** How long to look; 0 = halt at once. */
  windowNs = 0
  private readonly longestNs: number
  private hitAddress = -1
  private hitValue = -1

  /** `longestNs` 0: never. */
  constructor(longestNs = LONGEST_WINDOW_NS) {
    this.longestNs = longestNs
  }

  /** The word has changed, or an interrupt has come. */
  noteHit(word: WatchedWord): void {
    this.hitAddress = word.address
    this.hitValue = word.value
  }

  /**
   * The last look found this word changed, and nobody has taken what that was for: an interrupt
   * tells more.
   */
  isStuckAt(word: WatchedWord): boolean {
    const isStuck = word.address === this.hitAddress && word.value === this.hitValue
    this.hitAddress = -1
    return isStuck
  }

  /**
   * The processor has halted, and work has come so long after there was none. A long wait takes
   * half of the window: over a path of a millisecond there is one in each round trip, behind
   * several frames that come soon after each other.
   */
  noteHalt(waitedNs: number): void {
    const { windowNs, longestNs } = this
    if (waitedNs <= longestNs) {
      this.windowNs = Math.min(longestNs, Math.max(FIRST_WINDOW_NS, windowNs * 2))
    } else {
      this.windowNs = windowNs > FIRST_WINDOW_NS ? windowNs >> 1 : 0
    }
  }
}
