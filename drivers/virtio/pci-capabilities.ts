/**
 * The vendor capabilities by which a virtio PCI function says where its structures are (virtio 1.4
 * §4.1.4).
 */
import { PciCapabilityId, type PciFunction } from '../pci/pci-function.ts'

export const StructureType = { Common: 1, Notify: 2, Isr: 3, Device: 4 } as const

const CAPABILITY_BYTES = 16
const NOTIFY_CAPABILITY_BYTES = 20

export interface VirtioStructure {
  readonly type: number
  readonly physicalAddress: number
  readonly lengthBytes: number
  /** Only meaningful for StructureType.Notify. */
  readonly notifyOffsetMultiplier: number
}

/**
 * The first usable structure of each type. Ignored are reserved types, BARs above 5 or without
 * address, ranges that leave their BAR, and misaligned ones (§4.1.4.1 "MUST ignore", and what a
 * hostile device might say besides).
 */
export function findVirtioStructures(pciFunction: PciFunction): Map<number, VirtioStructure> {
  const found = new Map<number, VirtioStructure>()
  for (const { id, offset } of pciFunction.capabilities()) {
    if (id !== PciCapabilityId.VendorSpecific || offset + CAPABILITY_BYTES > 0x100) continue
    const capabilityBytes = pciFunction.read8(offset + 2)
    const type = pciFunction.read8(offset + 3)
    if (capabilityBytes < CAPABILITY_BYTES || found.has(type)) continue
    if (type < StructureType.Common || type > StructureType.Device) continue
    const isNotify = type === StructureType.Notify
    if (isNotify && capabilityBytes < NOTIFY_CAPABILITY_BYTES) continue
    if (isNotify && offset + NOTIFY_CAPABILITY_BYTES > 0x100) continue
    const structure = locate(pciFunction, offset, type)
    if (structure !== null) found.set(type, structure)
  }
  return found
}

function locate(pciFunction: PciFunction, capability: number, type: number) {
  const barIndex = pciFunction.read8(capability + 4)
  const start = pciFunction.read32(capability + 8)
  const lengthBytes = pciFunction.read32(capability + 12)
  if (barIndex > 5) return null
  const bar = pciFunction.memoryBars().find((it) => it.index === barIndex)
  if (bar === undefined || bar.physicalAddress === 0) return null
  if (lengthBytes === 0 || start + lengthBytes > bar.sizeBytes) return null
  if (type !== StructureType.Isr && (start & 3) !== 0) return null
  const notifyOffsetMultiplier =
    type === StructureType.Notify ? pciFunction.read32(capability + 16) : 0
  return {
    type,
    physicalAddress: bar.physicalAddress + start,
    lengthBytes,
    notifyOffsetMultiplier,
  }
}
