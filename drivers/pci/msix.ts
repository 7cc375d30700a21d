/** MSI-X: the vector table in a BAR and its switch in the capability (PCI 3.0 §6.8.2). */
import type { Hal } from '../hal.ts'
import { PciCapabilityId, type PciFunction } from './pci-function.ts'
import type { MapRegisters, Registers } from './registers.ts'

const CONTROL_OFFSET = 2
const TABLE_OFFSET = 4
const CONTROL_ENABLE = 1 << 15
const CONTROL_FUNCTION_MASK = 1 << 14
const ENTRY_BYTES = 16
const ENTRY_WORDS = 4
const ENTRY_MASKED = 1

export class MsixTable {
  readonly entryCount: number
  private readonly pciFunction: PciFunction
  private readonly capabilityOffset: number
  private readonly entries: Registers

  /** Null when the function has no usable MSI-X table. */
  static open(pciFunction: PciFunction, mapRegisters: MapRegisters): MsixTable | null {
    const capability = pciFunction.capabilities().find((it) => it.id === PciCapabilityId.MsiX)
    if (capability === undefined) return null
    const entryCount = (pciFunction.read16(capability.offset + CONTROL_OFFSET) & 0x7ff) + 1
    const location = pciFunction.read32(capability.offset + TABLE_OFFSET)
    const bar = pciFunction.memoryBars().find((it) => it.index === (location & 7))
    const offset = (location & 0xfffffff8) >>> 0
    if (bar === undefined || bar.physicalAddress === 0) return null
    if (offset + entryCount * ENTRY_BYTES > bar.sizeBytes) return null
    const window = mapRegisters(bar.physicalAddress + offset, entryCount * ENTRY_BYTES)
    return new MsixTable(pciFunction, capability.offset, entryCount, window.words)
  }

  private constructor(
    pciFunction: PciFunction,
    capabilityOffset: number,
    entryCount: number,
    entries: Registers,
  ) {
    this.pciFunction = pciFunction
    this.capabilityOffset = capabilityOffset
    this.entryCount = entryCount
    this.entries = entries
  }

  /** Enables MSI-X with every entry masked. Memory decoding must be on. */
  enable(): void {
    this.setControl(CONTROL_ENABLE | CONTROL_FUNCTION_MASK)
    for (let index = 0; index < this.entryCount; index++) {
      this.entries[index * ENTRY_WORDS + 3] = ENTRY_MASKED
    }
    this.setControl(CONTROL_ENABLE)
  }

  disable(): void {
    this.setControl(0)
  }

  /** Lets table entry `index` raise device vector `vector` of the platform, and unmasks it. */
  setEntry(hal: Hal, index: number, vector: number): void {
    const at = index * ENTRY_WORDS
    const address = hal.interruptMessageAddress
    this.entries[at + 3] = ENTRY_MASKED
    this.entries[at] = address % 0x100000000
    this.entries[at + 1] = Math.floor(address / 0x100000000)
    this.entries[at + 2] = hal.interruptMessageData(vector)
    this.entries[at + 3] = 0
  }

  private setControl(bits: number): void {
    const offset = this.capabilityOffset + CONTROL_OFFSET
    const control = this.pciFunction.read16(offset)
    this.pciFunction.write16(offset, (control & ~(CONTROL_ENABLE | CONTROL_FUNCTION_MASK)) | bits)
  }
}
