/**
 * Where the machine has virtio-mmio devices: by the command line, by ACPI, or where QEMU's microvm
 * has its windows (virtio 1.4 §4.2.1, §4.2.2).
 */
import { findTables, mapTable } from '../acpi/tables.ts'
import type { Hal } from '../hal.ts'
import type { MapRegisters } from '../pci/registers.ts'

export interface MmioDevice {
  readonly deviceType: number
  readonly physicalAddress: number
  /** I/O APIC input; -1 = not known, so that the device must be polled. */
  readonly globalInterrupt: number
}

/** A window as somebody has told of it; nothing need be behind it. */
export type MmioWindow = Omit<MmioDevice, 'deviceType'>

/** QEMU hw/i386/microvm.c: up to 24 of them, a device or none behind each, at a fixed place. */
const MICROVM_BASE = 0xfeb00000
const MICROVM_COUNT = 24
export const MMIO_WINDOW_BYTES = 512
/** More than any machine has: tables and command lines must not keep the boot busy. */
export const MAX_MMIO_WINDOWS = 64
/** "virt", little endian. */
const MAGIC = 0x74726976
const MAGIC_WORD = 0
const DEVICE_TYPE_WORD = 2

const DSDT_ADDRESS_OFFSET = 40
const FADT_MIN_BYTES = 44
/** The hardware identifier of a virtio-mmio device in ACPI. */
const HARDWARE_ID = [...'LNRO0005'].map((character) => character.charCodeAt(0))
/**
 * ACPI 6.5 §6.4.3.4 and §6.4.3.6: a fixed range of memory, and an interrupt, as byte codes of a
 * resource template.
 */
const MEMORY_32_FIXED = [0x86, 9, 0]
const EXTENDED_INTERRUPT = [0x89, 6, 0]
/** Both stand so close behind the identifier; what is farther belongs to another device. */
const MAX_RESOURCE_DISTANCE = 96

/**
 * `virtio_mmio.device=512@0xfeb00e00:12`: size, address, interrupt, as Linux has it; null when it
 * is written otherwise.
 */
export function parseMmioWindow(text: string): MmioWindow | null {
  const match = /^(?:0x[0-9a-f]+|\d+)[KM]?@(0x[0-9a-f]{1,13}|\d{1,15}):(\d{1,5})(?::\d+)?$/i.exec(
    text,
  )
  if (match === null) return null
  const physicalAddress = Number(match[1])
  if (physicalAddress % 4 !== 0) return null
  return { physicalAddress, globalInterrupt: Number(match[2]) }
}

/**
 * Every device behind a window that the command line or ACPI names, highest address first: QEMU
 * fills its windows from the top, so that this is the order in which the devices were given.
 * `isMicrovm`: without a name for any, its windows are looked into.
 */
export function findMmioDevices(
  hal: Hal,
  mapRegisters: MapRegisters,
  named: readonly MmioWindow[],
  isMicrovm: boolean,
): MmioDevice[] {
  const windows = [...named, ...windowsOfAcpi(hal)]
  if (windows.length === 0 && isMicrovm) windows.push(...windowsOfMicrovm())
  const found = new Map<number, MmioDevice>()
  for (const window of windows.slice(0, MAX_MMIO_WINDOWS)) {
    const deviceType = deviceTypeAt(mapRegisters, window.physicalAddress)
    if (deviceType === 0 || found.has(window.physicalAddress)) continue
    found.set(window.physicalAddress, { ...window, deviceType })
  }
  return [...found.values()].sort((a, b) => b.physicalAddress - a.physicalAddress)
}

/** 0 where no device is. */
function deviceTypeAt(mapRegisters: MapRegisters, physicalAddress: number): number {
  try {
    const { words } = mapRegisters(physicalAddress, MMIO_WINDOW_BYTES)
    return words[MAGIC_WORD] === MAGIC ? words[DEVICE_TYPE_WORD]! : 0
  } catch {
    // Nothing can be mapped there.
    return 0
  }
}

/** Their interrupts only the command line or ACPI tells. */
function windowsOfMicrovm(): MmioWindow[] {
  return Array.from({ length: MICROVM_COUNT }, (_, index) => ({
    physicalAddress: MICROVM_BASE + index * MMIO_WINDOW_BYTES,
    globalInterrupt: -1,
  }))
}

/**
 * Looks for identifiers and the resources right behind them: constants, which need no interpreter
 * of AML.
 */
function windowsOfAcpi(hal: Hal): MmioWindow[] {
  const windows: MmioWindow[] = []
  const fadt = findTables(hal, 'FACP').find(({ byteLength }) => byteLength >= FADT_MIN_BYTES)
  const address = fadt?.getUint32(DSDT_ADDRESS_OFFSET, true) ?? 0
  const tables = [mapTable(hal, address, 'DSDT'), ...findTables(hal, 'SSDT')]
  for (const table of tables) {
    if (table === null) continue
    const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength)
    for (let at = find(bytes, HARDWARE_ID, 0); at >= 0; at = find(bytes, HARDWARE_ID, at + 1)) {
      const window = readResources(table, bytes, at + HARDWARE_ID.length)
      if (window !== null) windows.push(window)
    }
  }
  return windows
}

function readResources(table: DataView, bytes: Uint8Array, from: number): MmioWindow | null {
  const end = Math.min(bytes.length, from + MAX_RESOURCE_DISTANCE)
  const memory = find(bytes.subarray(0, end), MEMORY_32_FIXED, from)
  if (memory < 0 || memory + 12 > end) return null
  const physicalAddress = table.getUint32(memory + 4, true)
  if (physicalAddress % 4 !== 0) return null
  const interrupt = find(bytes.subarray(0, end), EXTENDED_INTERRUPT, memory)
  const isKnown = interrupt >= 0 && interrupt + 9 <= end && bytes[interrupt + 4] === 1
  return { physicalAddress, globalInterrupt: isKnown ? table.getUint32(interrupt + 5, true) : -1 }
}

/** Where `wanted` begins in `bytes`, from `from` on; -1 = nowhere. */
function find(bytes: Uint8Array, wanted: readonly number[], from: number): number {
  const first = wanted[0]!
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at
  }
  return -1
}
