/** Walks the PCI buses, bridges included, and gives them bus numbers where firmware has not (PCI-to-PCI Bridge 1.2 §3.2.5). */
import type { ConfigSpace } from './config-space.ts'
import { PciFunction, PciRegister } from './pci-function.ts'

const DEVICES_PER_BUS = 32
const FUNCTIONS_PER_DEVICE = 8
const MULTI_FUNCTION = 0x80

/** All functions in depth-first order: a bridge is followed by what is behind it. */
export function enumerateFunctions(config: ConfigSpace): PciFunction[] {
  const asFound: PciFunction[] = []
  if (walk(config, 0, null, new Set([0]), asFound)) return asFound
  // qboot and microvm leave every bridge at bus 0: number them all, depth first.
  const numbered: PciFunction[] = []
  number(config, 0, null, { last: 0 }, numbered)
  return numbered
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
  counter: { last: number },
  found: PciFunction[],
): void {
  for (const pciFunction of functionsOn(config, bus, parent)) {
    found.push(pciFunction)
    if (!pciFunction.isBridge || counter.last >= config.lastBus) continue
    counter.last++
    const secondary = counter.last
    const latency = pciFunction.read32(PciRegister.BusNumbers) & 0xff000000
    // The subordinate number stays wide open while buses below are still being counted.
    const write = (subordinate: number) =>
      pciFunction.write32(
        PciRegister.BusNumbers,
        (latency | (subordinate << 16) | (secondary << 8) | bus) >>> 0,
      )
    write(config.lastBus)
    number(config, secondary, pciFunction, counter, found)
    write(counter.last)
  }
}

function functionsOn(config: ConfigSpace, bus: number, parent: PciFunction | null): PciFunction[] {
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
