/** The PCI hierarchy, ready for drivers: every function found, BARs and bridge windows assigned. */
import type { Hal } from '../hal.ts'
import { findEcamRegion } from './acpi-mcfg.ts'
import { assignResources, findMemoryWindow } from './assign-resources.ts'
import {
  type ConfigSpace,
  EcamConfigSpace,
  type EcamRegion,
  PortConfigSpace,
} from './config-space.ts'
import { enumerateFunctions, functionsOn } from './enumerate.ts'
import { InterruptLines } from './interrupt-lines.ts'
import { type PciFunction, PciRegister } from './pci-function.ts'
import { type MapRegisters, mapRegistersThrough } from './registers.ts'

export interface PciBus {
  readonly functions: readonly PciFunction[]
  readonly configAccess: 'ecam' | 'port'
  readonly interruptLines: InterruptLines
  /** QEMU's microvm, whose devices may be on virtio-mmio as well. */
  readonly isMicrovm: boolean
  readonly mapRegisters: MapRegisters
  /** What answers now on the buses that were found at the start. */
  rescan(): PciFunction[]
}

/**
 * microvm has no MCFG table (QEMU 7.2, hw/i386/acpi-microvm.c) and no ports, only this fixed
 * region.
 */
const MICROVM_ECAM: EcamRegion = { physicalAddress: 0xe0000000, firstBus: 0, lastBus: 255 }
const GPEX_HOST_BRIDGE = 0x00081b36

/** Throws when the machine offers no way to reach PCI configuration space. */
export function openPciBus(
  hal: Hal,
  mapRegisters: MapRegisters = mapRegistersThrough(hal),
): PciBus {
  let region = findEcamRegion(hal)
  if (region === null && !PortConfigSpace.isPresent(hal)) {
    if (!isMicrovm(mapRegisters)) {
      throw new Error(
        'Cannot find PCI: no ACPI MCFG table and no answer at port 0xcf8; use -M q35 or -M microvm,pcie=on',
      )
    }
    region = MICROVM_ECAM
  }
  const config =
    region === null ? new PortConfigSpace(hal) : new EcamConfigSpace(region, mapRegisters)
  const functions = enumerateFunctions(config)
  assignResources(functions, findMemoryWindow(region))
  return {
    functions,
    configAccess: config.access,
    interruptLines: new InterruptLines(hal, functions),
    isMicrovm: functions.some((it) => it.routingId === 0 && isMicrovmBridge(it)),
    mapRegisters,
    rescan: () => rescan(config, functions),
  }
}

function rescan(config: ConfigSpace, functions: readonly PciFunction[]): PciFunction[] {
  const roots = new Set(functions.filter((it) => it.parent === null).map(({ bus }) => bus))
  const found = [...roots].flatMap((bus) => functionsOn(config, bus, null))
  for (const bridge of functions) {
    // One that is gone says 255 of each bus, which not every configuration space reaches.
    if (!bridge.isBridge || !bridge.isPresent()) continue
    const secondary = (bridge.read32(PciRegister.BusNumbers) >> 8) & 0xff
    const isReached = secondary > bridge.bus && secondary <= config.lastBus
    if (isReached) found.push(...functionsOn(config, secondary, bridge))
  }
  return found
}

function isMicrovmBridge({ vendorId, deviceId }: PciFunction): boolean {
  return deviceId * 0x10000 + vendorId === GPEX_HOST_BRIDGE
}

/** Looks for microvm's host bridge where it always is; elsewhere nothing answers there. */
function isMicrovm(mapRegisters: MapRegisters): boolean {
  const { words } = mapRegisters(MICROVM_ECAM.physicalAddress, 4)
  return words[PciRegister.VendorId >> 2] === GPEX_HOST_BRIDGE
}
