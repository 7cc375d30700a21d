/**
 * Intel's 6300ESB watchdog, which QEMU has (hw/watchdog/wdt_i6300esb.c): what is not fed in time
 * makes QEMU act.
 */
import type { PciBus } from '../pci/pci-bus.ts'
import type { PciFunction } from '../pci/pci-function.ts'
import { PciCommand } from '../pci/pci-function.ts'
import type { Registers } from '../pci/registers.ts'

const VENDOR_ID = 0x8086
const DEVICE_ID = 0x25ab

/** Configuration space: how it counts and acts, and whether it runs. */
const CONFIGURATION = 0x60
const INTERRUPT_NONE = 3
const LOCK = 0x68
const LOCK_ENABLE = 1 << 1

/** Memory: each write but these two is ignored unless they came first. */
const TIMER_1 = 0x00
const TIMER_2 = 0x04
const RELOAD = 0x0c
const UNLOCK_FIRST = 0x80
const UNLOCK_SECOND = 0x86
const RELOAD_PING = 1 << 8
const WINDOW_BYTES = 16

/** The counters of 20 bits count the PCI clock of 33 MHz divided by 2^15. */
const TICKS_PER_SECOND = 33_000_000 / 32_768
const MAX_PRELOAD = 0xfffff

export class Watchdog {
  readonly pciFunction: PciFunction
  private readonly words: Registers
  private readonly halves: Registers
  private readonly bytes: Registers

  /** Null on a machine without one. */
  static find(bus: PciBus): Watchdog | null {
    const found = bus.functions.find(
      ({ vendorId, deviceId }) => vendorId === VENDOR_ID && deviceId === DEVICE_ID,
    )
    const bar = found?.memoryBars()[0]
    if (found === undefined || bar === undefined || bar.sizeBytes < WINDOW_BYTES) return null
    // There was no room for its registers, and nothing may be mapped at 0.
    if (bar.physicalAddress === 0) return null
    found.updateCommand(PciCommand.Memory, 0)
    return new Watchdog(found, bus.mapRegisters(bar.physicalAddress, WINDOW_BYTES))
  }

  private constructor(pciFunction: PciFunction, window: ReturnType<PciBus['mapRegisters']>) {
    this.pciFunction = pciFunction
    this.words = window.words
    this.halves = window.halves
    this.bytes = window.bytes
  }

  /** Starts it: from now on it acts once it has not been fed for so long. */
  start(limitSeconds: number): void {
    const { pciFunction } = this
    // Slow ticks, no interrupt of its own after the first counter, and it acts after the second.
    pciFunction.write16(CONFIGURATION, INTERRUPT_NONE)
    // The second counter follows the first: one tick of it is enough.
    this.unlock()
    this.words[TIMER_1 >> 2] = Math.min(Math.ceil(limitSeconds * TICKS_PER_SECOND), MAX_PRELOAD)
    this.unlock()
    this.words[TIMER_2 >> 2] = 1
    pciFunction.write8(LOCK, LOCK_ENABLE)
    this.feed()
  }

  feed(): void {
    this.unlock()
    this.halves[RELOAD >> 1] = RELOAD_PING
  }

  private unlock(): void {
    this.bytes[RELOAD] = UNLOCK_FIRST
    this.bytes[RELOAD] = UNLOCK_SECOND
  }
}
