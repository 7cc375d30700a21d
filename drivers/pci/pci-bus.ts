/** The PCI hierarchy, ready for drivers: every function found, BARs and bridge windows assigned. */
import type { Hal } from '../../kernel/hal/hal.ts'
import { findEcamRegion } from './acpi-mcfg.ts'
import { assignResources, findMemoryWindow } from './assign-resources.ts'
import { type ConfigSpace, EcamConfigSpace, PortConfigSpace } from './config-space.ts'
import { enumerateFunctions } from './enumerate.ts'
import { InterruptLines } from './interrupt-lines.ts'
import type { PciFunction } from './pci-function.ts'
import { type MapRegisters, mapRegistersThrough } from './registers.ts'

export interface PciBus {
  readonly functions: readonly PciFunction[]
  readonly configAccess: 'ecam' | 'port'
  readonly interruptLines: InterruptLines
  readonly mapRegisters: MapRegisters
}

/** Throws when the machine offers no way to reach PCI configuration space. */
export function openPciBus(
  hal: Hal,
  mapRegisters: MapRegisters = mapRegistersThrough(hal),
): PciBus {
  const region = findEcamRegion(hal)
  let config: ConfigSpace
  if (region !== null) {
    config = new EcamConfigSpace(region, mapRegisters)
  } else if (PortConfigSpace.isPresent(hal)) {
    config = new PortConfigSpace(hal)
  } else {
    throw new Error('Cannot find PCI: no ACPI MCFG table and no answer at port 0xcf8')
  }
  const functions = enumerateFunctions(config)
  assignResources(functions, findMemoryWindow(region))
  return {
    functions,
    configAccess: config.access,
    interruptLines: new InterruptLines(hal, functions),
    mapRegisters,
  }
}
