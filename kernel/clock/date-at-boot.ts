/**
 * The date's fraction of a second, which the real-time clock did not tell at boot: from a
 * management controller where the machine has one, else from the next second of that clock.
 */
import type { TimerQueue } from '../timer-queue.ts'
import { awaitSecondEdge, SECONDS_OF_A_MINUTE } from './second-edge.ts'

const US_PER_SECOND = 1e6
/**
 * The real-time clock was read to the second, and QEMU begins it with a whole second of the host: a
 * date that is made of it is behind by less than so much.
 */
const MOST_BEHIND_US = 2 * US_PER_SECOND
/** And never ahead, but for the time of a look, and for hosts that correct their own date. */
const MOST_AHEAD_US = 50_000
/**
 * When no second was seen to begin since the loop was away too often, as on a host where many
 * guests start at once, it is looked again so much later.
 */
const LOOK_AGAIN_NS = 64e9

/** Whose second it was. */
export type DateSource = 'management-controller' | 'real-time-clock'

export interface DateAtBootOptions {
  /** The real-time clock's, 0 to 59; null when it cannot be read now. */
  readonly readRtcSecond: () => number | null
  /** Of the management controller, since 1970; null: there is none, or it does not say. */
  readonly readBmcSeconds: () => number | null
  readonly realtimeUs: () => number
  readonly nowNs: () => number
  readonly timers: TimerQueue
  /** By how much the date is behind; never called when the machine's clocks stand still. */
  readonly done: (offsetUs: number, source: DateSource) => void
}

/**
 * The real-time clock wins where the two are not of one date: `-rtc base=` says what the guest is
 * to believe, and other controllers than QEMU's have clocks of their own.
 */
export function findDateAtBoot(options: DateAtBootOptions): void {
  const { readRtcSecond, readBmcSeconds, realtimeUs, nowNs, timers, done } = options
  const lookAgain = () => {
    timers.add(nowNs() + LOOK_AGAIN_NS, () => findDateAtBoot(options))
  }
  const askRtc = () => {
    awaitSecondEdge({
      ...{ nowNs, timers, readSecond: readRtcSecond, turn: SECONDS_OF_A_MINUTE },
      done: (second) => done(behindUs(realtimeUs(), second), 'real-time-clock'),
      failed(isStill) {
        if (!isStill) lookAgain()
      },
    })
  }
  const seconds = readBmcSeconds()
  // What is under way began up to a second ago.
  if (seconds === null || !isNear(seconds, realtimeUs(), US_PER_SECOND)) {
    askRtc()
    return
  }
  awaitSecondEdge({
    ...{ nowNs, timers, readSecond: readBmcSeconds },
    done: (second) => {
      const dateUs = realtimeUs()
      if (isNear(second, dateUs, 0)) done(second * US_PER_SECOND - dateUs, 'management-controller')
      else askRtc()
    },
    failed: (isStill) => (isStill ? askRtc() : lookAgain()),
  })
}

function isNear(seconds: number, dateUs: number, sinceUs: number): boolean {
  const behind = seconds * US_PER_SECOND - dateUs
  return behind > -MOST_AHEAD_US - sinceUs && behind < MOST_BEHIND_US + MOST_AHEAD_US
}

/**
 * How far a date is behind that was set to the second that then was under way, now that `second`
 * begins: less than a second. The date itself cannot tell 0 from 1; the clock's second can.
 */
function behindUs(dateUs: number, second: number): number {
  const fraction = dateUs % US_PER_SECOND
  const shown = Math.floor(dateUs / US_PER_SECOND) % SECONDS_OF_A_MINUTE
  return shown === second ? 0 : US_PER_SECOND - fraction
}
