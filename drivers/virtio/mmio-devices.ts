/** Devices on virtio-mmio, a transport that is not driven: found only so that somebody can be told (virtio 1.4 §4.2.2). */
import type { MapRegisters } from '../pci/registers.ts'

export interface MmioDevice {
  readonly deviceType: number
  readonly physicalAddress: number
}

/** QEMU hw/i386/microvm.c: up to 24 of them, a device or none behind each, at a fixed place. */
const MICROVM_BASE = 0xfeb00000
const MICROVM_COUNT = 24
const WINDOW_BYTES = 512
/** "virt", little endian. */
const MAGIC = 0x74726976
const MAGIC_WORD = 0
const DEVICE_TYPE_WORD = 2

/** What sits in the windows of QEMU's microvm; on other machines nothing answers there, and nobody should look. */
export function findMmioDevices(mapRegisters: MapRegisters): MmioDevice[] {
  const { words } = mapRegisters(MICROVM_BASE, MICROVM_COUNT * WINDOW_BYTES)
  const found: MmioDevice[] = []
  for (let index = 0; index < MICROVM_COUNT; index++) {
    const at = (index * WINDOW_BYTES) >> 2
    if (words[at + MAGIC_WORD] !== MAGIC) continue
    const deviceType = words[at + DEVICE_TYPE_WORD]!
    if (deviceType === 0) continue
    found.push({ deviceType, physicalAddress: MICROVM_BASE + index * WINDOW_BYTES })
  }
  return found
}
