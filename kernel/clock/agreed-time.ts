/**
 * Whom to believe of several servers: the time that more than half of them agree on (Marzullo's
 * algorithm, RFC 5905 §11.2.1).
 */

export interface TimeSample {
  readonly server: string
  /** What the date is when the monotonic clock says 0, in microseconds since 1970. */
  readonly dateAtZeroUs: number
  /** It may be wrong by that much in either direction, if the server is right. */
  readonly errorUs: number
}

/**
 * The sample with the least error among those that hold what most agree on; null when no more than
 * half of them agree.
 */
export function agreedTime<Sample extends TimeSample>(samples: readonly Sample[]): Sample | null {
  let best: Sample[] = []
  // Where most intervals overlap, one of them begins.
  for (const { dateAtZeroUs, errorUs } of samples) {
    const place = dateAtZeroUs - errorUs
    const holding = samples.filter((it) => Math.abs(it.dateAtZeroUs - place) <= it.errorUs)
    if (holding.length > best.length) best = holding
  }
  if (best.length * 2 <= samples.length) return null
  return best.reduce((least, it) => (it.errorUs < least.errorUs ? it : least))
}
