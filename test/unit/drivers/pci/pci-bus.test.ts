/**
 * Enumeration, bus numbers, BARs, bridge windows and interrupt wiring on fake hierarchies (PCI 3.0
 * §6, Bridge 1.2).
 */
import { describe, expect, it } from 'vitest'
import { openPciBus } from '../../../../drivers/pci/pci-bus.ts'
import type { PciFunction } from '../../../../drivers/pci/pci-function.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'
import { createFakeMachine } from '../../../fakes/fake-machine.ts'
import { buildAcpiTables, FakePciFunction, FakePciHost } from '../../../fakes/fake-pci.ts'

const TABLES = 0xe0000
const HOST_BRIDGE = { vendorId: 0x8086, deviceId: 0x29c0, classCode: 0x060000 }
const BRIDGE = {
  vendorId: 0x1b36,
  deviceId: 0x000c,
  classCode: 0x060400,
  isBridge: true,
  interruptPin: 1,
}
/** QEMU's pxb-pcie: a host bridge with a root bus of its own. */
const SECOND_HOST_BRIDGE = { vendorId: 0x1b36, deviceId: 0x000b, classCode: 0x060000 }
const DEVICE = { vendorId: 0x1234, deviceId: 0x5678, interruptPin: 1 }

function createHierarchy(ecamAddress = 0xb0000000) {
  const hal = new FakeHal({ acpiRootPointer: TABLES })
  hal.addFirmware(TABLES, buildAcpiTables(TABLES, ecamAddress))
  const host = new FakePciHost(hal, ecamAddress)
  host.add(new FakePciFunction(HOST_BRIDGE), 0)
  return { hal, host, open: () => openPciBus(hal, hal.mapRegisters) }
}

function addressesOf(functions: readonly PciFunction[]): string[] {
  return functions.map((it) => it.address)
}

