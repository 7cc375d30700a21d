/**
 * How busy the only processor was between two moments: all the time that the event loop did not
 * sleep.
 */
import type { AppSystem } from '../system.ts'

export class ProcessorMeter {
  /** Between start() and stop(), 0 to 100. */
  percent = 0
  private readonly system: AppSystem
  private startNs = 0
  private startSleptNs = 0

  constructor(system: AppSystem) {
    this.system = system
  }

  start(): void {
    const { nowNs, sleptNs } = this.read()
    this.startNs = nowNs
    this.startSleptNs = sleptNs
  }

  stop(): void {
    const { nowNs, sleptNs } = this.read()
    const elapsedNs = nowNs - this.startNs
    if (elapsedNs <= 0) return
    const idle = (sleptNs - this.startSleptNs) / elapsedNs
    this.percent = Math.min(100, Math.max(0, 100 * (1 - idle)))
  }

  private read(): { nowNs: number; sleptNs: number } {
    const { uptimeNs, loop } = this.system.statistics() as {
      uptimeNs: number
      loop: { sleptNs: number }
    }
    return { nowNs: uptimeNs, sleptNs: loop.sleptNs }
  }
}
