/**
 * The registers by which QEMU's ACPI byte code does hot-plug (QEMU docs/specs/acpi_pci_hotplug):
 * used directly, without the byte code.
 */
import type { Hal } from '../hal.ts'
import type { PciFunction } from './pci-function.ts'

/** By host bridge: device id, vendor id. To q35's root bus nothing can be added. */
const MACHINES: Readonly<Record<number, { firstPort: number; isRootBusFixed: boolean }>> = {
  305627270: { firstPort: 0xae00, isRootBusFixed: false },
  700481670: { firstPort: 0x0cc0, isRootBusFixed: true },
}

const ADDED = 0x00
const REMOVAL_REQUESTED = 0x04
const EJECT = 0x08
const SELECT = 0x10

/** Buses are numbered by QEMU as it finds those that devices can be added to; a machine has few. */
const MAX_SELECTORS = 64
const SLOTS = 32
const NOBODY = 0xffffffff

export interface RemovalRequest {
  /** QEMU's own number for a bus: which one it is only the byte code tells. */
  readonly selector: number
  readonly slot: number
}

export class AcpiHotplug {
  private readonly hal: Hal
  private readonly firstPort: number
  private readonly selectorCount: number
  private readonly lastAdded: number[] = []

  /** Null on machines that have no such registers. */
  static open(hal: Hal, functions: readonly PciFunction[]): AcpiHotplug | null {
    const root = functions.find((it) => it.routingId === 0)
    const machine =
      root === undefined ? undefined : MACHINES[root.deviceId * 0x10000 + root.vendorId]
    const bridgeCount = functions.filter(({ isBridge }) => isBridge).length
    if (machine === undefined || (machine.isRootBusFixed && bridgeCount === 0)) return null
    const { firstPort } = machine
    if (hal.portRead32(firstPort + REMOVAL_REQUESTED) === NOBODY) return null
    // With bridges left out (acpi-pci-hotplug-with-bridge-support=off) there is nothing to select.
    hal.portWrite32(firstPort + SELECT, 0)
    const hasSelector = hal.portRead32(firstPort + SELECT) === 0
    const selectorCount = hasSelector ? Math.min(1 + bridgeCount, MAX_SELECTORS) : 1
    return new AcpiHotplug(hal, firstPort, selectorCount)
  }

  private constructor(hal: Hal, firstPort: number, selectorCount: number) {
    this.hal = hal
    this.firstPort = firstPort
    this.selectorCount = selectorCount
    for (let selector = 0; selector < selectorCount; selector++) this.lastAdded.push(0)
  }

  requests(): RemovalRequest[] {
    const found: RemovalRequest[] = []
    for (let selector = 0; selector < this.selectorCount; selector++) {
      const slots = this.read(selector, REMOVAL_REQUESTED)
      for (let slot = 0; slots !== 0 && slot < SLOTS; slot++) {
        if (((slots >>> slot) & 1) !== 0) found.push({ selector, slot })
      }
    }
    return found
  }

  /** True when something was put in since the last call. */
  hasAdditions(): boolean {
    let isNew = false
    for (let selector = 0; selector < this.selectorCount; selector++) {
      // Reading clears the bits, but for the oldest interface, where they stay.
      const added = this.read(selector, ADDED)
      if ((added & ~this.lastAdded[selector]!) !== 0) isNew = true
      this.lastAdded[selector] = added
    }
    return isNew
  }

  /** The device in the slot is not used any more: QEMU takes it out before this returns. */
  eject({ selector, slot }: RemovalRequest): void {
    this.hal.portWrite32(this.firstPort + SELECT, selector)
    this.hal.portWrite32(this.firstPort + EJECT, (1 << slot) >>> 0)
  }

  private read(selector: number, register: number): number {
    this.hal.portWrite32(this.firstPort + SELECT, selector)
    const value = this.hal.portRead32(this.firstPort + register)
    return value === NOBODY ? 0 : value
  }
}
