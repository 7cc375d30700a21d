/** What one benchmark run measures, and medians over runs. */

/**
 * `rings` has no offload, but the queue features that are none: what is left of the ratio is the
 * offload's.
 */
export type OffloadMode = 'all' | 'rings' | 'none'

/** What each mode is on the guest's command line. */
export const OFFLOAD_WORDS: Readonly<Record<OffloadMode, string>> = {
  all: 'all',
  rings: 'event_idx,indirect_desc,mrg_rxbuf',
  none: 'none',
}

export interface TransferFigure {
  readonly direction: 'guest sends' | 'guest receives'
  readonly family: 'IPv4' | 'IPv6'
  readonly offload: OffloadMode
  readonly bytes: number
  readonly elapsedMs: number
  readonly gigabitsPerSecond: number
  /**
   * Frames in the direction of the data, counted by the TAP: handed to the device, or taken from
   * it.
   */
  readonly frames: number
  /** Elapsed time over those frames. */
  readonly microsecondsPerFrame: number
  /** Processor time of the host's peer over elapsed time: near 1, the peer was the bottleneck. */
  readonly peerLoad: number
  /** Processor time of QEMU over elapsed time: near 1, the guest's processor was the bottleneck. */
  readonly guestLoad: number
}

export interface BootFigure {
  /** From starting QEMU to the arrival of `ready`. */
  readonly wallMs: number
  /** From the guest's entry to `ready`, by the guest's clock. */
  readonly guestMs: number
  /** Resident memory of QEMU at `ready`. */
  readonly residentMiB: number
}

export interface BenchRun {
  readonly transfers: readonly TransferFigure[]
  readonly boots: readonly BootFigure[]
  /** Resident memory of QEMU after the transfers. */
  readonly residentAfterMiB: number
}

export interface TransferSummary extends Omit<TransferFigure, 'elapsedMs'> {
  readonly runs: number
}

export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('Cannot take a median: there are no values')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * One row for each direction, family and offload setting, medians over the runs, in the order of
 * the first run.
 */
export function summarize(runs: readonly BenchRun[]): TransferSummary[] {
  return (runs[0]?.transfers ?? []).map((first) => {
    const same = runs.flatMap(({ transfers }) =>
      transfers.filter(
        ({ direction, family, offload }) =>
          direction === first.direction && family === first.family && offload === first.offload,
      ),
    )
    const of = (pick: (figure: TransferFigure) => number): number => median(same.map(pick))
    return {
      direction: first.direction,
      family: first.family,
      offload: first.offload,
      bytes: first.bytes,
      runs: same.length,
      gigabitsPerSecond: of((figure) => figure.gigabitsPerSecond),
      frames: Math.round(of((figure) => figure.frames)),
      microsecondsPerFrame: of((figure) => figure.microsecondsPerFrame),
      peerLoad: of((figure) => figure.peerLoad),
      guestLoad: of((figure) => figure.guestLoad),
    }
  })
}
