/** What is there and not used: which devices get a line, and which are nobody's business. */
import { describe, expect, it } from 'vitest'
import { countProcessors } from '../../../drivers/acpi/processors.ts'
import { openPciBus } from '../../../drivers/pci/pci-bus.ts'
import { explainUnusedFunction } from '../../../drivers/virtio/explain-unused.ts'
import { FakeHal } from '../../fakes/fake-hal.ts'
import { buildAcpiTables, FakePciFunction, FakePciHost } from '../../fakes/fake-pci.ts'

const TABLES = 0xe0000

/** The lines for functions with these ids on a q35, the first network in use at `network`. */
function linesFor(ids: readonly [number, number, number?][], network: string | null): string[] {
  const hal = new FakeHal({ acpiRootPointer: TABLES })
  hal.addFirmware(TABLES, buildAcpiTables(TABLES, 0xb0000000))
  const host = new FakePciHost(hal)
  ids.forEach(([vendorId, deviceId, classCode = 0xff0000], device) => {
    host.add(new FakePciFunction({ vendorId, deviceId, classCode }), device)
  })
  return openPciBus(hal, hal.mapRegisters).functions.flatMap((it) => {
    const networks = network === null ? null : { first: network, most: 8 }
    const explained = explainUnusedFunction(it, networks)
    return explained === null ? [] : [explained.line]
  })
}

describe('a function that nobody drives', () => {
  it.each<[string, [number, number, number?], RegExp]>([
    [
      'e1000',
      [0x8086, 0x100e, 0x020000],
      /\(8086:100e\).* not a virtio device; use -device virtio/,
    ],
    [
      'one modern virtio-net too many',
      [0x1af4, 0x1041, 0x020000],
      /: Eremite drives 8, the first is 0000:00:09.0; leave it out$/,
    ],
    [
      'one transitional virtio-net too many',
      [0x1af4, 0x1000, 0x020000],
      /drives 8, the first is 0000:00:09.0/,
    ],
    ['virtio-blk', [0x1af4, 0x1042], /; leave it out, unless the machine starts from it$/],
    ['transitional virtio-blk', [0x1af4, 0x1001], /\(block\) is not used/],
    ['a virtio device of a type to come', [0x1af4, 0x1077], /\(type 55\) is not used/],
    ['a console', [0x1af4, 0x1043], /console device 0000:00:00.0 is not used: it is for PCAP=/],
  ])('%s gets one line', (_name, ids, line) => {
    expect(linesFor([ids], '0000:00:09.0')).toEqual([expect.stringMatching(line)])
  })

  it('is not mentioned when nobody expects it to be used, or its failure is told elsewhere', () => {
    const silent: [number, number, number?][] = [
      [0x8086, 0x29c0, 0x060000],
      [0x8086, 0x2922, 0x010601],
      [0x1af4, 0x1044],
      // QEMU's ivshmem has virtio's vendor id and is no virtio device.
      [0x1af4, 0x1110],
    ]
    expect(linesFor(silent, '0000:00:09.0')).toEqual([])
    expect(linesFor([[0x1af4, 0x1041, 0x020000]], null)).toEqual([])
  })
})

describe('the number of processors', () => {
  const local = (flags: number) => [0, 8, 0, 0, flags, 0, 0, 0]
  const x2apic = (flags: number) => [9, 16, 0, 0, 0, 0, 0, 0, flags, 0, 0, 0, 0, 0, 0, 0]
  it.each<[string, number[], number]>([
    ['counts those that are enabled', [...local(1), ...local(0), ...local(1)], 2],
    ['counts those of both kinds', [...local(1), ...x2apic(1), ...x2apic(0)], 2],
    [
      'passes over other entries',
      [1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...local(1), ...local(1)],
      2,
    ],
    ['ends at an entry that makes no sense', [...local(1), ...local(1), 0, 1, ...local(1)], 2],
    ['ends at an entry that leaves the table', [...local(1), 0, 200], 1],
    ['is 1 when none is listed', [], 1],
  ])('%s', (_name, entries, expected) => {
    const hal = new FakeHal({ acpiRootPointer: TABLES })
    const tables = buildAcpiTables(TABLES, 0xb0000000)
    // The table beside MCFG becomes a MADT.
    const length = 44 + entries.length
    tables.set(new TextEncoder().encode('APIC'), 0x80)
    new DataView(tables.buffer).setUint32(0x84, length, true)
    tables.set(entries, 0x80 + 44)
    tables[0x89] = 0
    tables[0x89] = -tables.subarray(0x80, 0x80 + length).reduce((a, b) => a + b, 0) & 0xff
    hal.addFirmware(TABLES, tables)
    expect(countProcessors(hal)).toBe(expected)
  })

  it('is 1 on a machine without tables', () => {
    expect(countProcessors(new FakeHal())).toBe(1)
  })
})
