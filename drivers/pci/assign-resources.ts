/**
 * Gives addresses to memory BARs and bridge windows that firmware left unset (PCI 3.0 §6.2.5,
 * Bridge 1.2 §3.2.5.8).
 */
import type { EcamRegion } from './config-space.ts'
import { type MemoryBar, PciCommand, type PciFunction, PciRegister } from './pci-function.ts'

/** Physical addresses [base, limit) that reach PCI memory. */
export interface MemoryWindow {
  readonly base: number
  readonly limit: number
}

const BRIDGE_WINDOW_UNIT = 1 << 20

/**
 * Where PCI memory is below 4 GiB, clear of RAM, ECAM, I/O APIC and local APIC. QEMU 7.2: q35 never
 * puts RAM above 0xc0000000 and microvm's window is 0xc0000000..0xdfffffff, ending at its ECAM;
 * i440fx RAM may reach 0xe0000000.
 */
export function findMemoryWindow(ecam: EcamRegion | null): MemoryWindow {
  if (ecam === null) return { base: 0xe0000000, limit: 0xfe000000 }
  const base = 0xc0000000
  const limit = 0xfe000000
  const ecamEnd = ecam.physicalAddress + (ecam.lastBus - ecam.firstBus + 1) * (1 << 20)
  if (ecam.physicalAddress >= limit || ecamEnd <= base) return { base, limit }
  return ecam.physicalAddress - base >= limit - ecamEnd
    ? { base, limit: ecam.physicalAddress }
    : { base: ecamEnd, limit }
}

/**
 * Functions whose memory decoding firmware left off get what they lack; all others keep what they
 * have. A BAR that does not fit stays at 0, and its driver says so.
 */
export function assignResources(functions: readonly PciFunction[], window: MemoryWindow): void {
  const needy = functions.filter(
    (pciFunction) => (pciFunction.read16(PciRegister.Command) & PciCommand.Memory) === 0,
  )
  // With SeaBIOS nothing is missing: then the others need not be sized either, which takes
  // milliseconds under TCG.
  if (!needy.some((it) => it.isBridge || it.memoryBars().some(isUnassigned))) return
  const free = { next: endOfAssigned(functions, window), limit: window.limit }
  assignBus(functions, null, free, new Set(needy))
}

function isUnassigned(bar: MemoryBar): boolean {
  return bar.physicalAddress === 0
}

/** Everything firmware has placed lies below the result, so that new ranges never overlap it. */
function endOfAssigned(functions: readonly PciFunction[], window: MemoryWindow): number {
  let end = window.base
  for (const pciFunction of functions) {
    if ((pciFunction.read16(PciRegister.Command) & PciCommand.Memory) === 0) continue
    for (const bar of pciFunction.memoryBars()) {
      const barEnd = bar.physicalAddress + bar.sizeBytes
      if (bar.physicalAddress >= window.base && barEnd <= window.limit) end = Math.max(end, barEnd)
    }
    if (!pciFunction.isBridge) continue
    for (const register of [PciRegister.MemoryWindow, PciRegister.PrefetchableWindow]) {
      const set = readBridgeWindow(pciFunction, register)
      if (set !== null && set.limit <= window.limit) end = Math.max(end, set.limit)
    }
  }
  return end
}

function assignBus(
  functions: readonly PciFunction[],
  parent: PciFunction | null,
  free: { next: number; limit: number },
  needy: ReadonlySet<PciFunction>,
): void {
  for (const pciFunction of functions) {
    if (pciFunction.parent !== parent) continue
    if (needy.has(pciFunction)) {
      // Largest first: natural alignment then wastes nothing.
      const bars = pciFunction.memoryBars().filter(isUnassigned)
      for (const bar of bars.sort((a, b) => b.sizeBytes - a.sizeBytes))
        place(pciFunction, bar, free)
    }
    if (!pciFunction.isBridge) continue
    if (!needy.has(pciFunction)) continue
    const start = alignUp(free.next, BRIDGE_WINDOW_UNIT)
    free.next = start
    assignBus(functions, pciFunction, free, needy)
    free.next = alignUp(free.next, BRIDGE_WINDOW_UNIT)
    writeBridgeWindow(pciFunction, PciRegister.MemoryWindow, start, free.next)
    // All BARs behind it lie in the non-prefetchable window, which suits prefetchable memory too.
    writeBridgeWindow(pciFunction, PciRegister.PrefetchableWindow, start, start)
  }
}

function place(
  pciFunction: PciFunction,
  bar: MemoryBar,
  free: { next: number; limit: number },
): void {
  const address = alignUp(free.next, bar.sizeBytes)
  if (address + bar.sizeBytes > free.limit) return
  pciFunction.assignBar(bar, address)
  free.next = address + bar.sizeBytes
}

function readBridgeWindow(bridge: PciFunction, register: number): MemoryWindow | null {
  const value = bridge.read32(register)
  const base = ((value & 0xfff0) << 16) >>> 0
  const limit = ((value & 0xfff00000) >>> 0) + BRIDGE_WINDOW_UNIT
  return base !== 0 && limit > base ? { base, limit } : null
}

/** A window with limit below base is closed. */
function writeBridgeWindow(bridge: PciFunction, register: number, start: number, end: number) {
  const value = end > start ? ((end - 1) & 0xfff00000) | ((start >>> 16) & 0xfff0) : 0x0000fff0
  bridge.write32(register, value >>> 0)
}

function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment
}
