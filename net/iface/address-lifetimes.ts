/**
 * Ends what an address was given for a time: preferred first, then valid (RFC 4862 §5.5.4, RFC 2131
 * §4.4.5).
 */
import { AddressState, type AddressTable, type InterfaceAddress } from './address-table.ts'
import type { TaskSchedule, TimedTask } from './task-schedule.ts'

export class AddressLifetimes implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  private readonly addresses: AddressTable
  private readonly schedule: TaskSchedule
  private readonly remove: (entry: InterfaceAddress, nowMs: number) => void

  /** `remove` takes an address whose time is over from the interface. */
  constructor(
    addresses: AddressTable,
    schedule: TaskSchedule,
    remove: (entry: InterfaceAddress, nowMs: number) => void,
  ) {
    this.addresses = addresses
    this.schedule = schedule
    this.remove = remove
    schedule.add(this)
  }

  /**
   * Sets both; Infinity = for ever. An address whose preferred time is over, or begins anew,
   * changes its state at once.
   */
  set(
    entry: InterfaceAddress,
    preferredUntilMs: number,
    validUntilMs: number,
    nowMs: number,
  ): void {
    entry.preferredUntilMs = preferredUntilMs
    entry.validUntilMs = validUntilMs
    if (entry.state === AddressState.Deprecated && nowMs < preferredUntilMs) {
      this.addresses.setState(entry, AddressState.Preferred)
    }
    this.nextDeadlineMs = Math.min(this.nextDeadlineMs, preferredUntilMs, validUntilMs)
    this.schedule.update()
  }

  processTimers(nowMs: number): void {
    this.nextDeadlineMs = Number.POSITIVE_INFINITY
    for (const entry of [...this.addresses.entries]) {
      if (nowMs >= entry.validUntilMs) {
        this.remove(entry, nowMs)
        continue
      }
      const isPreferred = nowMs < entry.preferredUntilMs
      if (entry.state === AddressState.Preferred && !isPreferred) {
        this.addresses.setState(entry, AddressState.Deprecated)
      }
      // While detection runs the address is not preferred yet: looked at again when that is over.
      const nextMs = isPreferred ? entry.preferredUntilMs : entry.validUntilMs
      this.nextDeadlineMs = Math.min(this.nextDeadlineMs, nextMs, entry.validUntilMs)
    }
  }
}
