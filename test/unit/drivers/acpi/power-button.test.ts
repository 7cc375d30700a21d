/**
 * The ACPI power button on machines like QEMU's q35 and microvm, and on those that have none or
 * tell lies.
 */
import { describe, expect, it } from 'vitest'
import { openPowerButton } from '../../../../drivers/acpi/power-button.ts'
import { type FakeTable, layoutTables, tableAddress } from '../../../fakes/fake-acpi.ts'
import { FakeHal, type FakeHalOptions } from '../../../fakes/fake-hal.ts'
import { FakeInterrupts } from '../../../fakes/fake-interrupts.ts'

const TABLES = 0x3fe0000
const PM1_EVENT = 0x600
const PM1_CONTROL = 0x604
const SMI_COMMAND = 0xb2
const POWER_BUTTON = 0x100
const SELECTOR = 0xfea00000
/** The FADT is the first table, the DSDT the third. */
const DSDT_INDEX = 2

interface FadtOptions {
  readonly flags?: number
  readonly lengthBytes?: number
  readonly acpiEnable?: number
  readonly sleepControl?: number
  readonly pm1Event?: number
}

function fadt(options: FadtOptions = {}): FakeTable {
  const lengthBytes = options.lengthBytes ?? 268
  return {
    signature: 'FACP',
    lengthBytes,
    fill(view) {
      view.setUint32(40, tableAddress(TABLES, DSDT_INDEX), true)
      view.setUint16(46, 9, true)
      view.setUint32(48, SMI_COMMAND, true)
      view.setUint8(52, options.acpiEnable ?? 2)
      view.setUint32(56, options.pm1Event ?? PM1_EVENT, true)
      view.setUint32(64, PM1_CONTROL, true)
      view.setUint8(88, 4)
      if (lengthBytes >= 116) view.setUint32(112, options.flags ?? 0x20, true)
      if (options.sleepControl === undefined) return
      view.setUint8(244, 0)
      view.setUint32(248, options.sleepControl, true)
    },
  }
}

/** The machine's local interrupt 9 on input `input`, polarity and trigger as `flags` say. */
function madt(input: number, flags: number): FakeTable {
  return {
    signature: 'APIC',
    lengthBytes: 44 + 8 + 10,
    fill(view) {
      view.setUint16(44, 0x0800, true) // A local APIC, which is passed over.
      view.setUint16(52, 0x0a02, true)
      view.setUint8(55, 9)
      view.setUint32(56, input, true)
      view.setUint16(60, flags, true)
    },
  }
}

function dsdt(contents: string): FakeTable {
  return {
    signature: 'DSDT',
    lengthBytes: 36 + contents.length,
    fill(view) {
      for (let i = 0; i < contents.length; i++) view.setUint8(36 + i, contents.charCodeAt(i))
    },
  }
}

const MICROVM_DSDT = dsdt('..GED._HID.ACPI0013..PWRB._HID.PNP0C0C.')
const MICROVM_FADT = fadt({ flags: 1 << 20, sleepControl: SELECTOR + 0x200, pm1Event: 0 })

/**
 * Power management as QEMU's: the line follows status and enable; ACPI mode comes by the command
 * port.
 */
class FakePm1 {
  status = 0
  enable = 0
  control = 0
  readonly commands: number[] = []
  answersCommands = true
  private readonly hal: FakeHal
  private readonly line: number

  constructor(hal: FakeHal, line: number) {
    this.hal = hal
    this.line = line
    hal.addPorts({
      first: PM1_EVENT,
      last: PM1_CONTROL + 1,
      read: (port) => {
        if (port === PM1_EVENT) return this.status
        return port === PM1_EVENT + 2 ? this.enable : this.control
      },
      write: (port, widthBytes, value) => {
        expect(widthBytes).toBe(2)
        if (port === PM1_EVENT) this.status &= ~value
        else if (port === PM1_EVENT + 2) this.enable = value
        this.update()
      },
    })
    hal.addPorts({
      first: SMI_COMMAND,
      last: SMI_COMMAND,
      read: () => 0,
      write: (_port, _widthBytes, value) => {
        this.commands.push(value)
        if (this.answersCommands) this.control |= 1
      },
    })
  }

  /** QEMU takes no note of a button that nobody asked for. */
  press(): void {
    if ((this.enable & POWER_BUTTON) !== 0) this.status |= POWER_BUTTON
    this.update()
  }

  private update(): void {
    this.hal.setLine(this.line, (this.status & this.enable) !== 0)
  }
}

function machine(tables: readonly FakeTable[], options: FakeHalOptions = {}) {
  const hal = new FakeHal({ acpiRootPointer: TABLES, ...options })
  hal.addFirmware(TABLES, layoutTables(TABLES, tables))
  const interrupts = new FakeInterrupts(hal)
  let presses = 0
  const open = () =>
    openPowerButton({
      hal,
      interrupts,
      mapRegisters: hal.mapRegisters,
      onPress: () => {
        presses++
      },
    })
  return { hal, interrupts, open, presses: () => presses }
}

