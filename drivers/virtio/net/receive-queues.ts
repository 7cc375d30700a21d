/**
 * Several receive queues as one: each has a share of what is taken in, in turns, so that what fills
 * one of them holds up none of the others (virtio 1.4 §5.1.6.5.6).
 */
import type {
  FrameJoiner,
  FrameLookahead,
  FrameRules,
  ReceivedFrame,
} from '../../../net/phy/net-device.ts'
import type { UsedWord } from '../virtqueue.ts'
import type { DeviceReceiveHalf } from './device-halves.ts'
import type { DeviceHealth } from './device-health.ts'
import type { ReceivePath } from './receive-path.ts'
import type { PairStatistics, VirtioNetStatistics } from './statistics.ts'

/** Frames of one queue before the next one has its turn: an eighth of what a poll takes in. */
const FRAMES_A_VISIT = 8

export class ReceiveQueues implements DeviceReceiveHalf, FrameLookahead {
  readonly lookahead = this
  /** Whose turn it is. */
  queueIndex = 0
  private current: ReceivePath
  /** Frames that it may still give before the next one's turn. */
  private left = FRAMES_A_VISIT
  private readonly paths: readonly ReceivePath[]
  private readonly health: DeviceHealth
  private readonly service: () => boolean
  private readonly pairs: readonly PairStatistics[]
  /** What lies in the others nobody has allowed the device to put there. */
  private enabledCount = 1
  /** Interrupts are armed for all but the queue that is watched. */
  private isWatching = false

  constructor(
    paths: readonly ReceivePath[],
    health: DeviceHealth,
    statistics: VirtioNetStatistics,
    service: () => boolean,
  ) {
    this.paths = paths
    this.current = paths[0]!
    this.health = health
    this.pairs = statistics.pairs
    this.service = service
  }

  get joiner(): FrameJoiner | null {
    return this.paths[0]!.joiner
  }

  set joiner(joiner: FrameJoiner | null) {
    for (const path of this.paths) path.joiner = joiner
  }

  /** The device uses the first `count` of them from now on. */
  enable(count: number): void {
    this.disarmInterrupts()
    this.enabledCount = count
    this.turnTo(0)
  }

  receive(frame: ReceivedFrame): boolean {
    if (this.isWatching) this.disarmInterrupts()
    // The rest of this visit, then each of them once.
    for (let visits = this.enabledCount; ; visits--) {
      // Not in the path: whose turn it is may be another one's after a reset.
      if (this.health.needsAttention && !this.service()) return false
      if (this.left > 0 && this.current.receive(frame)) {
        const { queueIndex } = this
        this.left -= frame.fragmentCount
        this.pairs[queueIndex]!.receivedFrames++
        frame.queueIndex = queueIndex
        return true
      }
      if (visits === 0) return false
      this.turnToNext()
    }
  }

  release(frame: ReceivedFrame): void {
    this.current.release(frame)
  }

  upcoming(rules: FrameRules): number {
    if (this.isWatching) this.disarmInterrupts()
    for (let visits = this.enabledCount; ; visits--) {
      if (this.health.needsAttention && !this.service()) return 0
      if (this.left > 0) {
        const count = this.current.upcoming(rules)
        if (count > 0 || this.current.hasReceived) return count
      }
      if (visits === 0) return 0
      this.turnToNext()
    }
  }

  /** The visit is over: what is left out costs its queue a turn. */
  skip(count: number): void {
    this.current.skip(count)
    this.pairs[this.queueIndex]!.receivedFrames += count
    this.left = 0
  }

  postAll(): void {
    for (const path of this.paths) path.postAll()
  }

  publish(): void {
    for (const path of this.paths) path.publish()
  }

  get hasReceived(): boolean {
    const { paths, enabledCount } = this
    for (let index = 0; index < enabledCount; index++) {
      if (paths[index]!.hasReceived) return true
    }
    return false
  }

  armInterrupts(): boolean {
    const { paths, enabledCount } = this
    for (let index = 0; index < enabledCount; index++) {
      if (!paths[index]!.armInterrupts()) return false
    }
    return true
  }

  disarmInterrupts(): void {
    this.isWatching = false
    const { paths, enabledCount } = this
    for (let index = 0; index < enabledCount; index++) paths[index]!.disarmInterrupts()
  }

  /** One word can be watched: the other queues interrupt, which ends the wait as well. */
  watch(): UsedWord | null {
    const { paths, current, enabledCount } = this
    this.isWatching = true
    for (let index = 0; index < enabledCount; index++) {
      const path = paths[index]!
      if (path !== current && !path.armInterrupts()) return null
    }
    return current.watch()
  }

  private turnToNext(): void {
    const next = this.queueIndex + 1
    this.turnTo(next < this.enabledCount ? next : 0)
  }

  private turnTo(index: number): void {
    this.queueIndex = index
    this.current = this.paths[index]!
    this.left = FRAMES_A_VISIT
  }
}
