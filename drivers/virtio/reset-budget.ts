/**
 * How often a device may be reset: a budget that time refills, so that a bad device costs little
 * and none is lost for good.
 */

export class ResetBudget {
  private readonly capacity: number
  private readonly refillNs: number
  private left: number
  /** When the budget was full last, or got its latest reset back. */
  private countedNs = 0

  /** `capacity` resets at once, and one more each `refillNs`. */
  constructor(capacity: number, refillNs: number) {
    this.capacity = capacity
    this.refillNs = refillNs
    this.left = capacity
  }

  /** Spends one reset; false when none is left. */
  take(nowNs: number): boolean {
    this.refill(nowNs)
    if (this.left === 0) return false
    this.left--
    return true
  }

  /** From when on `take` succeeds. */
  nextNs(nowNs: number): number {
    this.refill(nowNs)
    return this.left > 0 ? nowNs : this.countedNs + this.refillNs
  }

  private refill(nowNs: number): void {
    const earned = Math.floor((nowNs - this.countedNs) / this.refillNs)
    this.left = Math.min(this.capacity, this.left + Math.max(0, earned))
    // A full budget earns nothing: its time begins with the first reset that is taken.
    if (this.left === this.capacity) this.countedNs = nowNs
    else if (earned > 0) this.countedNs += earned * this.refillNs
  }
}
