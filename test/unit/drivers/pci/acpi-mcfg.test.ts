/**
 * Finding the PCI Express configuration space through ACPI (ACPI 6.4 §5.2.5, PCI Firmware 3.2
 * §4.1.2).
 */
import { describe, expect, it } from 'vitest'
import { findEcamRegion } from '../../../../drivers/pci/acpi-mcfg.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'
import { buildAcpiTables } from '../../../fakes/fake-pci.ts'

const TABLES = 0x3fe0000
const ECAM = { physicalAddress: 0xb0000000, firstBus: 0, lastBus: 255 }

function halWith(tables: Uint8Array, address = TABLES, acpiRootPointer = address): FakeHal {
  const hal = new FakeHal({ acpiRootPointer })
  hal.addFirmware(address, tables)
  return hal
}

describe('findEcamRegion', () => {
  it('follows root pointer, XSDT and MCFG', () => {
    expect(findEcamRegion(halWith(buildAcpiTables(TABLES, 0xb0000000)))).toEqual(ECAM)
  })

  it('follows the RSDT of an ACPI 1.0 root pointer', () => {
    expect(findEcamRegion(halWith(buildAcpiTables(TABLES, 0xb0000000, 0)))).toEqual(ECAM)
  })

  it('takes the number of buses from the table', () => {
    const hal = halWith(buildAcpiTables(TABLES, 0xe0000000, 2, 63))
    expect(findEcamRegion(hal)).toEqual({ physicalAddress: 0xe0000000, firstBus: 0, lastBus: 63 })
  })

  it('scans the BIOS area when the loader gave no root pointer', () => {
    const area = new Uint8Array(0x20000)
    area.set(buildAcpiTables(0xf5000, 0xb0000000), 0x15000)
    expect(findEcamRegion(halWith(area, 0xe0000, 0))).toEqual(ECAM)
  })

  it('finds nothing where no root pointer is', () => {
    expect(findEcamRegion(halWith(new Uint8Array(0x20000), 0xe0000, 0))).toBeNull()
    expect(findEcamRegion(new FakeHal())).toBeNull()
  })

  it.each([
    ['root pointer', 9],
    ['extended root pointer', 33],
    ['XSDT', 0x50],
    ['MCFG', 0x110],
  ])('refuses a %s whose checksum is wrong', (_name, offset) => {
    const tables = buildAcpiTables(TABLES, 0xb0000000)
    tables[offset]! ^= 1
    expect(findEcamRegion(halWith(tables))).toBeNull()
  })

  it('refuses a table that claims to be longer than memory', () => {
    const tables = buildAcpiTables(TABLES, 0xb0000000)
    new DataView(tables.buffer).setUint32(0x104, 0x7fffffff, true)
    expect(findEcamRegion(halWith(tables))).toBeNull()
  })

  it('refuses a region of another segment', () => {
    const tables = buildAcpiTables(TABLES, 0xb0000000)
    tables[0x100 + 52] = 1
    tables[0x100 + 9] = (tables[0x100 + 9]! - 1) & 0xff
    expect(findEcamRegion(halWith(tables))).toBeNull()
  })
})
