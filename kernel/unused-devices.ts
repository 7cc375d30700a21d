/**
 * What the machine has and the guest does not use: one line each, once, so that nobody looks for it
 * in vain.
 */
import { countProcessors } from '../drivers/acpi/processors.ts'
import type { Hal } from '../drivers/hal.ts'
import type { PciBus } from '../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../drivers/pci/pci-function.ts'
import {
  explainMmioDevice,
  explainUnusedFunction,
  type UnusedDevice,
} from '../drivers/virtio/explain-unused.ts'
import type { MmioDevice } from '../drivers/virtio/mmio-devices.ts'
import { MAX_NETWORK_INTERFACES } from './interface-settings.ts'
import type { Logger } from './logger.ts'

export interface DevicesInUse {
  readonly bus: PciBus | null
  readonly mmio: readonly MmioDevice[]
  /** Those of which nothing has to be said. */
  readonly settled: ReadonlySet<PciFunction | MmioDevice>
  readonly networkAddress: string | null
}

/** `inUse` is null on a machine that has no devices. */
export function listUnusedDevices(inUse: DevicesInUse | null): UnusedDevice[] {
  if (inUse === null) return []
  const { bus, mmio, settled, networkAddress } = inUse
  const networks =
    networkAddress === null ? null : { first: networkAddress, most: MAX_NETWORK_INTERFACES }
  const functions = bus === null ? [] : bus.functions
  return [
    ...functions.filter((it) => !settled.has(it)).map((it) => explainUnusedFunction(it, networks)),
    ...mmio.filter((it) => !settled.has(it)).map((it) => explainMmioDevice(it, networks)),
  ].filter((explained) => explained !== null)
}

export function reportUnused(hal: Hal, inUse: DevicesInUse | null, log: Logger): void {
  for (const { line, level } of listUnusedDevices(inUse)) log[level](line)
  const processors = countProcessors(hal)
  if (processors > 1) log.info(`one of ${processors} processors is used: -smp 1 is enough`)
}
