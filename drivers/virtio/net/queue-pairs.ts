/** All pairs of queues of a device, as the two halves that the stack sees (virtio 1.4 §5.1.2). */
import type { Hal } from '../../hal.ts'
import type { Virtqueue } from '../virtqueue.ts'
import type { DeviceReceiveHalf, DeviceTransmitHalf } from './device-halves.ts'
import type { DeviceHealth } from './device-health.ts'
import type { NetQueues } from './net-queues.ts'
import type { NetSetup } from './net-setup.ts'
import { ReceivePath } from './receive-path.ts'
import { ReceiveQueues } from './receive-queues.ts'
import type { VirtioNetStatistics } from './statistics.ts'
import { TransmitPath } from './transmit-path.ts'
import { TransmitQueues } from './transmit-queues.ts'

export interface QueuePairsOptions {
  readonly hal: Hal
  readonly setup: NetSetup
  readonly queues: NetQueues
  readonly health: DeviceHealth
  readonly statistics: VirtioNetStatistics
  /** See ReceivePathOptions. */
  readonly service: () => boolean
}

export class QueuePairs {
  readonly rx: DeviceReceiveHalf
  readonly tx: DeviceTransmitHalf
  private readonly statistics: VirtioNetStatistics
  private readonly transmitPaths: readonly TransmitPath[]
  private readonly queues: NetQueues
  /** Null where the first pair stands for itself: then no frame pays for others. */
  readonly several: { readonly rx: ReceiveQueues; readonly tx: TransmitQueues } | null = null
  readonly first: ReceivePath

  constructor({ hal, setup, queues, health, statistics, service }: QueuePairsOptions) {
    const receivePaths = queues.receive.map((queue) => {
      const waiting = setup.steering === null ? [] : queues.receive.filter((it) => it !== queue)
      return new ReceivePath({ hal, setup, queue, waiting, health, statistics, service })
    })
    const transmitPaths = queues.transmit.map(
      (queue) => new TransmitPath(hal, setup, queue, health, statistics),
    )
    this.statistics = statistics
    this.queues = queues
    this.transmitPaths = transmitPaths
    this.first = receivePaths[0]!
    this.rx = this.first
    this.tx = transmitPaths[0]!
    if (setup.queuePairs === 1) return
    const { pairs } = statistics
    for (const _ of receivePaths) pairs.push({ receivedFrames: 0, transmittedFrames: 0 })
    const rx = new ReceiveQueues(receivePaths, health, statistics, service)
    const tx = new TransmitQueues(transmitPaths, pairs)
    this.several = { rx, tx }
    this.rx = rx
    this.tx = tx
  }

  /** The device uses the first `count` pairs from now on, and spreads flows as it was told. */
  enable(count: number, isSteered: boolean): void {
    this.statistics.queuePairs = count
    this.statistics.isSteered = isSteered
    this.several?.rx.enable(count)
    this.several?.tx.enable(count)
  }

  transmitPathOf(queue: Virtqueue): TransmitPath {
    return this.transmitPaths[this.queues.transmit.indexOf(queue)]!
  }
}
