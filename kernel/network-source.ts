/**
 * The stack and its devices as one source of the event loop: milliseconds above,
 * nanoseconds below.
 */
import type { PollSource } from './event-loop.ts'
import type { WatchedWord } from './halt-poll.ts'

/** What polls: the stack. */
export interface PollableInterface {
  poll(nowMs: number): boolean
  nextDeadlineMs(nowMs: number): number
}

/** What interrupts: the driver. */
export interface InterruptingDevice {
  /** True when interrupts do not come and the device must be looked at. */
  readonly mustPoll: boolean
  armInterrupts(): boolean
  disarmInterrupts(): void
  watch(): WatchedWord | null
}

const NS_PER_MS = 1e6
/** How often a device without interrupts is looked at. */
const POLL_INTERVAL_NS = 1e6

/** Several devices as one, for the event loop. */
export class DeviceGroup implements InterruptingDevice {
  private readonly devices: readonly InterruptingDevice[]

  constructor(devices: readonly InterruptingDevice[]) {
    this.devices = devices
  }

  get mustPoll(): boolean {
    return this.devices.some(({ mustPoll }) => mustPoll)
  }

  /** All of them, even after one that has work already: what is armed is disarmed together. */
  armInterrupts(): boolean {
    let maySleep = true
    for (const device of this.devices) if (!device.armInterrupts()) maySleep = false
    return maySleep
  }

  disarmInterrupts(): void {
    for (const device of this.devices) device.disarmInterrupts()
  }

  /** The processor can watch one word only. */
  watch(): WatchedWord | null {
    return null
  }
}

export class NetworkSource implements PollSource {
  private readonly pollable: PollableInterface
  private readonly device: InterruptingDevice
  private polledMs = 0
  /** What the stack said last, and the same in nanoseconds. */
  private deadlineMs = Number.POSITIVE_INFINITY
  private deadlineNs = Number.POSITIVE_INFINITY

  constructor(pollable: PollableInterface, device: InterruptingDevice) {
    this.pollable = pollable
    this.device = device
  }

  poll(nowNs: number): boolean {
    const nowMs = Math.floor(nowNs / NS_PER_MS)
    this.polledMs = nowMs
    return this.pollable.poll(nowMs)
  }

  nextDeadlineNs(nowNs: number): number {
    // What is due at once is due at the time of the poll, too. And nothing is before the clock of
    // polls, which counts whole milliseconds, has come to it: the loop would turn until then.
    const deadlineMs = this.pollable.nextDeadlineMs(this.polledMs)
    if (deadlineMs !== this.deadlineMs) {
      this.deadlineMs = deadlineMs
      this.deadlineNs = Math.ceil(deadlineMs) * NS_PER_MS
    }
    if (!this.device.mustPoll) return this.deadlineNs
    return Math.min(this.deadlineNs, nowNs + POLL_INTERVAL_NS)
  }

  armInterrupts(): boolean {
    return this.device.armInterrupts()
  }

  disarmInterrupts(): void {
    this.device.disarmInterrupts()
  }

  watch(): WatchedWord | null {
    return this.device.mustPoll ? null : this.device.watch()
  }
}
