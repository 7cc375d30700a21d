/**
 * Walks the PCI buses, bridges included, and gives them bus numbers where firmware has not
 * (PCI-to-PCI Bridge 1.2 §3.2.5).
 */
import type { ConfigSpace } from './config-space.ts'
import { PciFunction, PciRegister } from './pci-function.ts'

const DEVICES_PER_BUS = 32
const FUNCTIONS_PER_DEVICE = 8
const MULTI_FUNCTION = 0x80

const HOST_BRIDGE_CLASS = 0x060000

/**
 * All functions in depth-first order: a bridge is followed by what is behind it. Root buses that no
 * bridge leads to come last.
 */
export function enumerateFunctions(config: ConfigSpace): PciFunction[] {
  const asFound: PciFunction[] = []
  const seen = new Set([0])
  const rootBuses = [0]
  let isNumbered = walk(config, 0, null, seen, asFound)
  const onBusZero = isNumbered ? asFound : functionsOn(config, 0, null)
  const lastBus = onBusZero.some(isSecondHostBridge) ? config.lastBus : 0
  for (let bus = 1; bus <= lastBus; bus++) {
    if (seen.has(bus) || functionsOn(config, bus, null).length === 0) continue
    seen.add(bus)
    rootBuses.push(bus)
    isNumbered = isNumbered && walk(config, bus, null, seen, asFound)
  }
  if (isNumbered) return asFound
  // qboot and microvm leave every bridge at bus 0: number them all, depth first, below the next
  // root bus.
  const numbered: PciFunction[] = []
  rootBuses.forEach((bus, index) => {
    const last = (rootBuses[index + 1] ?? config.lastBus + 1) - 1
    number(config, bus, null, { next: bus + 1, last }, numbered)
  })
  return numbered
}

/**
 * A host bridge besides the one at 00:00.0, such as QEMU's pxb and pxb-pcie, has a root bus of its
 * own, whose number only ACPI's byte code tells. To look for it at every bus takes milliseconds,
 * which other machines do not pay.
 */
function isSecondHostBridge(pciFunction: PciFunction): boolean {
  const { bus, routingId, classCode } = pciFunction
  return bus === 0 && routingId !== 0 && classCode === HOST_BRIDGE_CLASS
}

/** False when a bridge is met whose bus numbers make no sense. */
function walk(
  config: ConfigSpace,
  bus: number,
  parent: PciFunction | null,
  seen: Set<number>,
  found: PciFunction[],
): boolean {
  for (const pciFunction of functionsOn(config, bus, parent)) {
    found.push(pciFunction)
    if (!pciFunction.isBridge) continue
    const numbers = pciFunction.read32(PciRegister.BusNumbers)
    const secondary = (numbers >> 8) & 0xff
    const subordinate = (numbers >> 16) & 0xff
    if ((numbers & 0xff) !== bus || secondary <= bus || subordinate < secondary) return false
    if (seen.has(secondary) || secondary > config.lastBus) return false
    seen.add(secondary)
    if (!walk(config, secondary, pciFunction, seen, found)) return false
  }
  return true
}

function number(
  config: ConfigSpace,
  bus: number,
  parent: PciFunction | null,
  free: { next: number; readonly last: number },
  found: PciFunction[],
): void {
  for (const pciFunction of functionsOn(config, bus, parent)) {
    found.push(pciFunction)
    if (!pciFunction.isBridge || free.next > free.last) continue
    const secondary = free.next++
    const latency = pciFunction.read32(PciRegister.BusNumbers) & 0xff000000
    // The subordinate number stays wide open while buses below are still being counted.
    const write = (subordinate: number) =>
      pciFunction.write32(
        PciRegister.BusNumbers,
        (latency | (subordinate << 16) | (secondary << 8) | bus) >>> 0,
      )
    write(free.last)
    number(config, secondary, pciFunction, free, found)
    write(free.next - 1)
  }
}

/** What answers on one bus. */
export function functionsOn(
  config: ConfigSpace,
  bus: number,
  parent: PciFunction | null,
): PciFunction[] {
  const found: PciFunction[] = []
  for (let device = 0; device < DEVICES_PER_BUS; device++) {
    const first = (bus << 8) | (device << 3)
    if (!isPresent(config, first)) continue
    found.push(new PciFunction(config, first, parent))
    if ((config.read8(first, PciRegister.HeaderType) & MULTI_FUNCTION) === 0) continue
    for (let index = 1; index < FUNCTIONS_PER_DEVICE; index++) {
      if (isPresent(config, first | index)) {
        found.push(new PciFunction(config, first | index, parent))
      }
    }
  }
  return found
}

function isPresent(config: ConfigSpace, routingId: number): boolean {
  const vendor = config.read16(routingId, PciRegister.VendorId)
  return vendor !== 0xffff && vendor !== 0
}
