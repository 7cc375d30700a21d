/** The guest's date from boot on: where it came from, what has corrected it, and who keeps it. */
import type { Platform } from '../hal/platform.ts'
import type { Logger } from '../logger.ts'
import type { TimerQueue } from '../timer-queue.ts'
import type { NtpCodec, TimeEndpoint } from './ask-server.ts'
import { awaitRtcEdge } from './rtc-edge.ts'
import { TimeClient } from './time-client.ts'

export interface GuestClockOptions {
  /** The real-time clock's, 0 to 59; null when it cannot be read now. */
  readonly readRtcSecond: () => number | null
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

export class GuestClock {
  private readonly options: GuestClockOptions
  /** By how much the real-time clock's second moved the date; null: not, or not yet. */
  private edgeUs: number | null = null
  private client: TimeClient | null = null

  constructor(options: GuestClockOptions) {
    const { readRtcSecond, platform, timers, log } = options
    this.options = options
    if (!platform.realtimeIsKnown()) {
      log.warn('this machine tells no date: it is 1970 until an NTP server says otherwise (ntp=)')
      return
    }
    awaitRtcEdge({
      ...{ timers, nowNs: platform.monotonicNs, realtimeUs: platform.realtimeUs },
      readSecond: readRtcSecond,
      done: (offsetUs) => {
        // Whom servers have told knows better.
        if (this.client?.hasBelieved === true) return
        this.edgeUs = Math.round(offsetUs)
        platform.correctRealtime(this.edgeUs, 0)
      },
    })
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
      drawNonce: () => draw(NONCE_BYTES),
      drawFraction: () => draw(1)[0]! / 256,
    })
    this.client.start()
  }

  /** Plain data for status pages. */
  report(): Record<string, unknown> {
    const { edgeUs, client } = this
    return { dateMs: Date.now(), edgeUs, ntp: client === null ? null : client.report() }
  }
}