describe('enumeration', () => {
  it('finds functions of single- and multi-function devices only where they are', () => {
    const { host, open } = createHierarchy()
    host.add(new FakePciFunction({ ...DEVICE, multiFunction: true }), 31, 0)
    host.add(new FakePciFunction(DEVICE), 31, 2)
    host.add(new FakePciFunction(DEVICE), 5, 0)
    // Not reported: function 3 of a device whose header does not say multi-function.
    host.add(new FakePciFunction(DEVICE), 5, 3)
    expect(addressesOf(open().functions)).toEqual([
      '0000:00:00.0',
      '0000:00:05.0',
      '0000:00:1f.0',
      '0000:00:1f.2',
    ])
  })

  it('keeps the bus numbers that firmware gave', () => {
    const { host, open } = createHierarchy()
    const bridge = new FakePciFunction(BRIDGE)
    bridge.write(0x18, 4, 0x00090700)
    host.add(bridge, 3)
    host.add(new FakePciFunction(DEVICE), 1, 0, bridge)
    expect(addressesOf(open().functions)).toContain('0000:07:01.0')
  })

  it.each(['is gone', 'says nonsense'])(
    'passes a bridge over that %s when it looks again',
    (what) => {
      const hal = new FakeHal({ acpiRootPointer: TABLES })
      hal.addFirmware(TABLES, buildAcpiTables(TABLES, 0xb0000000, 2, 15))
      const host = new FakePciHost(hal, 0xb0000000)
      host.add(new FakePciFunction(HOST_BRIDGE), 0)
      const bridge = new FakePciFunction(BRIDGE)
      bridge.write(0x18, 4, 0x00090700)
      host.add(bridge, 3)
      const device = new FakePciFunction(DEVICE)
      host.add(device, 1, 0, bridge)
      const bus = openPciBus(hal, hal.mapRegisters)
      expect(addressesOf(bus.rescan())).toEqual(['0000:00:00.0', '0000:00:03.0', '0000:07:01.0'])
      if (what === 'is gone') for (const gone of [device, bridge]) host.remove(gone)
      else bridge.write(0x18, 4, 0x00ffff00)
      expect(addressesOf(bus.rescan())).not.toContain('0000:07:01.0')
    },
  )

  it('numbers the buses when firmware has not, nested bridges included', () => {
    const { host, open } = createHierarchy()
    const outer = new FakePciFunction(BRIDGE)
    const inner = new FakePciFunction(BRIDGE)
    const other = new FakePciFunction(BRIDGE)
    host.add(outer, 2)
    host.add(inner, 4, 0, outer)
    host.add(new FakePciFunction(DEVICE), 5, 0, inner)
    host.add(other, 3)
    host.add(new FakePciFunction(DEVICE), 0, 0, other)
    const { functions } = open()
    expect(addressesOf(functions)).toEqual([
      '0000:00:00.0',
      '0000:00:02.0',
      '0000:01:04.0',
      '0000:02:05.0',
      '0000:00:03.0',
      '0000:03:00.0',
    ])
    expect([outer.secondaryBus, outer.subordinateBus]).toEqual([1, 2])
    expect([inner.secondaryBus, inner.subordinateBus]).toEqual([2, 2])
    expect([other.secondaryBus, other.subordinateBus]).toEqual([3, 3])
    expect(functions[3]!.parent).toBe(functions[2])
  })

  it('renumbers bridges whose numbers lead back to a bus already seen', () => {
    const { host, open } = createHierarchy()
    for (const device of [2, 3]) {
      const bridge = new FakePciFunction(BRIDGE)
      bridge.write(0x18, 4, 0x00010100)
      host.add(bridge, device)
    }
    expect(open().functions).toHaveLength(3)
  })

  it('finds the root buses of further host bridges, to which no bridge leads', () => {
    const { host, open } = createHierarchy()
    host.add(new FakePciFunction(SECOND_HOST_BRIDGE), 1)
    host.add(new FakePciFunction(SECOND_HOST_BRIDGE), 2)
    const port = new FakePciFunction(BRIDGE)
    port.write(0x18, 4, 0x00656564)
    host.addToRootBus(port, 100, 0)
    host.add(new FakePciFunction(DEVICE), 0, 0, port)
    host.addToRootBus(new FakePciFunction(DEVICE), 255, 31)
    const { functions } = open()
    expect(addressesOf(functions).slice(3)).toEqual([
      '0000:64:00.0',
      '0000:65:00.0',
      '0000:ff:1f.0',
    ])
    expect(functions[4]!.parent).toBe(functions[3])
  })

  it('numbers the buses behind each root bus below the next one when firmware has not', () => {
    const { host, open } = createHierarchy()
    host.add(new FakePciFunction(SECOND_HOST_BRIDGE), 1)
    const ports = [2, 3].map((device) => {
      const port = new FakePciFunction(BRIDGE)
      host.add(port, device)
      return port
    })
    const far = new FakePciFunction(BRIDGE)
    host.addToRootBus(far, 2, 0)
    for (const port of [...ports, far]) host.add(new FakePciFunction(DEVICE), 0, 0, port)
    // Bus 2 is taken: the second port of bus 0 stays closed.
    expect(addressesOf(open().functions)).toEqual([
      '0000:00:00.0',
      '0000:00:01.0',
      '0000:00:02.0',
      '0000:01:00.0',
      '0000:00:03.0',
      '0000:02:00.0',
      '0000:03:00.0',
    ])
  })

  it('does not look for further root buses where there is one host bridge: that takes milliseconds', () => {
    const { host, open } = createHierarchy()
    open()
    expect(host.configAccesses).toBeLessThan(100)
  })

  it('reaches configuration space by ports where there is no MCFG', () => {
    const hal = new FakeHal()
    const host = new FakePciHost(hal)
    host.attachPorts(hal)
    host.add(new FakePciFunction({ ...HOST_BRIDGE, deviceId: 0x1237 }), 0)
    host.add(new FakePciFunction({ ...DEVICE, bars: [{ index: 1, sizeBytes: 0x1000 }] }), 3)
    const bus = openPciBus(hal, hal.mapRegisters)
    expect(bus.configAccess).toBe('port')
    expect(bus.functions[1]!.memoryBars()[0]).toMatchObject({ sizeBytes: 0x1000 })
    expect(bus.functions[1]!.memoryBars()[0]!.physicalAddress).toBe(0xe0000000)
  })

  it('finds microvm, which has neither table nor ports, at its fixed address', () => {
    const hal = new FakeHal()
    const host = new FakePciHost(hal, 0xe0000000)
    host.add(new FakePciFunction({ vendorId: 0x1b36, deviceId: 8, classCode: 0x060000 }), 0)
    host.add(new FakePciFunction(DEVICE), 1)
    expect(openPciBus(hal, hal.mapRegisters).functions).toHaveLength(2)
  })

  it('says so when there is no PCI', () => {
    const hal = new FakeHal()
    const nothing = {
      decode: (address: number) => address - 0xe0000000,
      read: () => 0xffffffff,
      write: () => {},
    }
    hal.addMmio(nothing)
    expect(() => openPciBus(hal, hal.mapRegisters)).toThrow('Cannot find PCI')
  })
})

