/**
 * PCI configuration space: by memory (ECAM, PCI Express 7.2.2) or by ports 0xcf8 and 0xcfc (PCI 3.0
 * §3.2.2.3.2).
 */
import type { Hal } from '../hal.ts'
import type { MapRegisters, RegisterWindow } from './registers.ts'

/** Functions are named by their routing id: bus << 8 | device << 3 | function. */
export interface ConfigSpace {
  readonly access: 'ecam' | 'port'
  /** Buses that can be reached. */
  readonly lastBus: number
  read8(routingId: number, offset: number): number
  read16(routingId: number, offset: number): number
  read32(routingId: number, offset: number): number
  write8(routingId: number, offset: number, value: number): void
  write16(routingId: number, offset: number, value: number): void
  write32(routingId: number, offset: number, value: number): void
}

export interface EcamRegion {
  /** Physical address of bus `firstBus`'s configuration space. */
  readonly physicalAddress: number
  readonly firstBus: number
  readonly lastBus: number
}

const BUS_BYTES = 1 << 20

export class EcamConfigSpace implements ConfigSpace {
  readonly access = 'ecam'
  readonly lastBus: number
  private readonly region: EcamRegion
  private readonly mapRegisters: MapRegisters
  private readonly buses: (RegisterWindow | undefined)[] = []

  constructor(region: EcamRegion, mapRegisters: MapRegisters) {
    this.region = region
    this.lastBus = region.lastBus
    this.mapRegisters = mapRegisters
  }

  read8(routingId: number, offset: number): number {
    return this.busOf(routingId).bytes[index(routingId, offset)]!
  }

  read16(routingId: number, offset: number): number {
    return this.busOf(routingId).halves[index(routingId, offset) >> 1]!
  }

  read32(routingId: number, offset: number): number {
    return this.busOf(routingId).words[index(routingId, offset) >> 2]!
  }

  write8(routingId: number, offset: number, value: number): void {
    this.busOf(routingId).bytes[index(routingId, offset)] = value
  }

  write16(routingId: number, offset: number, value: number): void {
    this.busOf(routingId).halves[index(routingId, offset) >> 1] = value
  }

  write32(routingId: number, offset: number, value: number): void {
    this.busOf(routingId).words[index(routingId, offset) >> 2] = value
  }

  /** Buses are mapped when first used: most of the 256 do not exist. */
  private busOf(routingId: number): RegisterWindow {
    const bus = routingId >> 8
    let window = this.buses[bus]
    if (window === undefined) {
      const { physicalAddress, firstBus, lastBus } = this.region
      if (bus < firstBus || bus > lastBus) {
        throw new RangeError(`Cannot reach PCI bus ${bus}: ECAM holds ${firstBus} to ${lastBus}`)
      }
      window = this.mapRegisters(physicalAddress + (bus - firstBus) * BUS_BYTES, BUS_BYTES)
      this.buses[bus] = window
    }
    return window
  }
}

function index(routingId: number, offset: number): number {
  return ((routingId & 0xff) << 12) | offset
}

const ADDRESS_PORT = 0xcf8
const DATA_PORT = 0xcfc

export class PortConfigSpace implements ConfigSpace {
  readonly access = 'port'
  readonly lastBus = 255
  private readonly hal: Hal

  constructor(hal: Hal) {
    this.hal = hal
  }

  /** True when a host bridge answers: machines without the ports read all ones. */
  static isPresent(hal: Hal): boolean {
    hal.portWrite32(ADDRESS_PORT, 0x80000000)
    return hal.portRead32(ADDRESS_PORT) === 0x80000000
  }

  read8(routingId: number, offset: number): number {
    this.select(routingId, offset)
    return this.hal.portRead8(DATA_PORT + (offset & 3))
  }

  read16(routingId: number, offset: number): number {
    this.select(routingId, offset)
    return this.hal.portRead16(DATA_PORT + (offset & 2))
  }

  read32(routingId: number, offset: number): number {
    this.select(routingId, offset)
    return this.hal.portRead32(DATA_PORT)
  }

  write8(routingId: number, offset: number, value: number): void {
    this.select(routingId, offset)
    this.hal.portWrite8(DATA_PORT + (offset & 3), value)
  }

  write16(routingId: number, offset: number, value: number): void {
    this.select(routingId, offset)
    this.hal.portWrite16(DATA_PORT + (offset & 2), value)
  }

  write32(routingId: number, offset: number, value: number): void {
    this.select(routingId, offset)
    this.hal.portWrite32(DATA_PORT, value)
  }

  private select(routingId: number, offset: number): void {
    this.hal.portWrite32(ADDRESS_PORT, 0x80000000 + (routingId << 8) + (offset & 0xfc))
  }
}
