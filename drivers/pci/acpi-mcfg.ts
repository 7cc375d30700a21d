/**
 * Finds the PCI Express configuration space in the ACPI table MCFG (ACPI 6.4 §5.2.5, PCI Firmware
 * 3.2 §4.1.2).
 */

import { findTables, readAddress } from '../acpi/tables.ts'
import type { Hal } from '../hal.ts'
import type { EcamRegion } from './config-space.ts'

const MCFG_ENTRIES_OFFSET = 44
const MCFG_ENTRY_BYTES = 16

/** The ECAM region of PCI segment 0, or null when firmware names none that is well-formed. */
export function findEcamRegion(hal: Hal): EcamRegion | null {
  for (const table of findTables(hal, 'MCFG')) {
    for (
      let entry = MCFG_ENTRIES_OFFSET;
      entry + MCFG_ENTRY_BYTES <= table.byteLength;
      entry += MCFG_ENTRY_BYTES
    ) {
      const physicalAddress = readAddress(table, entry)
      const firstBus = table.getUint8(entry + 10)
      const lastBus = table.getUint8(entry + 11)
      const segment = table.getUint16(entry + 8, true)
      if (segment !== 0 || physicalAddress === 0 || firstBus !== 0 || lastBus < firstBus) continue
      return { physicalAddress, firstBus, lastBus }
    }
  }
  return null
}
