/**
 * Device registers as arrays of their natural widths: one element access is one bus access of that
 * width.
 */
import type { Hal } from '../hal.ts'

/**
 * What drivers need of Uint8Array, Uint16Array and Uint32Array over MMIO; tests put a device behind
 * it.
 */
export interface Registers {
  readonly length: number
  [index: number]: number
}

export interface RegisterWindow {
  readonly bytes: Registers
  readonly halves: Registers
  readonly words: Registers
}

/** Maps `lengthBytes` of device registers from a four-byte-aligned physical address on. */
export type MapRegisters = (physicalAddress: number, lengthBytes: number) => RegisterWindow

export function mapRegistersThrough(hal: Hal): MapRegisters {
  assertLittleEndian()
  return (physicalAddress, lengthBytes) => {
    const buffer = hal.mapMemory(physicalAddress, (lengthBytes + 3) & ~3)
    return {
      bytes: new Uint8Array(buffer),
      halves: new Uint16Array(buffer),
      words: new Uint32Array(buffer),
    }
  }
}

/**
 * Rings and registers are little-endian and read through typed arrays, which use the CPU's order.
 */
function assertLittleEndian(): void {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) {
    throw new Error('Cannot drive PCI devices: the CPU is big-endian')
  }
}
