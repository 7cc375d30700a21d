/**
 * What the guest did in the last ten minutes, a sample each ten seconds: kept by itself, so that a
 * page that is loaded anew shows it.
 */
import { percentileMs, readCounts } from '../http/request-meter.ts'

export const SAMPLE_INTERVAL_MS = 10_000
export const MAX_SAMPLES = 60

/**
 * Of each sample, in this order. Bytes and requests are since boot; percentiles are of the
 * interval.
 */
export const SAMPLE_FIELDS = [
  'uptimeSeconds',
  'sentBytes',
  'receivedBytes',
  'sleptSeconds',
  'connections',
  'requests',
  'p50Ms',
  'p99Ms',
] as const

const FIELD_COUNT = SAMPLE_FIELDS.length

/** What the kernel can say at once. */
export interface Readings {
  readonly uptimeNs: number
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sleptNs: number
  readonly connections: number
}

export interface HistorySource {
  readings(): Readings
  after(delayMs: number, callback: () => void): unknown
}

export class History {
  private readonly source: HistorySource
  /** A ring of samples. */
  private readonly values = new Float64Array(MAX_SAMPLES * FIELD_COUNT)
  private taken = 0
  /** The histogram of requests at the last sample, at this one, and what is new. */
  private readonly before: number[] = []
  private readonly counts: number[] = []
  private readonly news: number[] = []

  constructor(source: HistorySource) {
    this.source = source
    readCounts(this.before)
    this.sample()
  }

  /** Oldest first. */
  report(): { fields: readonly string[]; intervalMs: number; samples: number[][] } {
    const count = Math.min(this.taken, MAX_SAMPLES)
    const samples = Array.from({ length: count }, (_, index) => {
      const at = ((this.taken - count + index) % MAX_SAMPLES) * FIELD_COUNT
      return Array.from(this.values.subarray(at, at + FIELD_COUNT))
    })
    return { fields: SAMPLE_FIELDS, intervalMs: SAMPLE_INTERVAL_MS, samples }
  }

  private sample(): void {
    const { source, news } = this
    const it = source.readings()
    const requests = this.readNews()
    const at = (this.taken % MAX_SAMPLES) * FIELD_COUNT
    this.values.set(
      [
        ...[it.uptimeNs / 1e9, it.sentBytes, it.receivedBytes, it.sleptNs / 1e9, it.connections],
        ...[requests, percentileMs(news, 0.5), percentileMs(news, 0.99)],
      ],
      at,
    )
    this.taken++
    source.after(SAMPLE_INTERVAL_MS, () => this.sample())
  }

  /**
   * Puts the requests since the last sample into `news`; returns how many there have been since the
   * start.
   */
  private readNews(): number {
    const { before, counts, news } = this
    const requests = readCounts(counts)
    for (let index = 0; index < counts.length; index++) {
      news[index] = counts[index]! - before[index]!
      before[index] = counts[index]!
    }
    return requests
  }
}
