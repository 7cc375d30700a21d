/** Asks whether somebody has an IPv4 address before we use it (RFC 5227 §2.1, RFC 2131 §4.4.1). */
import { ArpOperation, type ArpPacket } from '../wire/arp.ts'
import type { TaskSchedule, TimedTask } from './task-schedule.ts'

/** RFC 5227 §1.1: PROBE_NUM. */
export const PROBE_COUNT = 3
/**
 * RFC 5227 has hosts probe for 4 to 7 s, for the sake of links that carry nothing yet when they
 * come up. A link over which a server has just handed out the address does, and a host that is
 * alive answers within milliseconds (a declared deviation).
 */
export const PROBE_INTERVAL_MS = 100

interface Probe {
  readonly address: number
  readonly settled: (isTaken: boolean, nowMs: number) => void
  sent: number
}

export class AddressProbe implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  private readonly schedule: TaskSchedule
  private readonly send: (address: number) => boolean
  private probe: Probe | null = null

  /** `send` asks for an address with a sender address of 0; false when that could not leave. */
  constructor(schedule: TaskSchedule, send: (address: number) => boolean) {
    this.schedule = schedule
    this.send = send
    schedule.add(this)
  }

  /** Begins for an address, and gives up the one before; `settled` is called once. */
  start(address: number, nowMs: number, settled: (isTaken: boolean, nowMs: number) => void): void {
    this.probe = { address, settled, sent: 0 }
    this.setDeadline(nowMs)
  }

  stop(): void {
    this.probe = null
    this.setDeadline(Number.POSITIVE_INFINITY)
  }

  /**
   * Hears every ARP packet with another hardware address than ours in it. RFC 5227 §2.1.1: a sender
   * that has the address, or a probe of another host for it, is a conflict. True when the packet
   * was one.
   */
  hear(packet: ArpPacket, nowMs: number): boolean {
    const { probe } = this
    if (probe === null) return false
    const { operation, senderAddress, targetAddress } = packet
    const isProbe = operation === ArpOperation.Request && senderAddress === 0
    if (senderAddress !== probe.address && !(isProbe && targetAddress === probe.address)) {
      return false
    }
    this.stop()
    probe.settled(true, nowMs)
    return true
  }

  processTimers(nowMs: number): void {
    const { probe } = this
    if (probe === null) return
    if (probe.sent === PROBE_COUNT) {
      this.stop()
      probe.settled(false, nowMs)
      return
    }
    // Silence says something only once somebody was asked.
    if (this.send(probe.address)) probe.sent++
    this.setDeadline(nowMs + PROBE_INTERVAL_MS)
  }

  private setDeadline(deadlineMs: number): void {
    this.nextDeadlineMs = deadlineMs
    this.schedule.update()
  }
}
