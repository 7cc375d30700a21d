/**
 * What the ACPI tables FADT and MADT say of the machine's events and their interrupt (ACPI 6.5
 * §5.2.9, §5.2.12).
 */
import type { Hal } from '../hal.ts'
import { findTables, mapTable, readAddress } from './tables.ts'

/** Up to the flags: the length of the oldest FADT. */
const FADT_BYTES = 116
const DSDT = 40
const SCI_INTERRUPT = 46
const SMI_COMMAND = 48
const ACPI_ENABLE = 52
const PM1A_EVENT = 56
const PM1A_CONTROL = 64
const PM1_EVENT_LENGTH = 88
const FLAGS = 112
const SLEEP_CONTROL = 244
const FLAG_POWER_BUTTON_IS_DEVICE = 1 << 4
const FLAG_HARDWARE_REDUCED = 1 << 20
const SPACE_MEMORY = 0

const MADT_ENTRIES = 44
const MADT_SOURCE_OVERRIDE = 2
const POLARITY_HIGH = 1

export interface FixedDescription {
  readonly isHardwareReduced: boolean
  /** False: the button is a device of its own, to be asked by AML. */
  readonly hasFixedPowerButton: boolean
  /** Ports; 0 = none. */
  readonly pm1EventPort: number
  readonly pm1EventBytes: number
  readonly pm1ControlPort: number
  readonly smiCommandPort: number
  /** What turns ACPI mode on at that port; 0 = it is always on. */
  readonly acpiEnable: number
  readonly sciInterrupt: number
  /** The sleep control register of a hardware-reduced machine, when it is in memory; else 0. */
  readonly sleepControlAddress: number
  readonly dsdtAddress: number
}

/** Null without a FADT. */
export function readFixedDescription(hal: Hal): FixedDescription | null {
  const fadt = findTables(hal, 'FACP').find(({ byteLength }) => byteLength >= FADT_BYTES)
  if (fadt === undefined) return null
  const flags = fadt.getUint32(FLAGS, true)
  const isHardwareReduced = (flags & FLAG_HARDWARE_REDUCED) !== 0
  const hasSleepControl =
    isHardwareReduced &&
    fadt.byteLength >= SLEEP_CONTROL + 12 &&
    fadt.getUint8(SLEEP_CONTROL) === SPACE_MEMORY
  return {
    isHardwareReduced,
    hasFixedPowerButton: !isHardwareReduced && (flags & FLAG_POWER_BUTTON_IS_DEVICE) === 0,
    pm1EventPort: readPort(fadt, PM1A_EVENT),
    pm1EventBytes: fadt.getUint8(PM1_EVENT_LENGTH),
    pm1ControlPort: readPort(fadt, PM1A_CONTROL),
    smiCommandPort: readPort(fadt, SMI_COMMAND),
    acpiEnable: fadt.getUint8(ACPI_ENABLE),
    sciInterrupt: fadt.getUint16(SCI_INTERRUPT, true),
    sleepControlAddress: hasSleepControl ? readAddress(fadt, SLEEP_CONTROL + 4) : 0,
    dsdtAddress: fadt.getUint32(DSDT, true),
  }
}

/**
 * The I/O APIC input of an interrupt of the old bus, and its polarity, as the MADT overrides them
 * (§5.2.12.5).
 */
export function findInterruptInput(
  hal: Hal,
  source: number,
): { globalInterrupt: number; isActiveHigh: boolean } {
  for (const madt of findTables(hal, 'APIC')) {
    for (let at = MADT_ENTRIES; at + 2 <= madt.byteLength; ) {
      const length = madt.getUint8(at + 1)
      if (length < 2 || at + length > madt.byteLength) break
      if (
        madt.getUint8(at) === MADT_SOURCE_OVERRIDE &&
        length >= 10 &&
        madt.getUint8(at + 3) === source
      ) {
        return {
          globalInterrupt: madt.getUint32(at + 4, true),
          isActiveHigh: (madt.getUint16(at + 8, true) & 3) === POLARITY_HIGH,
        }
      }
      at += length
    }
  }
  // §5.2.9: OSPM treats the SCI as a sharable, level, active low interrupt, unless the MADT
  // overrides it.
  return { globalInterrupt: source, isActiveHigh: false }
}

/** True when the DSDT holds all of these names, as AML keeps strings: in plain ASCII. */
export function dsdtHolds(hal: Hal, address: number, names: readonly string[]): boolean {
  const dsdt = mapTable(hal, address, 'DSDT')
  if (dsdt === null) return false
  const bytes = new Uint8Array(dsdt.buffer, dsdt.byteOffset, dsdt.byteLength)
  return names.every((name) => holds(bytes, name))
}

function holds(bytes: Uint8Array, name: string): boolean {
  const first = name.charCodeAt(0)
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let matched = 1
    while (matched < name.length && bytes[at + matched] === name.charCodeAt(matched)) matched++
    if (matched === name.length) return true
  }
  return false
}

function readPort(fadt: DataView, offset: number): number {
  const port = fadt.getUint32(offset, true)
  return port <= 0xffff ? port : 0
}
