/**
 * The end that the machine asks for: the app is told, connections get a grace period, then the
 * guest ends cleanly.
 */
import type { Events } from './events.ts'
import { ExitCode, type Platform } from './hal/platform.ts'
import type { Logger } from './logger.ts'
import { ShutdownController } from './shutdown-signal.ts'
import type { TimerQueue } from './timer-queue.ts'

const NS_PER_MS = 1e6
/** How often it is looked whether all is over. */
const CHECK_INTERVAL_MS = 20
/** After the grace period every connection is ended; so long peers may take to acknowledge it. */
const DELIVERY_MS = 500
/** The last frames are on their way through the device. */
const SETTLE_MS = 10
const POLL_INTERVAL_MS = 1

/** What the end asks of the network stack. */
export interface WindingStack {
  windDown(): void
  unsettledConnections(nowMs: number): number
  endConnections(): void
  readonly isAllDelivered: boolean
  resetUndelivered(): void
  poll(nowMs: number): boolean
}

export interface ShutdownOptions {
  readonly platform: Pick<Platform, 'monotonicNs' | 'waitForInterrupt' | 'exit'>
  readonly interrupts: { total(): number }
  readonly timers: TimerQueue
  readonly events: Events
  readonly log: Logger
  /** Null without a network. */
  readonly stack: WindingStack | null
  readonly graceMs: number
}

function inWords(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? '' : 's'}`
}

export class Shutdown {
  readonly signal = new ShutdownController()
  private readonly options: ShutdownOptions
  private deadlineNs = 0

  constructor(options: ShutdownOptions) {
    this.options = options
  }

  /** The first time begins the end, the second does not wait for it. */
  request(): void {
    if (!this.signal.aborted) {
      this.begin()
      return
    }
    this.options.log.warn('asked again to shut down: ends at once')
    this.end()
  }

  /**
   * True for an error that comes of the shutdown itself and that an app without interest in it does
   * not catch.
   */
  excuses(error: unknown): boolean {
    if (!this.signal.aborted) return false
    if (error === this.signal.reason) return true
    const { name, code } = Object(error) as { name?: unknown; code?: unknown }
    return name === 'NetError' && code === 'closed'
  }

  private begin(): void {
    const { platform, events, log, stack, graceMs } = this.options
    const nowNs = platform.monotonicNs()
    this.deadlineNs = nowNs + graceMs * NS_PER_MS
    const connections = this.unsettled(nowNs)
    log.info(
      connections === 0
        ? 'asked to shut down'
        : `asked to shut down: ${inWords(connections, 'connection')} may take ${graceMs / 1000} s; asked again, it ends at once`,
    )
    events.emit('shutdown', { graceMs, connections })
    this.signal.request()
    stack?.windDown()
    this.checkLater()
  }

  private checkLater(): void {
    const { platform, timers } = this.options
    timers.add(platform.monotonicNs() + CHECK_INTERVAL_MS * NS_PER_MS, () => this.check())
  }

  private check(): void {
    const nowNs = this.options.platform.monotonicNs()
    const connections = this.unsettled(nowNs)
    const { pendingWork } = this.signal
    if (connections === 0 && pendingWork === 0) {
      this.end()
      return
    }
    if (nowNs < this.deadlineNs) {
      this.checkLater()
      return
    }
    const cut = [
      ...(connections === 0 ? [] : [`${inWords(connections, 'connection')} cut off`]),
      ...(pendingWork === 0 ? [] : [`${inWords(pendingWork, 'promise')} of the app given up`]),
    ]
    this.options.log.warn(`the grace period is over: ${cut.join(', ')}`)
    this.end()
  }

  private unsettled(nowNs: number): number {
    return this.options.stack?.unsettledConnections(Math.floor(nowNs / NS_PER_MS)) ?? 0
  }

  /** From here on nothing of the app runs any more. */
  end(): never {
    const { platform, stack } = this.options
    if (stack !== null) {
      stack.endConnections()
      this.poll(stack, DELIVERY_MS, () => stack.isAllDelivered)
      stack.resetUndelivered()
      this.poll(stack, SETTLE_MS, () => false)
    }
    return platform.exit(ExitCode.Clean)
  }

  private poll(stack: WindingStack, durationMs: number, isDone: () => boolean): void {
    const { platform, interrupts } = this.options
    const endNs = platform.monotonicNs() + durationMs * NS_PER_MS
    for (let nowNs = platform.monotonicNs(); nowNs < endNs; nowNs = platform.monotonicNs()) {
      const seenTotal = interrupts.total()
      const worked = stack.poll(Math.floor(nowNs / NS_PER_MS))
      if (isDone()) return
      if (!worked) platform.waitForInterrupt(seenTotal, nowNs + POLL_INTERVAL_MS * NS_PER_MS)
    }
  }
}
