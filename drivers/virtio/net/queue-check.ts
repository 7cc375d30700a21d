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

export class QueueCheck {
  private readonly queues: Pick<NetQueues, 'receive' | 'transmit'>
  private readonly health: DeviceHealth
  private readonly statistics: VirtioNetStatistics
  private intervalNs = LEAST_INTERVAL_NS
  private seenFrames = -1

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
      if (!queues.receive.every((queue) => queue.isIntact())) health.report('descriptors')
    }
    const frames = statistics.receivedFrames + statistics.transmittedFrames
    const isIdle = frames === this.seenFrames
    this.seenFrames = frames
    this.intervalNs = isIdle ? Math.min(2 * this.intervalNs, MOST_INTERVAL_NS) : LEAST_INTERVAL_NS
    return this.intervalNs
  }

  /** Of frames to send that it has given none of back, whether it wants to hear of them or not. */
  private notifyAgain(): void {
    for (const queue of this.queues.transmit) {
      if (queue.outstanding <= queue.unpublished || queue.hasUsed()) continue
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
