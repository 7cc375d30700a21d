/**
 * Devices on virtio-mmio: where they are found, that the driver's contract holds, and what is
 * refused (virtio 1.4 §4.2).
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SharedInterruptLines } from '../../../../drivers/shared-interrupt-lines.ts'
import {
  findMmioDevices,
  MAX_MMIO_WINDOWS,
  parseMmioWindow,
} from '../../../../drivers/virtio/mmio-devices.ts'
import { MmioTransport } from '../../../../drivers/virtio/mmio-transport.ts'
import { layoutTables, tableAddress } from '../../../fakes/fake-acpi.ts'
import { buildTcpFrame } from '../../../fakes/fake-frames.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'
import { createFakeMachine } from '../../../fakes/fake-machine.ts'
import {
  createReceivedFrame,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../fakes/open-devices.ts'

const TABLES = 0xe0000
const MAGIC = 0x74726976

afterEach(() => useRingFormat('split'))

/** Registers of windows of a microvm: the device type behind each address, 0 = empty. */
function machineWith(types: Readonly<Record<number, number>>) {
  return (physicalAddress: number) => {
    const type = types[physicalAddress]
    const words = new Uint32Array(128)
    if (type !== undefined) words.set([MAGIC, 2, type])
    return { bytes: words, halves: words, words }
  }
}

/** A device in AML as QEMU writes it: identifier, number, resources. */
function amlDevice(address: number, interrupt: number): number[] {
  const le = (value: number) => [
    value & 0xff,
    (value >> 8) & 0xff,
    (value >> 16) & 0xff,
    value >>> 24,
  ]
  return [
    ...[...'VR00_HID'].map((it) => it.charCodeAt(0)),
    0x0d,
    ...[...'LNRO0005'].map((it) => it.charCodeAt(0)),
    ...[0, 0x08, 0x5f, 0x43, 0x52, 0x53, 0x11, 0x1a, 0x0a, 0x17],
    ...[0x86, 9, 0, 1, ...le(address), ...le(512)],
    ...[0x89, 6, 0, 1, 1, ...le(interrupt), 0x79, 0],
  ]
}

function halWithAml(bytes: readonly number[]): FakeHal {
  const hal = new FakeHal({ acpiRootPointer: TABLES })
  const dsdt = tableAddress(TABLES, 1)
  hal.addFirmware(
    TABLES,
    layoutTables(TABLES, [
      { signature: 'FACP', lengthBytes: 116, fill: (view) => view.setUint32(40, dsdt, true) },
      {
        signature: 'DSDT',
        lengthBytes: 36 + bytes.length,
        fill: (view) => new Uint8Array(view.buffer, view.byteOffset).set(bytes, 36),
      },
    ]),
  )
  return hal
}

describe('a window', () => {
  it.each([
    ['512@0xfeb00e00:12', { physicalAddress: 0xfeb00e00, globalInterrupt: 12 }],
    ['0x200@0xfeb00e00:12:7', { physicalAddress: 0xfeb00e00, globalInterrupt: 12 }],
    ['4K@4273999360:5', { physicalAddress: 4273999360, globalInterrupt: 5 }],
    ['', null],
    ['512@0xfeb00e01:12', null],
    ['512@0xfeb00e00', null],
    ['512:12', null],
    [`512@0x${'f'.repeat(20)}:1`, null],
  ])('on the command line is written as Linux has it: %j', (text, window) => {
    expect(parseMmioWindow(text)).toEqual(window)
  })

  it('named there is a device when there is one behind it, the first given first (QEMU fills from the top)', () => {
    const windows = [0x1000, 0x1200, 0x1400].map((physicalAddress, i) => ({
      physicalAddress,
      globalInterrupt: i,
    }))
    const found = findMmioDevices(
      new FakeHal(),
      machineWith({ 4096: 4, 4608: 0, 5120: 1 }),
      windows,
      false,
    )
    expect(found).toEqual([
      { physicalAddress: 0x1400, globalInterrupt: 2, deviceType: 1 },
      { physicalAddress: 0x1000, globalInterrupt: 0, deviceType: 4 },
    ])
  })

  it('is found in ACPI by its identifier, with the interrupt that stands behind it', () => {
    const hal = halWithAml([...amlDevice(0x1000, 24), 1, 2, 3, ...amlDevice(0x1200, 25)])
    expect(findMmioDevices(hal, machineWith({ 4096: 1, 4608: 4 }), [], false)).toEqual([
      { physicalAddress: 0x1200, globalInterrupt: 25, deviceType: 4 },
      { physicalAddress: 0x1000, globalInterrupt: 24, deviceType: 1 },
    ])
  })

  it('named twice is one device', () => {
    const hal = halWithAml(amlDevice(0x1000, 24))
    const named = [{ physicalAddress: 0x1000, globalInterrupt: 12 }]
    expect(findMmioDevices(hal, machineWith({ 4096: 1 }), named, true)).toHaveLength(1)
  })

  it('that nobody names is looked for where a microvm has them, and polled', () => {
    const found = findMmioDevices(new FakeHal(), machineWith({ 4272958976: 1 }), [], true)
    expect(found).toEqual([{ physicalAddress: 0xfeb02e00, globalInterrupt: -1, deviceType: 1 }])
    expect(findMmioDevices(new FakeHal(), machineWith({ 4272958976: 1 }), [], false)).toEqual([])
  })

  it('is never found by reading outside of a table, whatever AML holds, and not without limit', () => {
    const piece = fc.oneof(
      fc.constant(amlDevice(0x1000, 24)),
      fc.constant(amlDevice(0x1200, 25).slice(0, 30)),
      fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const found = findMmioDevices(
          halWithAml(pieces.flat()),
          machineWith({ 4096: 1 }),
          [],
          false,
        )
        for (const { deviceType } of found) expect(deviceType).toBe(1)
      }),
    )
    const many = Array.from({ length: 1000 }, (_, i) => ({
      physicalAddress: 4 * i,
      globalInterrupt: 0,
    }))
    const all = Object.fromEntries(many.map((it) => [it.physicalAddress, 1]))
    expect(findMmioDevices(new FakeHal(), machineWith(all), many, false)).toHaveLength(
      MAX_MMIO_WINDOWS,
    )
  })
})

