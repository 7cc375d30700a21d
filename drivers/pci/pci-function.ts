/**
 * One PCI function: identity, command register, capabilities and base address registers (PCI 3.0
 * §6).
 */
import type { ConfigSpace } from './config-space.ts'

export const PciRegister = {
  VendorId: 0x00,
  DeviceId: 0x02,
  Command: 0x04,
  Status: 0x06,
  ClassRevision: 0x08,
  HeaderType: 0x0e,
  BaseAddress0: 0x10,
  BusNumbers: 0x18,
  MemoryWindow: 0x20,
  PrefetchableWindow: 0x24,
  CapabilityPointer: 0x34,
  InterruptPin: 0x3d,
} as const

export const PciCommand = {
  Memory: 1 << 1,
  BusMaster: 1 << 2,
  InterruptDisable: 1 << 10,
} as const

export const PciCapabilityId = { VendorSpecific: 0x09, Express: 0x10, MsiX: 0x11 } as const

const STATUS_CAPABILITY_LIST = 1 << 4
/** A list that visits more entries than fit into 192 bytes of four-byte slots loops. */
const MAX_CAPABILITIES = 48

export interface MemoryBar {
  readonly index: number
  readonly sizeBytes: number
  readonly is64Bit: boolean
  /** 0 = not assigned. */
  physicalAddress: number
}

export interface PciCapability {
  readonly id: number
  readonly offset: number
}

export class PciFunction {
  readonly routingId: number
  readonly vendorId: number
  readonly deviceId: number
  readonly classCode: number
  readonly isBridge: boolean
  /** The bridge above, null on the root bus. */
  readonly parent: PciFunction | null
  private readonly config: ConfigSpace
  private sizedBars: readonly MemoryBar[] | null = null

  constructor(config: ConfigSpace, routingId: number, parent: PciFunction | null) {
    this.config = config
    this.routingId = routingId
    this.parent = parent
    this.vendorId = config.read16(routingId, PciRegister.VendorId)
    this.deviceId = config.read16(routingId, PciRegister.DeviceId)
    this.classCode = config.read32(routingId, PciRegister.ClassRevision) >>> 8
    this.isBridge = (config.read8(routingId, PciRegister.HeaderType) & 0x7f) === 1
  }

  get bus(): number {
    return this.routingId >> 8
  }

  get device(): number {
    return (this.routingId >> 3) & 31
  }

  /** As Linux and QEMU write it: "0000:00:02.0". */
  get address(): string {
    return formatRoutingId(this.routingId)
  }

  read8(offset: number): number {
    return this.config.read8(this.routingId, offset)
  }

  read16(offset: number): number {
    return this.config.read16(this.routingId, offset)
  }

  read32(offset: number): number {
    return this.config.read32(this.routingId, offset)
  }

  write8(offset: number, value: number): void {
    this.config.write8(this.routingId, offset, value)
  }

  write16(offset: number, value: number): void {
    this.config.write16(this.routingId, offset, value)
  }

  write32(offset: number, value: number): void {
    this.config.write32(this.routingId, offset, value)
  }

  /** Sets and clears bits of the command register. */
  updateCommand(set: number, clear: number): void {
    const command = this.read16(PciRegister.Command)
    const wanted = (command & ~clear) | set
    if (wanted !== command) this.write16(PciRegister.Command, wanted)
  }

  /** Memory decoding and bus mastering, on this function and on every bridge above it. */
  enable(): void {
    for (let at: PciFunction | null = this; at !== null; at = at.parent) {
      at.updateCommand(PciCommand.Memory | PciCommand.BusMaster, 0)
    }
  }

  /** 0 = none, 1..4 = INTA..INTD. */
  get interruptPin(): number {
    return this.read8(PciRegister.InterruptPin)
  }

