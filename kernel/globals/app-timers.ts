/** setTimeout, setInterval and their clear functions over the kernel's timer queue (HTML §8.7). */
import type { Timer, TimerQueue } from '../timer-queue.ts'

/** As in other engines, a longer delay is taken as 1 ms. */
const LONGEST_DELAY_MS = 0x7fffffff

export class AppTimers {
  private readonly queue: TimerQueue
  private readonly nowNs: () => number
  private readonly timers = new Map<number, Timer>()
  private lastId = 0

  constructor(queue: TimerQueue, nowNs: () => number) {
    this.queue = queue
    this.nowNs = nowNs
  }

  readonly setTimeout = <Values extends unknown[]>(
    callback: (...values: Values) => void,
    delayMs = 0,
    ...values: Values
  ): number => {
    requireCallback(callback)
    const id = ++this.lastId
    this.start(id, delayNs(delayMs, 0), () => {
      this.timers.delete(id)
      callback(...values)
    })
    return id
  }

  readonly setInterval = <Values extends unknown[]>(
    callback: (...values: Values) => void,
    delayMs = 0,
    ...values: Values
  ): number => {
    requireCallback(callback)
    const id = ++this.lastId
    const periodNs = delayNs(delayMs, 1)
    const run = () => {
      this.start(id, periodNs, run)
      callback(...values)
    }
    this.start(id, periodNs, run)
    return id
  }

  /** Clears timeouts and intervals alike; what is not running is ignored. */
  readonly clear = (id?: number): void => {
    const timer = this.timers.get(id as number)
    if (timer === undefined) return
    this.timers.delete(id as number)
    this.queue.cancel(timer)
  }

  private start(id: number, durationNs: number, callback: () => void): void {
    this.timers.set(id, this.queue.add(this.nowNs() + durationNs, callback))
  }
}

function requireCallback(callback: unknown): void {
  if (typeof callback !== 'function') {
    throw new TypeError(`Cannot set timer: the callback is a ${typeof callback}`)
  }
}

function delayNs(delayMs: number, leastMs: number): number {
  const delay = Number(delayMs)
  if (!(delay > leastMs)) return leastMs * 1e6
  return (delay > LONGEST_DELAY_MS ? 1 : delay) * 1e6
}
