/** What the machine has and the guest does not use: one line each, once, so that nobody looks for it in vain. */
import { countProcessors } from '../drivers/acpi/processors.ts'
import type { Hal } from '../drivers/hal.ts'
import type { PciBus } from '../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../drivers/pci/pci-function.ts'
import { mapRegistersThrough } from '../drivers/pci/registers.ts'
import {
  explainMmioDevice,
  explainUnusedFunction,
  type UnusedDevice,
} from '../drivers/virtio/explain-unused.ts'
import { findMmioDevices } from '../drivers/virtio/mmio-devices.ts'
import type { Logger } from './logger.ts'

export interface DevicesInUse {
  readonly bus: PciBus
  /** Those of which nothing has to be said. */
  readonly settled: ReadonlySet<PciFunction>
  readonly networkAddress: string | null
}

/** `inUse` is null on a machine without PCI. */
export function listUnusedDevices(hal: Hal, inUse: DevicesInUse | null): UnusedDevice[] {
  const unused: UnusedDevice[] = []
  for (const pciFunction of inUse === null ? [] : inUse.bus.functions) {
    if (inUse!.settled.has(pciFunction)) continue
    const explained = explainUnusedFunction(pciFunction, inUse!.networkAddress)
    if (explained !== null) unused.push(explained)
  }
  // What has no PCI may be a microvm; if it is not, nothing answers where a microvm has its devices.
  if (inUse === null || inUse.bus.isMicrovm) {
    for (const device of findMmioDevices(mapRegistersThrough(hal))) {
      unused.push(explainMmioDevice(device))
    }
  }
  return unused
}

export function reportUnused(hal: Hal, inUse: DevicesInUse | null, log: Logger): void {
  for (const { line, level } of listUnusedDevices(hal, inUse)) log[level](line)
  const processors = countProcessors(hal)
  if (processors > 1) log.info(`one of ${processors} processors is used: -smp 1 is enough`)
}
