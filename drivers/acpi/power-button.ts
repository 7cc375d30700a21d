/**
 * The power button: a fixed event of q35 and pc (ACPI 6.5 §4.8.3.1), an event of microvm's generic
 * event device.
 */
import type { Hal } from '../hal.ts'
import type { InterruptRegistry } from '../interrupt-registry.ts'
import { type MapRegisters, mapRegistersThrough } from '../pci/registers.ts'
import {
  dsdtHolds,
  type FixedDescription,
  findInterruptInput,
  readFixedDescription,
} from './fixed-description.ts'

/** PM1 status and enable registers (§4.8.3.1.1, §4.8.3.1.2). */
const PM1_POWER_BUTTON = 1 << 8
/** PM1 control register (§4.8.3.2.1): events make interrupts, no SMIs. */
const PM1_CONTROL_SCI_ENABLE = 1
/** Turning ACPI mode on is firmware's work; QEMU's is done at once. */
const ENABLE_TIMEOUT_NS = 100_000_000

/**
 * What only AML would tell of a generic event device (§5.6.9) is fixed in QEMU (7.2:
 * hw/i386/microvm.c, hw/acpi/generic_event_device.c). Its sleep register, which the FADT names,
 * lies 0x200 behind the selector.
 */
const MICROVM_EVENT_SELECTOR = 0xfea00000
const MICROVM_SLEEP_CONTROL = MICROVM_EVENT_SELECTOR + 0x200
const MICROVM_EVENT_INTERRUPT = 9
const EVENT_POWER_DOWN = 2
/** A generic event device and a power button. */
const MICROVM_DSDT_NAMES = ['ACPI0013', 'PNP0C0C']

/** Interrupts in a row without a press: another device holds the line, which then stays masked. */
const STRAY_INTERRUPT_LIMIT = 1000

export interface PowerButton {
  /** For the log. */
  readonly description: string
  /** Why presses do not come; the empty string when they do. */
  readonly problem: string
}

export interface PowerButtonOptions {
  readonly hal: Hal
  readonly interrupts: InterruptRegistry
  /** Called from the event loop, once a press. */
  readonly onPress: () => void
  readonly mapRegisters?: MapRegisters
}

/**
 * Null when the machine names none that can be used without interpreting AML.
 */
export function openPowerButton(options: PowerButtonOptions): PowerButton | null {
  const { hal } = options
  const fixed = readFixedDescription(hal)
  if (fixed === null) return null
  if (isMicrovm(hal, fixed)) return openEventDevice(options)
  const canUse = fixed.hasFixedPowerButton && fixed.pm1EventPort !== 0 && fixed.pm1EventBytes >= 4
  return canUse ? openFixedButton(options, fixed) : null
}

function isMicrovm(hal: Hal, fixed: FixedDescription): boolean {
  return (
    fixed.isHardwareReduced &&
    fixed.sleepControlAddress === MICROVM_SLEEP_CONTROL &&
    dsdtHolds(hal, fixed.dsdtAddress, MICROVM_DSDT_NAMES)
  )
}

/** §4.8.2.1; true when it is on. */
function enableAcpiMode(hal: Hal, fixed: FixedDescription): boolean {
  const { pm1ControlPort, smiCommandPort, acpiEnable } = fixed
  const isOn = () => (hal.portRead16(pm1ControlPort) & PM1_CONTROL_SCI_ENABLE) !== 0
  if (pm1ControlPort === 0 || smiCommandPort === 0 || acpiEnable === 0 || isOn()) return true
  hal.portWrite8(smiCommandPort, acpiEnable)
  const deadlineNs = hal.monotonicNs() + ENABLE_TIMEOUT_NS
  while (!isOn()) {
    if (hal.monotonicNs() >= deadlineNs) return false
  }
  return true
}

function openFixedButton(options: PowerButtonOptions, fixed: FixedDescription): PowerButton {
  const { hal } = options
  const { globalInterrupt, isActiveHigh } = findInterruptInput(hal, fixed.sciInterrupt)
  const description = `fixed, ACPI interrupt ${globalInterrupt}`
  if (!enableAcpiMode(hal, fixed)) return { description, problem: 'ACPI mode does not come on' }
  const statusPort = fixed.pm1EventPort
  // §4.8.3.1: the enable register is the second half of the block. All other fixed events stay off.
  const enablePort = statusPort + (fixed.pm1EventBytes >> 1)
  const take = () => {
    if ((hal.portRead16(statusPort) & PM1_POWER_BUTTON) === 0) return false
    // Status bits are cleared by writing ones.
    hal.portWrite16(statusPort, PM1_POWER_BUTTON)
    return true
  }
  take()
  const problem = route(options, globalInterrupt, isActiveHigh, take)
  if (problem === '') hal.portWrite16(enablePort, PM1_POWER_BUTTON)
  return { description, problem }
}

function openEventDevice(options: PowerButtonOptions): PowerButton {
  const { hal, mapRegisters = mapRegistersThrough(hal) } = options
  const { words } = mapRegisters(MICROVM_EVENT_SELECTOR, 4)
  // Reading the selector clears it.
  const take = () => (words[0]! & EVENT_POWER_DOWN) !== 0
  take()
  return {
    description: `generic event device, interrupt ${MICROVM_EVENT_INTERRUPT}`,
    problem: route(options, MICROVM_EVENT_INTERRUPT, true, take),
  }
}

/** What is in the way; the empty string when the interrupt comes. */
function route(
  options: PowerButtonOptions,
  globalInterrupt: number,
  isActiveHigh: boolean,
  take: () => boolean,
): string {
  const { hal, interrupts, onPress } = options
  if (interrupts.freeCount === 0) return 'all interrupt vectors are taken'
  let strayInterrupts = 0
  const vector = interrupts.register('ACPI events', () => {
    if (take()) {
      strayInterrupts = 0
      onPress()
    } else if (++strayInterrupts === STRAY_INTERRUPT_LIMIT) {
      return
    }
    hal.unmaskInterruptLine(globalInterrupt)
    // The generic event device pulses its line: what came while it was masked left its event, but
    // no interrupt.
    if (take()) onPress()
  })
  try {
    hal.routeInterruptLine(globalInterrupt, vector, isActiveHigh)
    return ''
  } catch {
    interrupts.unregister(vector)
    return 'no I/O APIC has its interrupt'
  }
}