  /** Capabilities in list order. A list that loops or leaves its space ends where it goes wrong. */
  capabilities(): PciCapability[] {
    const found: PciCapability[] = []
    if ((this.read16(PciRegister.Status) & STATUS_CAPABILITY_LIST) === 0) return found
    const seen = new Set<number>()
    let offset = this.read8(PciRegister.CapabilityPointer) & 0xfc
    while (offset >= 0x40 && !seen.has(offset) && found.length < MAX_CAPABILITIES) {
      seen.add(offset)
      const header = this.read16(offset)
      if (header === 0xffff) break
      found.push({ id: header & 0xff, offset })
      offset = (header >> 8) & 0xfc
    }
    return found
  }

  /**
   * Memory BARs with their sizes. Sizing writes all ones, so decoding is off meanwhile (§6.2.5.1).
   */
  memoryBars(): readonly MemoryBar[] {
    if (this.sizedBars !== null) return this.sizedBars
    const command = this.read16(PciRegister.Command)
    const isDecoding = (command & 3) !== 0
    if (isDecoding) this.write16(PciRegister.Command, command & ~3)
    const bars: MemoryBar[] = []
    const count = this.isBridge ? 2 : 6
    for (let index = 0; index < count; index++) {
      const bar = this.sizeBar(index)
      if (bar === null) continue
      bars.push(bar)
      if (bar.is64Bit) index++
    }
    if (isDecoding) this.write16(PciRegister.Command, command)
    this.sizedBars = bars
    return bars
  }

  /** False once nothing answers at this place: reads without an answer are all ones. */
  isPresent(): boolean {
    return this.read16(PciRegister.VendorId) !== 0xffff
  }

  /** True when what answers is what answered at the start, or one of the same make. */
  isSameModel(): boolean {
    return (
      this.read16(PciRegister.VendorId) === this.vendorId &&
      this.read16(PciRegister.DeviceId) === this.deviceId
    )
  }

  /**
   * Gives a function that was replaced the addresses of the one before; false when its BARs are
   * others.
   */
  restoreBars(): boolean {
    const wanted = this.memoryBars()
    if ((this.read16(PciRegister.Command) & PciCommand.Memory) !== 0) return true
    for (const bar of wanted) {
      if (this.sizeBar(bar.index)?.sizeBytes !== bar.sizeBytes) return false
      this.assignBar(bar, bar.physicalAddress)
    }
    return true
  }

  assignBar(bar: MemoryBar, physicalAddress: number): void {
    const register = PciRegister.BaseAddress0 + bar.index * 4
    this.write32(register, physicalAddress % 0x100000000)
    if (bar.is64Bit) this.write32(register + 4, Math.floor(physicalAddress / 0x100000000))
    bar.physicalAddress = physicalAddress
  }

  private sizeBar(index: number): MemoryBar | null {
    const register = PciRegister.BaseAddress0 + index * 4
    const low = this.read32(register)
    if ((low & 1) !== 0) return null
    const is64Bit = (low & 6) === 4 && index < 5
    const high = is64Bit ? this.read32(register + 4) : 0
    this.write32(register, 0xffffffff)
    const lowMask = this.read32(register) & 0xfffffff0
    this.write32(register, low)
    let highMask = -1
    if (is64Bit) {
      this.write32(register + 4, 0xffffffff)
      highMask = this.read32(register + 4) | 0
      this.write32(register + 4, high)
    }
    if (lowMask === 0 && (highMask === -1 || highMask === 0)) return null
    const sizeBytes = lowMask !== 0 ? (~lowMask + 1) >>> 0 : ((~highMask + 1) >>> 0) * 0x100000000
    const physicalAddress = ((low & 0xfffffff0) >>> 0) + high * 0x100000000
    return { index, sizeBytes, is64Bit, physicalAddress }
  }
}

function formatRoutingId(routingId: number): string {
  const bus = (routingId >> 8).toString(16).padStart(2, '0')
  const device = ((routingId >> 3) & 31).toString(16).padStart(2, '0')
  return `0000:${bus}:${device}.${routingId & 7}`
}