describe('the fixed power button (ACPI 6.5 §4.8.3.1)', () => {
  const q35 = (input = 9) => {
    const parts = machine([fadt(), madt(input, 0xd)])
    return { ...parts, pm1: new FakePm1(parts.hal, input) }
  }

  it('is told once a press, and again after it was taken', () => {
    const { open, pm1, interrupts, presses } = q35()
    expect(open()).toEqual({ description: 'fixed, ACPI interrupt 9', problem: '' })
    interrupts.dispatch()
    expect(presses()).toBe(0)
    for (let count = 1; count <= 3; count++) {
      pm1.press()
      expect(interrupts.dispatch()).toBe(1)
      expect(presses()).toBe(count)
      expect(pm1.status, 'the event is cleared').toBe(0)
      expect(interrupts.dispatch(), 'the line is quiet').toBe(0)
    }
  })

  it('has its interrupt where the MADT routes it', () => {
    const { open, pm1, interrupts, presses } = q35(20)
    open()
    pm1.press()
    interrupts.dispatch()
    expect(presses()).toBe(1)
  })

  it('switches ACPI mode on when it is off, and enables nothing but the button', () => {
    const { open, pm1 } = q35()
    pm1.enable = 0x421
    open()
    expect(pm1.commands).toEqual([2])
    expect(pm1.enable).toBe(POWER_BUTTON)

    const again = q35()
    again.pm1.control = 1
    again.open()
    expect(again.pm1.commands).toEqual([])
  })

  it('does not take a press of before the boot for one', () => {
    const { open, pm1, interrupts, presses } = q35()
    pm1.status = POWER_BUTTON
    open()
    interrupts.dispatch()
    expect(presses()).toBe(0)
  })

  it('is given up when ACPI mode does not come on in time', () => {
    const { open, pm1 } = q35()
    pm1.answersCommands = false
    expect(open()?.problem).toBe('ACPI mode does not come on')
    expect(pm1.enable).toBe(0)
  })

  it('leaves a line masked that another device holds', () => {
    const { open, hal, interrupts, presses } = q35()
    open()
    hal.setLine(9, true)
    let rounds = 0
    while (interrupts.dispatch() > 0 && rounds < 5000) rounds++
    expect(rounds).toBe(1000)
    expect(presses()).toBe(0)
  })

  it.each([
    ['a machine without ACPI', [madt(9, 0xd)]],
    ['a FADT that ends before its flags', [fadt({ lengthBytes: 100 }), madt(9, 0xd)]],
    ['a button that is a device of its own', [fadt({ flags: 0x10 }), madt(9, 0xd)]],
    ['no event block', [fadt({ pm1Event: 0 }), madt(9, 0xd)]],
    ['an event block that is no port', [fadt({ pm1Event: 0x10000 }), madt(9, 0xd)]],
  ])('is not there on %s', (_title, tables) => {
    const { open, hal } = machine(tables)
    new FakePm1(hal, 9)
    expect(open()).toBeNull()
  })

  it('is there and not heard when no vector is left', () => {
    const { open, hal } = machine([fadt(), madt(9, 0xd)], { vectorCount: 0 })
    const pm1 = new FakePm1(hal, 9)
    expect(open()).toEqual({
      description: 'fixed, ACPI interrupt 9',
      problem: 'all interrupt vectors are taken',
    })
    expect(pm1.enable).toBe(0)
  })

  it('keeps no vector when no I/O APIC has its input', () => {
    const { open, hal, interrupts } = machine([fadt(), madt(200, 0xd)])
    new FakePm1(hal, 9)
    expect(open()?.problem).toBe('no I/O APIC has its interrupt')
    expect(interrupts.names).toEqual([])
  })
})

describe('the power button of the generic event device (ACPI 6.5 §5.6.9, as QEMU makes it)', () => {
  /** The device pulses its line: what comes while it is masked makes no interrupt. */
  const microvm = (tables: readonly FakeTable[] = [MICROVM_FADT, madt(9, 0xd), MICROVM_DSDT]) => {
    const parts = machine(tables)
    let selector = 0
    let reads = 0
    parts.hal.addMmio({
      decode: (address) => (address === SELECTOR ? 0 : -1),
      read(_offset, widthBytes) {
        expect(widthBytes).toBe(4)
        reads++
        const value = selector
        selector = 0
        return value
      },
      write() {},
    })
    const raise = (event: number) => {
      selector |= event
      parts.hal.setLine(9, true)
      parts.hal.setLine(9, false)
    }
    return { ...parts, raise, reads: () => reads }
  }

  it('is told once a press', () => {
    const { open, raise, interrupts, presses } = microvm()
    expect(open()?.description).toContain('generic event device')
    raise(2)
    interrupts.dispatch()
    interrupts.dispatch()
    expect(presses()).toBe(1)
    raise(2)
    interrupts.dispatch()
    expect(presses()).toBe(2)
  })

  it('ignores the other events of the device', () => {
    const { open, raise, interrupts, presses } = microvm()
    open()
    raise(1)
    interrupts.dispatch()
    expect(presses()).toBe(0)
    raise(2 | 8)
    interrupts.dispatch()
    expect(presses()).toBe(1)
  })

  it('misses no press that comes while the line is masked', () => {
    const { open, raise, interrupts, presses } = microvm()
    open()
    raise(1)
    raise(2)
    interrupts.dispatch()
    raise(2)
    interrupts.dispatch()
    expect(presses()).toBe(2)
  })

  it.each([
    [
      'another sleep register',
      [fadt({ flags: 1 << 20, sleepControl: 0xfeb00200 }), madt(9, 0xd), MICROVM_DSDT],
    ],
    ['no such device in the DSDT', [MICROVM_FADT, madt(9, 0xd), dsdt('PNP0C0C')]],
    ['no power button in the DSDT', [MICROVM_FADT, madt(9, 0xd), dsdt('ACPI0013 ACPI0013')]],
  ])('is not looked for on a machine that is no microvm: %s', (_title, tables) => {
    const { open, reads } = microvm(tables)
    expect(open()).toBeNull()
    expect(reads()).toBe(0)
  })
})