describe('capability lists', () => {
  function listOf(edit: (device: FakePciFunction) => void): number[] {
    const { host, open } = createHierarchy()
    const device = new FakePciFunction({
      ...DEVICE,
      capabilities: [
        { id: 1, body: [0, 0] },
        { id: 5, body: [0, 0] },
        { id: 9, body: [0, 0] },
      ],
    })
    edit(device)
    host.add(device, 1)
    return open()
      .functions[1]!.capabilities()
      .map((it) => it.id)
  }

  it('are walked in order', () => {
    expect(listOf(() => {})).toEqual([1, 5, 9])
  })

  it('that loop end where they meet themselves (V10)', () => {
    expect(listOf((device) => device.write(0x49, 1, 0x40))).toEqual([1, 5, 9])
    expect(listOf((device) => device.write(0x41, 1, 0x40))).toEqual([1])
  })

  it('that point into the header end there', () => {
    expect(listOf((device) => device.write(0x41, 1, 0x10))).toEqual([1])
  })

  it('are empty without the status bit', () => {
    expect(listOf((device) => device.write(6, 2, 0))).toEqual([])
  })
})

describe('base address registers', () => {
  it('are sized without losing what firmware wrote', () => {
    const { host, open } = createHierarchy()
    const device = new FakePciFunction({
      ...DEVICE,
      bars: [
        { index: 0, sizeBytes: 0x20 },
        { index: 1, sizeBytes: 0x100000 },
        { index: 4, sizeBytes: 0x4000, is64Bit: true },
      ],
    })
    device.setBarAddress(0, 0xfebc0000)
    device.setBarAddress(1, 0xfe800000)
    device.setBarAddress(4, 0xfe000000)
    device.command = 6
    host.add(device, 1)
    expect(open().functions[1]!.memoryBars()).toEqual([
      { index: 0, sizeBytes: 0x20, is64Bit: false, physicalAddress: 0xfebc0000 },
      { index: 1, sizeBytes: 0x100000, is64Bit: false, physicalAddress: 0xfe800000 },
      { index: 4, sizeBytes: 0x4000, is64Bit: true, physicalAddress: 0xfe000000 },
    ])
    expect(device.command).toBe(6)
    expect(device.barAddress(1)).toBe(0xfe800000)
  })

  it.each([
    ['q35', 0xb0000000, 0xc0000000, 0xfe000000],
    ['microvm', 0xe0000000, 0xc0000000, 0xe0000000],
  ])(
    'are assigned on %s where firmware left 0, aligned, apart and in the window',
    (_n, ecam, base, limit) => {
      const { host, open } = createHierarchy(ecam)
      const sizes = [0x1000, 0x4000, 0x100000, 0x20, 0x2000000]
      sizes.forEach((sizeBytes, i) => {
        host.add(
          new FakePciFunction({
            ...DEVICE,
            bars: [
              { index: 0, sizeBytes },
              { index: 2, sizeBytes: 0x4000, is64Bit: true },
            ],
          }),
          1 + i,
        )
      })
      const ranges = open()
        .functions.flatMap((it) => it.memoryBars())
        .map((bar) => ({ start: bar.physicalAddress, size: bar.sizeBytes }))
        .sort((a, b) => a.start - b.start)
      expect(ranges).toHaveLength(10)
      ranges.forEach(({ start, size }, i) => {
        expect(start % size).toBe(0)
        expect(start).toBeGreaterThanOrEqual(base)
        expect(start + size).toBeLessThanOrEqual(ranges[i + 1]?.start ?? limit)
      })
    },
  )

  it('stay clear of those that firmware assigned', () => {
    const { host, open } = createHierarchy()
    const placed = new FakePciFunction({ ...DEVICE, bars: [{ index: 0, sizeBytes: 0x10000 }] })
    placed.setBarAddress(0, 0xc0000000)
    placed.command = 2
    host.add(placed, 1)
    host.add(new FakePciFunction({ ...DEVICE, bars: [{ index: 0, sizeBytes: 0x1000 }] }), 2)
    const bars = open().functions.flatMap((it) => it.memoryBars())
    expect(bars.map((it) => it.physicalAddress)).toEqual([0xc0000000, 0xc0010000])
  })

  it('stay at 0 when they do not fit', () => {
    const { host, open } = createHierarchy()
    host.add(new FakePciFunction({ ...DEVICE, bars: [{ index: 0, sizeBytes: 0x40000000 }] }), 1)
    expect(open().functions[1]!.memoryBars()[0]!.physicalAddress).toBe(0)
  })

  it('before and after a bridge lie outside its window', () => {
    const { host, open } = createHierarchy()
    const bar = { index: 0, sizeBytes: 0x1000 }
    const bridge = new FakePciFunction({ ...BRIDGE, bars: [bar] })
    host.add(new FakePciFunction({ ...DEVICE, bars: [bar] }), 1)
    host.add(bridge, 2)
    host.add(new FakePciFunction({ ...DEVICE, bars: [bar] }), 0, 0, bridge)
    host.add(new FakePciFunction({ ...DEVICE, bars: [bar] }), 3)
    const addresses = open()
      .functions.flatMap((it) => it.memoryBars())
      .map((it) => it.physicalAddress)
    bridge.command = 6
    expect(addresses.map((it) => bridge.forwards(it))).toEqual([false, false, true, false])
  })

  it('behind a bridge lie in its window, and two bridges have windows apart', () => {
    const { host, open } = createHierarchy()
    const bridges = [2, 3].map((device) => {
      const bridge = new FakePciFunction(BRIDGE)
      host.add(bridge, device)
      host.add(
        new FakePciFunction({ ...DEVICE, bars: [{ index: 4, sizeBytes: 0x4000, is64Bit: true }] }),
        0,
        0,
        bridge,
      )
      return bridge
    })
    const bars = open().functions.flatMap((it) => it.memoryBars())
    expect(bars).toHaveLength(2)
    for (const it of bridges) it.command = 6
    bars.forEach((bar, i) => {
      expect(bridges[i]!.forwards(bar.physicalAddress)).toBe(true)
      expect(bridges[i]!.forwards(bar.physicalAddress + bar.sizeBytes - 1)).toBe(true)
      expect(bridges[1 - i]!.forwards(bar.physicalAddress)).toBe(false)
    })
  })
})

