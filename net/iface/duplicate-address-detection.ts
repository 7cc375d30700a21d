/**
 * Asks whether somebody has an IPv6 address before, or while, we use it (RFC 4862 §5.4, RFC 4429).
 */
import { AddressState, type InterfaceAddress } from './address-table.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { TimedTask } from './task-schedule.ts'

/** RFC 4861 §10: MAX_RTR_SOLICITATION_DELAY. */
const MAX_DELAY_MS = 1_000

interface Detection {
  readonly entry: InterfaceAddress
  probed: boolean
  deadlineMs: number
}

export class DuplicateAddressDetection implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  private readonly parts: InterfaceParts
  private readonly sendProbe: (entry: InterfaceAddress) => boolean
  private readonly settled: (entry: InterfaceAddress, nowMs: number) => void
  private running: Detection[] = []

  /**
   * `sendProbe` tells whether the probe could leave; `settled` hears when an address is Preferred
   * or Duplicate.
   */
  constructor(
    parts: InterfaceParts,
    sendProbe: (entry: InterfaceAddress) => boolean,
    settled: (entry: InterfaceAddress, nowMs: number) => void,
  ) {
    this.parts = parts
    this.sendProbe = sendProbe
    this.settled = settled
    parts.tasks.add(this)
  }

  /**
   * Starts for an entry that is Tentative or Optimistic; returns how long it waits before it asks.
   * RFC 4429 §3.3, of an optimistic one: "The host SHOULD NOT delay before sending Neighbor
   * Solicitation messages."
   */
  start(entry: InterfaceAddress, nowMs: number): number {
    const isOptimistic = entry.state === AddressState.Optimistic
    const delayMs = isOptimistic ? 0 : (this.parts.random.nextInt32() >>> 1) % MAX_DELAY_MS
    this.running.push({ entry, probed: false, deadlineMs: nowMs + delayMs })
    this.updateDeadline()
    return delayMs
  }

  /** The address is gone. */
  stop(entry: InterfaceAddress): void {
    this.running = this.running.filter((detection) => detection.entry !== entry)
    this.updateDeadline()
  }

  /**
   * Somebody else has the address, or asks for it as we do: it is not ours. False when no detection
   * runs.
   */
  conflict(entry: InterfaceAddress, nowMs: number): boolean {
    const index = this.running.findIndex((detection) => detection.entry === entry)
    if (index < 0) return false
    this.running.splice(index, 1)
    this.parts.addresses.setState(entry, AddressState.Duplicate)
    this.updateDeadline()
    this.settled(entry, nowMs)
    return true
  }

  processTimers(nowMs: number): void {
    for (const detection of this.running) {
      if (nowMs < detection.deadlineMs) continue
      detection.deadlineMs = nowMs + this.parts.link.retransTimerMs
      if (detection.probed) {
        detection.deadlineMs = Number.NEGATIVE_INFINITY
        // What was given only to be used up is not preferred for a moment.
        const isPreferred = nowMs < detection.entry.preferredUntilMs
        const state = isPreferred ? AddressState.Preferred : AddressState.Deprecated
        this.parts.addresses.setState(detection.entry, state)
        this.settled(detection.entry, nowMs)
      } else {
        // Silence says something only once somebody was asked: with the link down the probe waits.
        detection.probed = this.sendProbe(detection.entry)
      }
    }
    this.running = this.running.filter((detection) => detection.deadlineMs > nowMs)
    this.updateDeadline()
  }

  private updateDeadline(): void {
    this.nextDeadlineMs = Math.min(
      Number.POSITIVE_INFINITY,
      ...this.running.map((detection) => detection.deadlineMs),
    )
    this.parts.tasks.update()
  }
}
