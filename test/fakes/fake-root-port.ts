/**
 * A root port with a hot-plug slot, as QEMU's pcie-root-port has one (PCI Express 4.0 §7.5.3; QEMU
 * hw/pci/pcie.c).
 */
import { FakePciFunction, type FakePciHost } from './fake-pci.ts'

const CAPABILITY = 0x40
const SLOT_CONTROL = CAPABILITY + 0x18
const SLOT_STATUS = CAPABILITY + 0x1a
const BUTTON_PRESSED = 1
const PRESENCE_CHANGED = 8
const PRESENT = 0x40
const OFF = 0x700

export class FakeRootPort extends FakePciFunction {
  private readonly host: FakePciHost

  constructor(host: FakePciHost) {
    // Port with a slot; hot-plug capable, with button and power controller; switched on.
    const body = new Array<number>(0x3a).fill(0)
    body[0x01] = 0x01
    body[0x12] = 0x43
    body[0x17] = 0x01
    body[0x18] = PRESENT
    super({
      vendorId: 0x1b36,
      deviceId: 0x000c,
      classCode: 0x060400,
      isBridge: true,
      interruptPin: 1,
      capabilities: [{ id: 0x10, body }],
    })
    this.host = host
  }

  get isOn(): boolean {
    return (this.read(SLOT_CONTROL, 2) & 0x400) === 0
  }

  /** `device_del`. */
  pressButton(): void {
    this.status |= BUTTON_PRESSED
  }

  /** `device_add`: the device presses the button to be switched on. */
  fill(pciFunction: FakePciFunction): void {
    this.host.add(pciFunction, 0, 0, this)
    this.status |= BUTTON_PRESSED | PRESENCE_CHANGED | PRESENT
  }

  override write(offset: number, widthBytes: number, value: number): void {
    if (offset === SLOT_STATUS) {
      this.status &= ~(value & 0x11f)
      return
    }
    const wasOff = (this.read(SLOT_CONTROL, 2) & OFF) === OFF
    super.write(offset, widthBytes, value)
    if (offset !== SLOT_CONTROL || wasOff || (value & OFF) !== OFF) return
    for (const pciFunction of this.host.behind(this)) this.host.remove(pciFunction)
    this.status = (this.status & ~PRESENT) | PRESENCE_CHANGED
  }

  private get status(): number {
    return this.read(SLOT_STATUS, 2)
  }

  private set status(value: number) {
    super.write(SLOT_STATUS, 2, value)
  }
}
