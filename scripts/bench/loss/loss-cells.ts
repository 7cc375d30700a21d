/** The paths that loss recovery is measured on, and how much is worth sending over each. */
import { RunError } from '../../guest/run-error.ts'

export const DIRECTIONS = ['guest sends', 'guest receives'] as const
export type Direction = (typeof DIRECTIONS)[number]

export interface LossCell {
  readonly roundTripMs: number
  /** Of each packet, both ways. */
  readonly loss: number
  /** Of the link, both ways; undefined: none but what the machine can do. */
  readonly megabitsPerSecond: number | undefined
  /** Of the link's drop-tail queue; undefined: no limit. */
  readonly queueBytes: number | undefined
}

const ROUND_TRIPS_MS = [1, 20, 100]
const LOSSES = [0, 0.001, 0.01, 0.05]

/**
 * What an interpreted guest and Linux can both fill, so that the protocol is compared and not the
 * processor.
 */
export const LINK_MEGABITS = 100
/**
 * A link's queue holds one product of bandwidth and delay, and on short ways what a small switch
 * has.
 */
const LEAST_QUEUE_BYTES = 256 << 10

const TIMEOUT_WEIGHT = 20
const SEGMENT_BYTES = 1448
const MEASURED_SECONDS = 5
/** A few losses more or less must not decide. */
const LOSSY_SECONDS = 8
const LEAST_BYTES = 256 << 10
/** Without a limit nobody knows before how fast it will be. */
const UNLIMITED_BYTES = 64 << 20

/**
 * In the order of the table: all over a link of limited rate, then those without loss over one
 * without a limit.
 */
export function lossCells(): LossCell[] {
  const limited = ROUND_TRIPS_MS.flatMap((roundTripMs) =>
    LOSSES.map((loss) => {
      const product = (LINK_MEGABITS * 1e6 * roundTripMs) / 1000 / 8
      const queueBytes = Math.max(LEAST_QUEUE_BYTES, product)
      return { roundTripMs, loss, megabitsPerSecond: LINK_MEGABITS, queueBytes }
    }),
  )
  const unlimited = ROUND_TRIPS_MS.map((roundTripMs) => ({
    roundTripMs,
    loss: 0,
    megabitsPerSecond: undefined,
    queueBytes: undefined,
  }))
  return [...limited, ...unlimited]
}

/**
 * Those of the round trips in milliseconds and the losses in percent that are named, separated by
 * commas; without a name all.
 */
export function selectCells(
  roundTrips: string | undefined,
  losses: string | undefined,
): LossCell[] {
  const isRoundTrip = selection('RTT', roundTrips, ROUND_TRIPS_MS)
  const percents = LOSSES.map((loss) => loss * 100)
  const isLoss = selection('LOSS', losses, percents)
  return lossCells().filter(
    ({ roundTripMs, loss }) => isRoundTrip(roundTripMs) && isLoss(loss * 100),
  )
}

function selection(
  name: string,
  text: string | undefined,
  known: readonly number[],
): (value: number) => boolean {
  if (text === undefined || text === '') return () => true
  const wanted = text.split(',').map(Number)
  const unknown = wanted.find((value) => !known.includes(value))
  if (unknown !== undefined) {
    throw new RunError(
      `Cannot use ${name}=${text}: it is a list of ${known.join(', ')}`,
      `${name}=${known[0]}`,
    )
  }
  return (value) => wanted.includes(value)
}

/**
 * About what a sender without a fault moves in a few seconds (Mathis et al. 1997: MSS / RTT * 1.22
 * / sqrt(p)).
 */
export function bytesWorthSending(cell: LossCell): number {
  if (cell.megabitsPerSecond === undefined) return UNLIMITED_BYTES
  const linkBytes = (cell.megabitsPerSecond * 1e6) / 8
  // Many losses a round trip end in timeouts, which the formula does not know.
  const delays = 1 + TIMEOUT_WEIGHT * cell.loss
  const lossBytes =
    cell.loss === 0
      ? linkBytes
      : (SEGMENT_BYTES * 1.22) / (cell.roundTripMs / 1000) / Math.sqrt(cell.loss) / delays
  const seconds = lossBytes < linkBytes ? LOSSY_SECONDS : MEASURED_SECONDS
  const bytes = Math.min(linkBytes, lossBytes) * seconds
  return Math.max(LEAST_BYTES, Math.round(bytes))
}
