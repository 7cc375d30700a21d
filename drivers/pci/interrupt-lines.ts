/**
 * Level-triggered INTx lines: which I/O APIC input a function's pin reaches, and sharing of that
 * input.
 */
import type { Hal } from '../hal.ts'
import type { InterruptRegistry } from '../interrupt-registry.ts'
import { SharedInterruptLines } from '../shared-interrupt-lines.ts'
import type { PciFunction } from './pci-function.ts'

const Q35_HOST_BRIDGE = 0x29c08086
const GPEX_HOST_BRIDGE = 0x00081b36

export class InterruptLines {
  private readonly lines: SharedInterruptLines
  private readonly hostBridge: number

  constructor(hal: Hal, functions: readonly PciFunction[]) {
    this.lines = new SharedInterruptLines(hal)
    const root = functions.find((it) => it.routingId === 0)
    this.hostBridge = root === undefined ? 0 : root.deviceId * 0x10000 + root.vendorId
  }

  /**
   * Calls `handler` from the event loop when the function's pin is asserted; the input is unmasked
   * once all handlers sharing it have run. They must have quietened their device by then. The
   * vector it comes by; -1 when the wiring is not known.
   */
  attach(pciFunction: PciFunction, registry: InterruptRegistry, handler: () => void): number {
    const input = this.globalInterruptOf(pciFunction)
    if (input < 0) return -1
    // No vector left, or no I/O APIC with that input: the device is polled.
    return this.lines.attach(input, `PCI interrupt line ${input}`, registry, handler)
  }

  /** I/O APIC input of the function's pin, -1 when unknown. */
  globalInterruptOf(pciFunction: PciFunction): number {
    const declared = pciFunction.interruptPin
    if (declared < 1 || declared > 4) return -1
    let pin = declared - 1
    let at = pciFunction
    // PCI-to-PCI Bridge 1.2 §9.1: a bridge rotates its devices' pins by their device number.
    while (at.parent !== null) {
      pin = (pin + at.device) & 3
      at = at.parent
    }
    // How the pins of another root bus are wired only ACPI's byte code knows.
    if (at.bus !== 0) return -1
    if (this.hostBridge === Q35_HOST_BRIDGE) {
      // QEMU hw/isa/lpc_ich9.c: slots 25..31 but 30 keep INTA..INTD on PIRQ A..D, all others rotate
      // over PIRQ E..H.
      return at.device >= 25 && at.device !== 30
        ? 16 + pin
        : 20 + (at.device === 30 ? pin : (at.device + pin) & 3)
    }
    // QEMU hw/i386/microvm.c: inputs 16..19, rotated (12..15 with ioapic2=off, which is not the
    // default).
    if (this.hostBridge === GPEX_HOST_BRIDGE) return 16 + ((at.device + pin) & 3)
    return -1
  }
}
