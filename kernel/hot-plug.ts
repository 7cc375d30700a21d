/**
 * Slots of which devices are taken while the guest runs, or into which they are put: looked at once
 * a second.
 */

import type { Hal } from '../drivers/hal.ts'
import { AcpiHotplug } from '../drivers/pci/acpi-hotplug.ts'
import { ExpressSlot } from '../drivers/pci/express-slot.ts'
import type { PciBus } from '../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../drivers/pci/pci-function.ts'
import { describeArrival } from '../drivers/virtio/explain-unused.ts'
import type { Logger } from './logger.ts'
import type { TimerQueue } from './timer-queue.ts'

/** A driver that can lose its device. */
export interface DrivenFunction {
  readonly pciFunction: PciFunction
  /** True once the driver has no device any more, whoever has noticed. */
  isDetached(): boolean
  /** The device is gone or goes next. */
  detach(): void
  /** There is one in its place again. */
  attach(): void
}

export interface HotPlugOptions {
  readonly hal: Hal
  readonly bus: PciBus
  readonly driven: readonly DrivenFunction[]
  readonly timers: TimerQueue
  readonly log: Logger
}

/**
 * Nothing of this is urgent: a person waits at a monitor. Interrupts of ports and of ACPI would
 * answer sooner, at the price of drivers for both; a look is a few reads.
 */
const INTERVAL_NS = 1e9

export class HotPlug {
  private readonly options: HotPlugOptions
  private readonly slots: readonly ExpressSlot[]
  private readonly acpi: AcpiHotplug | null
  /** What is in its place now; what is known and not in here was taken out. */
  private readonly present: Set<PciFunction>
  private readonly known: PciFunction[]
  /** What its driver did not take for a replacement. */
  private readonly refused = new Set<PciFunction>()
  private isArrivalDue = false

  constructor(options: HotPlugOptions) {
    const { hal, bus } = options
    this.options = options
    this.slots = bus.functions.map(ExpressSlot.open).filter((slot) => slot !== null)
    this.acpi = AcpiHotplug.open(hal, bus.functions)
    this.present = new Set(bus.functions)
    this.known = [...bus.functions]
  }

  /** Does nothing, for ever, on a machine that has no slots. */
  start(): void {
    if (this.slots.length === 0 && this.acpi === null) return
    // What happened before the guest was there is not asked of it.
    for (const slot of this.slots) slot.takeEvents()
    this.lookLater()
  }

  private lookLater(): void {
    const { timers, hal } = this.options
    timers.add(hal.monotonicNs() + INTERVAL_NS, () => {
      this.look()
      this.lookLater()
    })
  }

  /** One look at everything that can have changed. */
  look(): void {
    const isArrivalDue = this.isArrivalDue
    this.isArrivalDue = false
    for (const slot of this.slots) this.serveSlot(slot)
    if (this.acpi !== null) this.serveAcpi(this.acpi)
    // Devices that are gone, whether they have asked or not, and others in the place of those that
    // went.
    this.release(this.known.filter((it) => this.present.has(it) && this.isLost(it)))
    for (const pciFunction of this.known) {
      if (!this.present.has(pciFunction) && pciFunction.isPresent()) this.attach(pciFunction)
    }
    if (isArrivalDue) this.reportArrivals()
  }

  private serveSlot(slot: ExpressSlot): void {
    const events = slot.takeEvents()
    if (events === null) return
    if (events.isRemovalRequested) {
      // §6.7.1.1.2 lets a person take the request back for five seconds; who types `device_del` has
      // no button to do that with.
      this.release(this.known.filter((it) => this.present.has(it) && isBehind(it, slot.port)))
      slot.switchOff()
    } else if (events.isFilled) {
      slot.switchOn()
      // Looked at a second later: §6.6.1 gives what gets power 100 ms before it must answer.
      this.isArrivalDue = true
    }
  }

  /**
   * Which bus a request means is not known here, but what was in the slot is gone before `eject`
   * returns.
   */
  private serveAcpi(acpi: AcpiHotplug): void {
    for (const request of acpi.requests()) acpi.eject(request)
    if (acpi.hasAdditions()) this.isArrivalDue = true
  }

  private isLost(pciFunction: PciFunction): boolean {
    if (!pciFunction.isPresent()) return true
    // Gone and replaced since the last look.
    const driver = this.driverOf(pciFunction)
    return driver?.isDetached() === true && !this.refused.has(pciFunction)
  }

  private release(functions: readonly PciFunction[]): void {
    for (const pciFunction of functions) {
      this.present.delete(pciFunction)
      this.refused.delete(pciFunction)
      this.driverOf(pciFunction)?.detach()
    }
  }

  private attach(pciFunction: PciFunction): void {
    this.present.add(pciFunction)
    const driver = this.driverOf(pciFunction)
    driver?.attach()
    if (driver?.isDetached() === true) this.refused.add(pciFunction)
    else if (!pciFunction.isSameModel()) this.reportArrival(pciFunction.routingId)
  }

  /** What answers where nothing was known. */
  private reportArrivals(): void {
    for (const pciFunction of this.options.bus.rescan()) {
      if (this.known.some(({ routingId }) => routingId === pciFunction.routingId)) continue
      this.known.push(pciFunction)
      this.present.add(pciFunction)
      this.options.log.warn(describeArrival(pciFunction))
    }
  }

  /** Another model than the one known in that place. */
  private reportArrival(routingId: number): void {
    const arrived = this.options.bus.rescan().find((it) => it.routingId === routingId)
    if (arrived !== undefined) this.options.log.warn(describeArrival(arrived))
  }

  private driverOf(pciFunction: PciFunction): DrivenFunction | undefined {
    return this.options.driven.find((it) => it.pciFunction === pciFunction)
  }
}

/** True for what is behind the port, at any depth. */
function isBehind(pciFunction: PciFunction, port: PciFunction): boolean {
  for (let above = pciFunction.parent; above !== null; above = above.parent) {
    if (above === port) return true
  }
  return false
}
