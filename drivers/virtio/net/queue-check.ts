/**
 * Looks now and then at what stands still without a word: a device that has spoiled the descriptors
 * of its receive buffers, and one that waits for a notification that it has suppressed.
 */
import type { DeviceHealth } from './device-health.ts'
import type { NetQueues } from './net-queues.ts'
import type { VirtioNetStatistics } from './statistics.ts'

/** While frames come or go. */
const LEAST_INTERVAL_NS = 1e9
/** An idle guest looks ever less often: twice as long as it has been idle at most, up to this. */
const MOST_INTERVAL_NS = 64e9
/** A device that was met in the middle of its stores is done by then, on a busy host too. */
const SECOND_LOOK_NS = 100e6

export class QueueCheck {
  /** Runs it, and again when that says; called when the next run is far away, and due now. */
  onLate: (() => void) | null = null
  private readonly queues: Pick<NetQueues, 'receive' | 'transmit'>
  private readonly health: DeviceHealth
  private readonly statistics: VirtioNetStatistics
  private intervalNs = LEAST_INTERVAL_NS
  private seenFrames = -1
  /** The last look found what would be a fault if it stayed. */
  private isSuspect = false

  constructor(
    queues: Pick<NetQueues, 'receive' | 'transmit'>,
    health: DeviceHealth,
    statistics: VirtioNetStatistics,
  ) {
    this.queues = queues
    this.health = health
    this.statistics = statistics
  }

  /** Looks, and does what helps; returns in how many nanoseconds to look again. */
  run(): number {
    const { health, queues, statistics } = this
    if (health.isRunning) {
      this.notifyAgain()
      const isIntact = queues.receive.every((queue) => queue.isIntact())
      const isFirst = !(isIntact || this.isSuspect)
      this.isSuspect = isFirst
      if (isFirst) return SECOND_LOOK_NS
      if (!isIntact) health.report('descriptors')
    }
    const frames = statistics.receivedFrames + statistics.transmittedFrames
    const isIdle = frames === this.seenFrames
    this.seenFrames = frames
    this.intervalNs = isIdle ? Math.min(2 * this.intervalNs, MOST_INTERVAL_NS) : LEAST_INTERVAL_NS
    return this.intervalNs
  }

  /**
   * True = frames come or go again, and the next look, which was far away, has been taken: the loop
   * has to look at its timers again.
   */
  runWhenLate(): boolean {
    if (this.intervalNs <= LEAST_INTERVAL_NS || this.onLate === null) return false
    const { receivedFrames, transmittedFrames } = this.statistics
    if (receivedFrames + transmittedFrames === this.seenFrames) return false
    this.onLate()
    return true
  }

  /** Of frames to send that it has not given back, whether it wants to hear of them or not. */
  private notifyAgain(): void {
    for (const queue of this.queues.transmit) {
      if (queue.hasUsedAll()) continue
      queue.notify()
      this.statistics.repeatedNotifications++
    }
  }

  /**
   * QEMU 7.2 suppresses notifications of a packed ring when it drops what is sent on a link that is
   * down, and asks for them again only after the next one.
   */
  noteLinkUp(): void {
    const { queues, statistics } = this
    for (const queue of queues.transmit.slice(0, statistics.queuePairs)) queue.notify()
  }
}