describe('interrupt lines', () => {
  it('follow the wiring of q35: PIRQ E..H for slots 0 to 24, A..D for most above', () => {
    const { host, open } = createHierarchy()
    for (const [device, pin] of [
      [1, 1],
      [2, 2],
      [24, 4],
      [25, 1],
      [30, 3],
      [31, 2],
    ] as const) {
      host.add(new FakePciFunction({ ...DEVICE, interruptPin: pin }), device)
    }
    const bus = open()
    const inputs = bus.functions.slice(1).map((it) => bus.interruptLines.globalInterruptOf(it))
    expect(inputs).toEqual([21, 23, 23, 16, 22, 17])
  })

  it('rotate the pin by the device number at each bridge', () => {
    const { host, open } = createHierarchy()
    const bridge = new FakePciFunction(BRIDGE)
    host.add(bridge, 3)
    host.add(new FakePciFunction({ ...DEVICE, interruptPin: 1 }), 2, 0, bridge)
    const bus = open()
    // Pin A of device 2 is pin C of the bridge; slot 3 pin C is PIRQ (3 + 2) mod 4 of E..H.
    expect(bus.interruptLines.globalInterruptOf(bus.functions[2]!)).toBe(21)
  })

  it('follow the wiring of microvm', () => {
    const machine = createFakeMachine({ firmware: 'microvm' })
    const bus = openPciBus(machine.hal, machine.hal.mapRegisters)
    expect(bus.interruptLines.globalInterruptOf(bus.functions[1]!)).toBe(18)
  })

  it('are unknown on other machines and without a pin', () => {
    const hal = new FakeHal()
    const host = new FakePciHost(hal)
    host.attachPorts(hal)
    host.add(new FakePciFunction({ ...HOST_BRIDGE, deviceId: 0x1237 }), 0)
    host.add(new FakePciFunction(DEVICE), 3)
    const bus = openPciBus(hal, hal.mapRegisters)
    expect(bus.functions.map((it) => bus.interruptLines.globalInterruptOf(it))).toEqual([-1, -1])
  })

  it('call every function that shares one, then unmask it', () => {
    const machine = createFakeMachine()
    const { hal, interrupts, host } = machine
    host.add(new FakePciFunction(DEVICE), 6)
    const bus = openPciBus(hal, hal.mapRegisters)
    const sharing = bus.functions.filter((it) => it.device === 2 || it.device === 6)
    const calls: string[] = []
    for (const it of sharing) {
      const vector = bus.interruptLines.attach(it, interrupts, () => {
        calls.push(it.address)
        hal.setLine(22, false)
      })
      expect(vector, 'one vector for all').toBe(0)
    }
    expect(interrupts.names).toEqual(['PCI interrupt line 22'])
    hal.setLine(22, true)
    expect(interrupts.dispatch()).toBe(1)
    expect(calls).toEqual(['0000:00:02.0', '0000:00:06.0'])
    hal.setLine(22, true)
    expect(interrupts.dispatch()).toBe(1)
    expect(calls).toHaveLength(4)
  })
})
