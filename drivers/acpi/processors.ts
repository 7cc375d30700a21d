/**
 * How many processors the machine has, by the ACPI table MADT, which is signed APIC (ACPI 6.5
 * §5.2.12).
 */
import type { Hal } from '../hal.ts'
import { findTables } from './tables.ts'

const FIRST_ENTRY_OFFSET = 44
/** Entry type to where its flags are. */
const LOCAL_APIC = { type: 0, lengthBytes: 8, flagsOffset: 4 }
const LOCAL_X2APIC = { type: 9, lengthBytes: 16, flagsOffset: 8 }
const FLAG_ENABLED = 1

/** 1 when no table tells. */
export function countProcessors(hal: Hal): number {
  let count = 0
  // boot/ has looked for the tables already.
  if (hal.acpiRootPointer === 0) return 1
  for (const table of findTables(hal, 'APIC')) {
    for (let at = FIRST_ENTRY_OFFSET; at + 2 <= table.byteLength; ) {
      const lengthBytes = table.getUint8(at + 1)
      if (lengthBytes < 2 || at + lengthBytes > table.byteLength) break
      const type = table.getUint8(at)
      for (const entry of [LOCAL_APIC, LOCAL_X2APIC]) {
        if (type !== entry.type || lengthBytes < entry.lengthBytes) continue
        if ((table.getUint8(at + entry.flagsOffset) & FLAG_ENABLED) !== 0) count++
      }
      at += lengthBytes
    }
  }
  return Math.max(1, count)
}
