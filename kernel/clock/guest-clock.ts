/** The guest's date from boot on: where it came from, what has corrected it, and who keeps it. */
import type { Platform } from '../hal/platform.ts'
import type { Logger } from '../logger.ts'
import type { TimerQueue } from '../timer-queue.ts'
import type { NtpCodec, TimeEndpoint } from './ask-server.ts'
import { type DateSource, findDateAtBoot } from './date-at-boot.ts'
import { followMachine } from './follow-machine.ts'
import { TimeClient } from './time-client.ts'

export interface GuestClockOptions {
  /** The real-time clock's, 0 to 59; null when it cannot be read now. */
  readonly readRtcSecond: () => number | null
  /** Its date in seconds since 1970; null when it tells none. */
  readonly readRtcSeconds: () => number | null
  /** A management controller's, since 1970; null without one. */
  readonly readBmcSeconds: () => number | null
  readonly platform: Pick<
    Platform,
    'monotonicNs' | 'realtimeUs' | 'realtimeIsKnown' | 'correctRealtime'
  >
  readonly timers: TimerQueue
  readonly log: Logger
}

export interface NtpParts {
  readonly codec: NtpCodec
  readonly servers: () => readonly string[]
  readonly open: (server: string) => Promise<TimeEndpoint>
  readonly random: { fill(target: Uint8Array): void }
}

const NONCE_BYTES = 8
const US_PER_SECOND = 1e6

export class GuestClock {
  private readonly options: GuestClockOptions
  /** By how much a second that began has moved the date last, and whose; null: not yet. */
  private edge: { readonly us: number; readonly of: DateSource } | null = null
  private client: TimeClient | null = null
  /** That by which the date is kept while no server has told of it. */
  private machineSeconds: () => number | null

  constructor(options: GuestClockOptions) {
    const { readRtcSecond, readRtcSeconds, readBmcSeconds, platform, timers, log } = options
    this.options = options
    this.machineSeconds = readRtcSeconds
    const { realtimeUs, monotonicNs: nowNs } = platform
    if (!platform.realtimeIsKnown()) {
      const seconds = readBmcSeconds()
      if (seconds === null) {
        log.warn('this machine tells no date: it is 1970 until an NTP server says otherwise (ntp=)')
        return
      }
      platform.correctRealtime(seconds * US_PER_SECOND - realtimeUs(), 0)
    }
    findDateAtBoot({
      ...{ timers, nowNs, realtimeUs, readRtcSecond, readBmcSeconds },
      done: (offsetUs, of) => {
        this.correct(offsetUs, of)
        const readSeconds = of === 'real-time-clock' ? readRtcSeconds : readBmcSeconds
        this.machineSeconds = readSeconds
        followMachine({
          name: of === 'real-time-clock' ? 'the real-time clock' : 'the management controller',
          readSeconds,
          ...{ timers, nowNs, realtimeUs, readRtcSeconds, log },
          isOver: () => this.isKeptByNtp,
          correct: (laterUs) => this.correct(laterUs, of),
        })
      },
    })
  }

  /**
   * Whom servers have told knows better than the machine, from then on: its clocks may be off, and
   * are up to a second behind. When no server answers any more they tell of jumps only, see
   * machine-jumps.ts.
   */
  private get isKeptByNtp(): boolean {
    return this.client?.hasBelieved === true
  }

  private correct(offsetUs: number, of: DateSource): void {
    if (this.isKeptByNtp) return
    this.edge = { us: Math.round(offsetUs), of }
    this.options.platform.correctRealtime(this.edge.us, 0)
  }

  startNtp(parts: NtpParts): void {
    const { platform, timers, log } = this.options
    const draw = (lengthBytes: number) => {
      const bytes = new Uint8Array(lengthBytes)
      parts.random.fill(bytes)
      return bytes
    }
    this.client = new TimeClient({
      ...{ codec: parts.codec, servers: parts.servers, open: parts.open, timers, log },
      ...{ nowNs: platform.monotonicNs, realtimeUs: platform.realtimeUs },
      correct: platform.correctRealtime,
      machineSeconds: () => this.machineSeconds(),
      drawNonce: () => draw(NONCE_BYTES),
      drawFraction: () => draw(1)[0]! / 256,
    })
    this.client.start()
  }

  /** Plain data for status pages. */
  report(): Record<string, unknown> {
    const { edge, client } = this
    return { dateMs: Date.now(), edge, ntp: client === null ? null : client.report() }
  }
}
