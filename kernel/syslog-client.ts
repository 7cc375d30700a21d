/**
 * Sends the log to a collector: a datagram a message (RFC 5426), or counted octets on one
 * connection (RFC 6587 §3.4.1).
 */
import type { LogSink } from './logger.ts'
import { encodeSyslogMessage, type LogEntry } from './syslog-message.ts'

/** Where messages go; `send` resolves once one is on its way. */
export interface SyslogTransport {
  send(bytes: Uint8Array): Promise<unknown>
  close(): void
}

export interface SyslogTarget {
  readonly protocol: 'udp' | 'tcp'
  readonly hostname: string
  readonly port: number
}

export interface SyslogOptions {
  readonly open: () => Promise<SyslogTransport>
  readonly isCounted: boolean
  readonly hostName: () => string
  readonly encodeText: (text: string) => Uint8Array
  readonly pause: (delayMs: number) => Promise<void>
  /** 0 up to 1. */
  readonly drawFraction: () => number
}

/** Lines that wait: for an address at boot, and for a collector that is away. */
const MAX_WAITING_LINES = 256
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/**
 * Pauses are up to half longer: a collector that was away is not to be sought by all of its guests
 * at once.
 */
const JITTER = 0.5

export class SyslogClient {
  /** Lines that nobody got, since the start. */
  lost = 0
  sent = 0
  private toldLost = 0
  private readonly waiting: LogEntry[] = []
  private options: SyslogOptions | null = null
  private transport: SyslogTransport | null = null
  private isSending = false

  /**
   * For the log's sink. What it sends is itself told of at `debug` and `trace`, so those stay at
   * home.
   */
  readonly take: NonNullable<LogSink['take']> = (level, component, message) => {
    if (level === 'debug' || level === 'trace') return
    if (this.waiting.length === MAX_WAITING_LINES) {
      this.waiting.shift()
      this.lost++
    }
    this.waiting.push({ level, component, message, time: new Date().toISOString() })
    void this.sendWaiting()
  }

  /** There is a network: what has waited goes first. */
  start(options: SyslogOptions): void {
    this.options = options
    void this.sendWaiting()
  }

  /** Never rejects. */
  private async sendWaiting(): Promise<void> {
    const { options } = this
    if (options === null || this.isSending) return
    this.isSending = true
    let pauseMs = FIRST_PAUSE_MS
    // A later job: the line that woke this is not yet on the console.
    await Promise.resolve()
    while (this.waiting.length > 0) {
      const entry = this.waiting[0]!
      try {
        this.transport ??= await options.open()
        const { lost } = this
        await this.transport.send(this.encode(entry, lost - this.toldLost, options))
        this.toldLost = lost
        // While it was on its way it may have been the oldest of too many.
        if (this.waiting[0] === entry) this.waiting.shift()
        this.sent++
        pauseMs = FIRST_PAUSE_MS
      } catch {
        // Away, or not yet there: what waits is kept as far as there is room, and it is tried
        // again.
        this.transport?.close()
        this.transport = null
        await options.pause(pauseMs * (1 + JITTER * options.drawFraction()))
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      }
    }
    this.isSending = false
  }

  /** `news`: how many lines were lost since that was told. */
  private encode(entry: LogEntry, news: number, options: SyslogOptions): Uint8Array {
    const { encodeText, isCounted } = options
    const told =
      news === 0 ? entry : { ...entry, message: `(${news} lines were lost) ${entry.message}` }
    const message = encodeSyslogMessage(told, options.hostName(), encodeText)
    if (!isCounted) return message
    const count = encodeText(`${message.length} `)
    const frame = new Uint8Array(count.length + message.length)
    frame.set(count)
    frame.set(message, count.length)
    return frame
  }
}