describe('MmioTransport', () => {
  beforeEach(() => useDeviceKind('split ring on virtio-mmio'))

  it('drives a network device with the line as its interrupt, and says where it is', () => {
    const open = openNet()
    expect(open.net.describe()).toMatchObject({
      ...{ pciAddress: 'mmio 0xfeb02e00', interruptMode: 'intx', deviceId: 1 },
    })
    expect(open.interrupts.names).toEqual(['virtio-net mmio 0xfeb02e00'])
    open.net.armInterrupts()
    open.device.deliver(buildTcpFrame({ payloadLength: 10 }).bytes)
    expect(open.interrupts.dispatch()).toBe(1)
    // Acknowledged and unmasked: the next one comes.
    const frame = createReceivedFrame()
    expect(open.net.rx.receive(frame)).toBe(true)
    open.net.rx.release(frame)
    open.net.armInterrupts()
    open.device.deliver(buildTcpFrame({ payloadLength: 10 }).bytes)
    expect(open.interrupts.dispatch()).toBe(1)
    expect(open.hal.interruptCounters[0]).toBe(2)
  })

  it('keeps the order of §3.1.1', () => {
    expect(openNet().device.statusWrites).toEqual([0, 1, 3, 11, 15])
  })

  it('is polled where no line is left for it', () => {
    const { net } = openNet({ hal: { vectorCount: 0 } })
    expect(net.describe().interruptMode).toBe('polled')
    expect(net.mustPoll).toBe(true)
  })

  it('takes a change of the link by its line', () => {
    const open = openNet()
    open.device.setLink(false)
    open.interrupts.dispatch()
    open.net.rx.receive(createReceivedFrame())
    expect(open.net.link.isUp).toBe(false)
  })

  it('resets a device that lies, and goes on', () => {
    const open = openNet()
    open.device.requestReset()
    open.interrupts.dispatch()
    open.net.rx.receive(createReceivedFrame())
    expect(open.net.statistics.deviceResets).toBe(1)
    expect(open.net.link.isUp).toBe(true)
  })

  it('has no features from bit 64 on: QEMU answers with the first word again', () => {
    const { net } = openNet({ extraFeatureBits: [71] })
    expect(net.describe().offered).not.toContain('bit 71')
  })

  it.each([
    [1, /legacy interface only; start QEMU with -global virtio-mmio\.force-legacy=false$/],
    [3, /its version is 3, not 2$/],
  ])('refuses version %i with the next step', (version, message) => {
    const { hal, device } = createFakeMachine({ isMmio: true })
    device.mmio!.version = version
    const found = { deviceType: 1, physicalAddress: 0xfeb02e00, globalInterrupt: 12 }
    const open = () =>
      new MmioTransport(hal, hal.mapRegisters, new SharedInterruptLines(hal), found)
    expect(open).toThrow(message)
  })
})
