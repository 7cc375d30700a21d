/**
 * Several transmit queues as one: a flow keeps to one of them, and one that is full refuses its own
 * flows only (virtio 1.4 §5.1.6.5.6).
 */
import type { FrameSeries } from '../../../net/phy/net-device.ts'
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import type { DeviceTransmitHalf } from './device-halves.ts'
import type { PairStatistics } from './statistics.ts'
import type { TransmitPath } from './transmit-path.ts'

/** 2^32 over the golden ratio: any bit of a hash then moves the upper half of the product. */
const MULTIPLIER = 0x9e3779b1
const UPPER_HALF = 16

export class TransmitQueues implements DeviceTransmitHalf {
  private readonly paths: readonly TransmitPath[]
  private readonly statistics: readonly PairStatistics[]
  private enabledCount = 1

  constructor(paths: readonly TransmitPath[], statistics: readonly PairStatistics[]) {
    this.paths = paths
    this.statistics = statistics
  }

  /** The device serves the first `count` of them from now on. */
  enable(count: number): void {
    this.enabledCount = count
  }

  submit(record: TransmitRecord): boolean {
    const index = this.indexOf(record)
    if (!this.paths[index]!.submit(record)) return false
    this.statistics[index]!.transmittedFrames++
    return true
  }

  submitSeries(record: TransmitRecord, series: FrameSeries): number {
    const index = this.indexOf(record)
    const count = this.paths[index]!.submitSeries(record, series)
    if (count > 0) this.statistics[index]!.transmittedFrames += count
    return count
  }

  private indexOf(record: TransmitRecord): number {
    const mixed = Math.imul(record.flowHash, MULTIPLIER) >>> UPPER_HALF
    return mixed % this.enabledCount
  }

  flush(): void {
    const { paths, enabledCount } = this
    for (let index = 0; index < enabledCount; index++) paths[index]!.flush()
  }

  reclaim(): void {
    const { paths, enabledCount } = this
    for (let index = 0; index < enabledCount; index++) paths[index]!.reclaim()
  }

  takeBackAll(): void {
    for (const path of this.paths) path.takeBackAll()
  }
}
