/**
 * Whether the device can be trusted and used: what both halves look at, and where they report
 * violations.
 */
import type { LinkState } from '../../../net/phy/net-device.ts'

export class DeviceHealth implements LinkState {
  /** The link is up and the queues are the device's: frames can be sent. */
  isUp = false
  /** The queues are the device's: from DRIVER_OK until a violation or a reset. */
  isRunning = false
  /** A change of configuration, a violation, or the device is not used: `attend` decides. */
  needsAttention = false
  /** What the device was caught at and has not been reset for yet, else the empty string. */
  violation = ''
  /** Why the device is not used now, else the empty string. */
  failure = ''
  private readonly counts: Record<string, number>

  /** `counts` holds how often the device was caught at what. */
  constructor(counts: Record<string, number>) {
    this.counts = counts
  }

  /** Nothing of what the device says is believed any more until it has been reset. */
  report(violation: string): void {
    if (this.violation !== '' || this.failure !== '') return
    this.counts[violation] = (this.counts[violation] ?? 0) + 1
    this.violation = violation
    this.needsAttention = true
    this.isRunning = false
    this.isUp = false
  }

  /** It is in use again. */
  recover(needsAttention: boolean): void {
    this.failure = ''
    this.violation = ''
    this.needsAttention = needsAttention
  }

  /** It is not used for this reason. */
  fail(reason: string): void {
    this.isRunning = false
    this.isUp = false
    this.failure = reason
    this.needsAttention = true
  }
}
