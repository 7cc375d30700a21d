/**
 * What is compared with Linux, and the comparison: medians for each guest, and the ratio as it was
 * side by side.
 */
import { median } from './measurement.ts'

export const GUEST_NAMES = ['Eremite', 'Linux'] as const
export type GuestName = (typeof GUEST_NAMES)[number]

export interface Metric {
  readonly group: string
  readonly label: string
  readonly unit: string
  readonly better: 'more' | 'less'
  /** Digits after the point. */
  readonly digits: number
}

const THROUGHPUT = {
  group: 'TCP throughput (iperf3)',
  unit: 'Gbit/s',
  better: 'more',
  digits: 2,
} as const
const REQUESTS = {
  group: 'Small HTTP requests',
  unit: 'requests/s',
  better: 'more',
  digits: 0,
} as const
const CONNECTS = {
  group: 'TCP connections',
  unit: 'connections/s',
  better: 'more',
  digits: 0,
} as const
const ROUND_TRIP = { group: 'Echo round trip', unit: 'µs', better: 'less', digits: 0 } as const
const BOOT = { group: 'Boot', unit: 'ms', better: 'less', digits: 0 } as const
const MEMORY = { group: 'Memory', unit: 'MiB', better: 'less', digits: 0 } as const

export const METRICS = {
  'send-4': { ...THROUGHPUT, label: 'guest sends, IPv4' },
  'send-6': { ...THROUGHPUT, label: 'guest sends, IPv6' },
  'receive-4': { ...THROUGHPUT, label: 'guest receives, IPv4' },
  'receive-6': { ...THROUGHPUT, label: 'guest receives, IPv6' },
  'http-one': { ...REQUESTS, label: 'one connection, kept' },
  'http-many': { ...REQUESTS, label: '16 connections, kept' },
  'http-new': { ...REQUESTS, label: 'a new connection each' },
  'connects-one': { ...CONNECTS, label: 'opened and closed, one at a time' },
  'connects-many': { ...CONNECTS, label: 'opened and closed, 16 at a time' },
  'echo-tcp': { ...ROUND_TRIP, label: 'TCP, 64 octets' },
  'echo-udp': { ...ROUND_TRIP, label: 'UDP, 64 octets' },
  boot: { ...BOOT, label: 'start of QEMU to first TCP echo' },
  'memory-ready': { ...MEMORY, label: 'QEMU resident, ready' },
  'memory-after': { ...MEMORY, label: 'QEMU resident, after all of it' },
} as const satisfies Record<string, Metric>

export type MetricId = keyof typeof METRICS

export interface Figure {
  readonly guest: GuestName
  readonly metric: MetricId
  readonly value: number
  /** Processor time of QEMU over elapsed time. */
  readonly guestLoad?: number
  /** Processor time of the measuring program over elapsed time: near 1, it was the bottleneck. */
  readonly peerLoad?: number
  /** Frames in the direction of the data, counted by the TAP. */
  readonly frames?: number
}

export interface ComparisonRun {
  /** Who went first in each pair of measurements. */
  readonly first: GuestName
  readonly figures: readonly Figure[]
}

export interface ComparedRow extends Metric {
  readonly id: MetricId
  readonly median: Readonly<Record<GuestName, number>>
  /**
   * Times Linux, above 1 when Eremite is the better one, whichever way the unit counts. Median of
   * the runs' own ratios: both guests of a run shared what the machine was doing just then.
   */
  readonly ratio: number
  /**
   * The same for what each did in a second of QEMU's processor time, where work is counted: on a
   * machine that others use too, it moves less.
   */
  readonly ratioPerProcessor: number | undefined
  /** Median loads, where there are any. */
  readonly guestLoad: Readonly<Partial<Record<GuestName, number>>>
  readonly peerLoad: Readonly<Partial<Record<GuestName, number>>>
}

/** Throws when a run lacks a figure: half a comparison says nothing. */
export function compare(runs: readonly ComparisonRun[]): ComparedRow[] {
  return (Object.keys(METRICS) as MetricId[]).map((id) => {
    const metric: Metric = METRICS[id]
    const all = (guest: GuestName): Figure[] => runs.flatMap((run) => figuresOf(run, guest, id))
    const figureOf = (run: ComparisonRun, guest: GuestName): number =>
      median(figuresOf(run, guest, id).map(({ value }) => value))
    const medianOf = (guest: GuestName): number => median(all(guest).map(({ value }) => value))
    const perProcessor = (run: ComparisonRun, guest: GuestName): number =>
      median(figuresOf(run, guest, id).map(({ value, guestLoad = 1 }) => value / guestLoad))
    const loads = (guest: GuestName, which: 'guestLoad' | 'peerLoad'): number | undefined => {
      const values = all(guest).flatMap((figure) => figure[which] ?? [])
      return values.length === 0 ? undefined : median(values)
    }
    return {
      id,
      ...metric,
      median: { Eremite: medianOf('Eremite'), Linux: medianOf('Linux') },
      ratio: median(
        runs.map((run) => {
          const ratio = figureOf(run, 'Eremite') / figureOf(run, 'Linux')
          return metric.better === 'more' ? ratio : 1 / ratio
        }),
      ),
      ratioPerProcessor:
        metric.better === 'more' && loads('Eremite', 'guestLoad') !== undefined
          ? median(runs.map((run) => perProcessor(run, 'Eremite') / perProcessor(run, 'Linux')))
          : undefined,
      guestLoad: bothOf((guest) => loads(guest, 'guestLoad')),
      peerLoad: bothOf((guest) => loads(guest, 'peerLoad')),
    }
  })
}

function figuresOf(run: ComparisonRun, guest: GuestName, metric: MetricId): Figure[] {
  const found = run.figures.filter((figure) => figure.guest === guest && figure.metric === metric)
  if (found.length === 0) throw new RangeError(`Cannot compare: no ${metric} of ${guest} in a run`)
  return found
}

function bothOf(
  pick: (guest: GuestName) => number | undefined,
): Partial<Record<GuestName, number>> {
  const both: Partial<Record<GuestName, number>> = {}
  for (const guest of GUEST_NAMES) {
    const value = pick(guest)
    if (value !== undefined) both[guest] = value
  }
  return both
}
