/**
 * A virtio-mmio window in front of a fake device: each register with its width and direction, and
 * nothing else (virtio 1.4 §4.2.2).
 */
import type { FakeHal, MmioRegion } from './fake-hal.ts'
import { Violation } from './violation.ts'

/** What a fake device does whatever bus it is on; offsets of `common` are those of §4.1.4.3. */
export interface RegisterBackend {
  readCommon(offset: number, widthBytes: number): number
  writeCommon(offset: number, widthBytes: number, value: number): void
  readConfig(offset: number, widthBytes: number): number
  notify(offset: number, widthBytes: number, value: number): void
  /** Causes of interrupts that were not acknowledged. */
  readonly pendingCauses: number
  acknowledge(causes: number): void
  maximumQueueSize(): number
}

export const MMIO_BASE = 0xfeb02e00
const WINDOW_BYTES = 512
const MAGIC = 0x74726976

/** Offset in the window to offset and width in the common structure. */
const WRITABLE: Readonly<Record<number, readonly [number, number]>> = {
  20: [0, 4],
  32: [12, 4],
  36: [8, 4],
  48: [22, 2],
  56: [24, 2],
  68: [28, 2],
  112: [20, 1],
  128: [32, 4],
  132: [36, 4],
  144: [40, 4],
  148: [44, 4],
  160: [48, 4],
  164: [52, 4],
}
const READABLE: Readonly<Record<number, readonly [number, number]>> = {
  16: [4, 4],
  68: [28, 2],
  112: [20, 1],
  252: [21, 1],
}

export class FakeMmioWindow implements MmioRegion {
  /** 1 = a device with the legacy interface only. */
  version = 2
  deviceType: number
  readonly physicalAddress: number
  private readonly backend: RegisterBackend

  constructor(hal: FakeHal, backend: RegisterBackend, deviceType: number, base = MMIO_BASE) {
    this.backend = backend
    this.deviceType = deviceType
    this.physicalAddress = base
    hal.addMmio(this)
  }

  decode(physicalAddress: number): number {
    const offset = physicalAddress - this.physicalAddress
    return offset >= 0 && offset < WINDOW_BYTES ? offset : -1
  }

  read(offset: number, widthBytes: number): number {
    if (offset >= 0x100) return this.backend.readConfig(offset - 0x100, widthBytes)
    // "The driver MUST only use 32 bit wide and aligned reads and writes to access the control
    // registers" (§4.2.2.2).
    if (widthBytes !== 4) throw new Violation(`register ${offset} read with ${widthBytes} bytes`)
    if (offset === 0) return MAGIC
    if (offset === 4) return this.version
    if (offset === 8) return this.deviceType
    if (offset === 0xc) return 0x554d4551
    if (offset === 0x34) return this.backend.maximumQueueSize()
    if (offset === 0x60) return this.backend.pendingCauses
    const register = READABLE[offset]
    if (register === undefined) throw new Violation(`read of register ${offset}`)
    return this.backend.readCommon(register[0], register[1])
  }

  write(offset: number, widthBytes: number, value: number): void {
    if (widthBytes !== 4) throw new Violation(`register ${offset} written with ${widthBytes} bytes`)
    if (offset === 0x50) this.backend.notify(value, 2, value)
    else if (offset === 0x64) this.backend.acknowledge(value)
    else {
      const register = WRITABLE[offset]
      if (register === undefined) throw new Violation(`write of register ${offset}`)
      this.backend.writeCommon(register[0], register[1], value)
    }
  }
}
