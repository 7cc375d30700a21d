/**
 * The hot-plug slot of a PCI Express port: its button, its power, and whether something is in it
 * (PCI Express 4.0 §6.7, §7.5.3).
 */
import { PciCapabilityId, type PciFunction } from './pci-function.ts'

/** Offsets in the capability. */
const CAPABILITIES = 0x02
const SLOT_CAPABILITIES = 0x14
const SLOT_CONTROL = 0x18
const SLOT_STATUS = 0x1a

const SLOT_IMPLEMENTED = 1 << 8
const HOT_PLUG_CAPABLE = 1 << 6

const POWER_INDICATOR = 3 << 8
const POWER_INDICATOR_ON = 1 << 8
const POWER_INDICATOR_OFF = 3 << 8
const POWER_CONTROLLER_OFF = 1 << 10

const ATTENTION_BUTTON_PRESSED = 1 << 0
const PRESENCE_DETECT_CHANGED = 1 << 3
/** §7.5.3.11: bits 0 to 4 and 8 say that something has happened; writing 1 clears them. */
const EVENTS = 0x011f
const PRESENCE_DETECT_STATE = 1 << 6

export interface SlotEvents {
  /** Somebody wants to take out what is in the slot. */
  readonly isRemovalRequested: boolean
  /** Something has been put in, and waits for power. */
  readonly isFilled: boolean
}

export class ExpressSlot {
  readonly port: PciFunction
  private readonly capability: number

  /** Null for what is no port, or has no slot of which anything could be taken. */
  static open(port: PciFunction): ExpressSlot | null {
    const found = port.isBridge
      ? port.capabilities().find(({ id }) => id === PciCapabilityId.Express)
      : undefined
    if (found === undefined) return null
    if ((port.read16(found.offset + CAPABILITIES) & SLOT_IMPLEMENTED) === 0) return null
    if ((port.read32(found.offset + SLOT_CAPABILITIES) & HOT_PLUG_CAPABLE) === 0) return null
    return new ExpressSlot(port, found.offset)
  }

  private constructor(port: PciFunction, capability: number) {
    this.port = port
    this.capability = capability
  }

  /** What has happened since the last call; null when nothing has. */
  takeEvents(): SlotEvents | null {
    const status = this.port.read16(this.capability + SLOT_STATUS)
    // All ones: the port itself is gone.
    if ((status & EVENTS) === 0 || status === 0xffff) return null
    this.port.write16(this.capability + SLOT_STATUS, status & EVENTS)
    const isOccupied = (status & PRESENCE_DETECT_STATE) !== 0
    const hasChanged = (status & PRESENCE_DETECT_CHANGED) !== 0
    const isPressed = (status & ATTENTION_BUTTON_PRESSED) !== 0
    // Who puts a device in presses the button too, to have it switched on.
    return {
      isRemovalRequested: isPressed && isOccupied && !hasChanged,
      isFilled: hasChanged && isOccupied,
    }
  }

  /** What is in the slot may be taken out from now on. */
  switchOff(): void {
    this.control(POWER_INDICATOR_OFF | POWER_CONTROLLER_OFF)
  }

  switchOn(): void {
    this.control(POWER_INDICATOR_ON)
  }

  private control(bits: number): void {
    const offset = this.capability + SLOT_CONTROL
    const kept = this.port.read16(offset) & ~(POWER_INDICATOR | POWER_CONTROLLER_OFF)
    this.port.write16(offset, kept | bits)
  }
}
