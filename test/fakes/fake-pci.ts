/**
 * A PCI hierarchy for tests: configuration space by ECAM or ports, BAR decoding through bridges,
 * and the ACPI tables to find it.
 */
import type { FakeHal, MmioRegion } from './fake-hal.ts'
import { Violation } from './violation.ts'

export interface FakeBar {
  readonly index: number
  readonly sizeBytes: number
  readonly is64Bit?: boolean
  /** What is behind it; absent = memory that nobody looks at. */
  readonly read?: (offset: number, widthBytes: number) => number
  readonly write?: (offset: number, widthBytes: number, value: number) => void
}

export interface FakePciFunctionOptions {
  readonly vendorId: number
  readonly deviceId: number
  readonly classCode?: number
  readonly bars?: readonly FakeBar[]
  readonly interruptPin?: number
  readonly multiFunction?: boolean
  readonly isBridge?: boolean
  /** Capability bodies after id and next pointer, in list order, placed from 0x40 on. */
  readonly capabilities?: readonly { readonly id: number; readonly body: readonly number[] }[]
}

const ALL_ONES = [0, 0xff, 0xffff, 0, 0xffffffff]

export class FakePciFunction {
  readonly config = new Uint8Array(4096)
  readonly options: FakePciFunctionOptions
  readonly capabilityOffsets: number[] = []
  private readonly view = new DataView(this.config.buffer)

  constructor(options: FakePciFunctionOptions) {
    this.options = options
    const { view } = this
    view.setUint16(0x00, options.vendorId, true)
    view.setUint16(0x02, options.deviceId, true)
    view.setUint32(0x08, (options.classCode ?? 0x020000) << 8, true)
    view.setUint8(0x0e, (options.isBridge ? 1 : 0) | (options.multiFunction ? 0x80 : 0))
    view.setUint8(0x3d, options.interruptPin ?? 0)
    for (const bar of options.bars ?? []) {
      if (bar.is64Bit) view.setUint32(0x10 + bar.index * 4, 4, true)
    }
    this.placeCapabilities()
  }

  read(offset: number, widthBytes: number): number {
    if (widthBytes === 1) return this.view.getUint8(offset)
    if (widthBytes === 2) return this.view.getUint16(offset, true)
    return this.view.getUint32(offset, true)
  }

  write(offset: number, widthBytes: number, value: number): void {
    const bar = this.barAt(offset)
    if (bar !== null) {
      if (widthBytes !== 4) throw new Violation(`BAR written with ${widthBytes} bytes`)
      this.writeBar(offset, bar, value)
      return
    }
    if (offset >= 0x10 && offset < (this.options.isBridge ? 0x18 : 0x28)) return
    if (offset < 0x04 || (offset >= 0x08 && offset < 0x10)) return
    if (widthBytes === 1) this.view.setUint8(offset, value)
    else if (widthBytes === 2) this.view.setUint16(offset, value, true)
    else this.view.setUint32(offset, value, true)
  }

  get command(): number {
    return this.view.getUint16(4, true)
  }

  set command(value: number) {
    this.view.setUint16(4, value, true)
  }

  get isBusMaster(): boolean {
    return (this.command & 4) !== 0
  }

  get secondaryBus(): number {
    return this.view.getUint8(0x19)
  }

  get subordinateBus(): number {
    return this.view.getUint8(0x1a)
  }

  /** True when a bridge passes this memory address on. */
  forwards(physicalAddress: number): boolean {
    if ((this.command & 2) === 0) return false
    const base = this.view.getUint16(0x20, true) * 0x10000
    const limit = this.view.getUint16(0x22, true) * 0x10000 + 0xfffff
    return physicalAddress >= base && physicalAddress <= limit
  }

  barAddress(index: number): number {
    const bar = this.options.bars?.find((it) => it.index === index)
    if (bar === undefined) return 0
    const low = (this.view.getUint32(0x10 + index * 4, true) & 0xfffffff0) >>> 0
    const high = bar.is64Bit ? this.view.getUint32(0x14 + index * 4, true) : 0
    return high * 0x100000000 + low
  }

  setBarAddress(index: number, physicalAddress: number): void {
    const at = 0x10 + index * 4
    const flags = this.view.getUint32(at, true) & 0xf
    this.view.setUint32(at, ((physicalAddress % 0x100000000) | flags) >>> 0, true)
  }

  private barAt(offset: number): FakeBar | null {
    for (const bar of this.options.bars ?? []) {
      const at = 0x10 + bar.index * 4
      if (offset >= at && offset < at + (bar.is64Bit ? 8 : 4)) return bar
    }
    return null
  }

  private writeBar(offset: number, bar: FakeBar, value: number): void {
    if ((this.command & 2) !== 0) throw new Violation('BAR written while memory decoding is on')
    const mask = bar.sizeBytes - 1
    if (offset === 0x10 + bar.index * 4) {
      const kept = (value & ~(mask & 0xffffffff)) >>> 0
      this.view.setUint32(offset, (kept | (bar.is64Bit ? 4 : 0)) >>> 0, true)
    } else {
      this.view.setUint32(offset, value, true)
    }
  }

  private placeCapabilities(): void {
    const capabilities = this.options.capabilities ?? []
    if (capabilities.length === 0) return
    this.view.setUint16(6, 0x10, true)
    let at = 0x40
    let pointer = 0x34
    for (const { id, body } of capabilities) {
      this.view.setUint8(pointer, at)
      this.view.setUint8(at, id)
      this.config.set(body, at + 2)
      this.capabilityOffsets.push(at)
      pointer = at + 1
      at = (at + 2 + body.length + 3) & ~3
    }
  }
}

interface Place {
  readonly device: number
  readonly index: number
  readonly pciFunction: FakePciFunction
  readonly bridge: FakePciFunction | null
  /** The bus it is on when there is no bridge. */
  readonly rootBus: number
}

export class FakePciHost {
  readonly ecamAddress: number
  readonly lastBus = 255
  configAccesses = 0
  private readonly places: Place[] = []
  /** Where something was decodes nothing any more: reads are all ones, writes go nowhere. */
  private readonly removed: FakePciFunction[] = []

  constructor(hal: FakeHal, ecamAddress = 0xb0000000) {
    this.ecamAddress = ecamAddress
    hal.addMmio(this.ecamRegion())
    hal.addMmio(this.memoryRegion())
  }

  /** Puts a function on the root bus, or behind a bridge. */
  add(
    pciFunction: FakePciFunction,
    device: number,
    index = 0,
    bridge: FakePciFunction | null = null,
  ): void {
    this.places.push({ device, index, pciFunction, bridge, rootBus: 0 })
  }

  /** Puts a function on a root bus of its own number, such as that of QEMU's pxb-pcie. */
  addToRootBus(pciFunction: FakePciFunction, rootBus: number, device: number): void {
    this.places.push({ device, index: 0, pciFunction, bridge: null, rootBus })
  }

  /** What is behind a bridge. */
  behind(bridge: FakePciFunction): FakePciFunction[] {
    return this.places.filter((it) => it.bridge === bridge).map(({ pciFunction }) => pciFunction)
  }

  /** Nothing answers in its place any more. */
  remove(pciFunction: FakePciFunction): void {
    this.places.splice(this.places.indexOf(this.placeOf(pciFunction)), 1)
    this.removed.push(pciFunction)
  }

  /** Answers at ports 0xcf8 and 0xcfc as well. */
  attachPorts(hal: FakeHal): void {
    let address = 0
    hal.addPorts({
      first: 0xcf8,
      last: 0xcff,
      read: (port, widthBytes) => {
        if (port === 0xcf8) return address
        return this.read((address >>> 8) & 0xffff, (address & 0xfc) + port - 0xcfc, widthBytes)
      },
      write: (port, widthBytes, value) => {
        if (port === 0xcf8) address = value
        else
          this.write((address >>> 8) & 0xffff, (address & 0xfc) + port - 0xcfc, widthBytes, value)
      },
    })
  }

  bridgesAbove(pciFunction: FakePciFunction): FakePciFunction[] {
    const bridges: FakePciFunction[] = []
    let at = this.placeOf(pciFunction).bridge
    while (at !== null) {
      bridges.push(at)
      at = this.placeOf(at).bridge
    }
    return bridges
  }

  private placeOf(pciFunction: FakePciFunction): Place {
    const place = this.places.find((it) => it.pciFunction === pciFunction)
    if (place === undefined) throw new Error('the function was never added')
    return place
  }

  private busNumberOf({ bridge, rootBus }: Place): number {
    if (bridge === null) return rootBus
    const parent = this.busNumberOf(this.placeOf(bridge))
    if (parent < 0 || bridge.secondaryBus <= parent) return -1
    return bridge.subordinateBus < bridge.secondaryBus ? -1 : bridge.secondaryBus
  }

  private at(routingId: number): FakePciFunction | null {
    this.configAccesses++
    for (const place of this.places) {
      if (place.device !== ((routingId >> 3) & 31) || place.index !== (routingId & 7)) continue
      if (this.busNumberOf(place) === routingId >> 8) return place.pciFunction
    }
    return null
  }

  private read(routingId: number, offset: number, widthBytes: number): number {
    if (offset % widthBytes !== 0) throw new Violation(`configuration read at odd offset ${offset}`)
    return this.at(routingId)?.read(offset, widthBytes) ?? ALL_ONES[widthBytes]!
  }

  private write(routingId: number, offset: number, widthBytes: number, value: number): void {
    if (offset % widthBytes !== 0)
      throw new Violation(`configuration write at odd offset ${offset}`)
    this.at(routingId)?.write(offset, widthBytes, value)
  }

  private ecamRegion(): MmioRegion {
    return {
      decode: (physicalAddress) => {
        const offset = physicalAddress - this.ecamAddress
        return offset >= 0 && offset < (this.lastBus + 1) * 0x100000 ? offset : -1
      },
      read: (offset, widthBytes) => this.read(Math.floor(offset / 4096), offset % 4096, widthBytes),
      write: (offset, widthBytes, value) =>
        this.write(Math.floor(offset / 4096), offset % 4096, widthBytes, value),
    }
  }

  /** All BARs: which one decodes an address depends on what was programmed. */
  private memoryRegion(): MmioRegion {
    let found: { bar: FakeBar; offset: number } | null = null
    return {
      decode: (physicalAddress) => {
        found = this.barFor(physicalAddress)
        return found === null ? -1 : found.offset
      },
      read: (offset, widthBytes) => found!.bar.read?.(offset, widthBytes) ?? ALL_ONES[widthBytes]!,
      write: (offset, widthBytes, value) => found!.bar.write?.(offset, widthBytes, value),
    }
  }

  private barFor(physicalAddress: number): { bar: FakeBar; offset: number } | null {
    for (const { pciFunction } of this.places) {
      if ((pciFunction.command & 2) === 0) continue
      for (const bar of pciFunction.options.bars ?? []) {
        const address = pciFunction.barAddress(bar.index)
        const offset = physicalAddress - address
        if (address === 0 || offset < 0 || offset >= bar.sizeBytes) continue
        if (!this.bridgesAbove(pciFunction).every((it) => it.forwards(physicalAddress))) continue
        return { bar, offset }
      }
    }
    for (const pciFunction of this.removed) {
      for (const { index, sizeBytes } of pciFunction.options.bars ?? []) {
        const offset = physicalAddress - pciFunction.barAddress(index)
        if (offset >= 0 && offset < sizeBytes) return { bar: { index, sizeBytes }, offset }
      }
    }
    return null
  }
}

/** Root pointer, XSDT (or RSDT) and MCFG as firmware lays them out, starting at `address`. */
export function buildAcpiTables(
  address: number,
  ecamAddress: number,
  revision: 0 | 2 = 2,
  lastBus = 255,
): Uint8Array {
  const bytes = new Uint8Array(0x200)
  const view = new DataView(bytes.buffer)
  const text = (at: number, value: string) => {
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i)
  }
  const seal = (start: number, length: number, at: number) => {
    bytes[at] = 0
    const sum = bytes.subarray(start, start + length).reduce((a, b) => a + b, 0)
    bytes[at] = -sum & 0xff
  }
  const rootTable = 0x40
  const other = 0x80
  const mcfg = 0x100
  text(0, 'RSD PTR EREMIT')
  bytes[15] = revision
  if (revision === 2) {
    view.setUint32(20, 36, true)
    view.setBigUint64(24, BigInt(address + rootTable), true)
  } else {
    view.setUint32(16, address + rootTable, true)
  }
  seal(0, 20, 8)
  if (revision === 2) seal(0, 36, 32)
  const width = revision === 2 ? 8 : 4
  text(rootTable, revision === 2 ? 'XSDT' : 'RSDT')
  view.setUint32(rootTable + 4, 36 + 2 * width, true)
  view.setUint32(rootTable + 36, address + other, true)
  view.setUint32(rootTable + 36 + width, address + mcfg, true)
  seal(rootTable, 36 + 2 * width, rootTable + 9)
  text(other, 'FACP')
  view.setUint32(other + 4, 40, true)
  seal(other, 40, other + 9)
  text(mcfg, 'MCFG')
  view.setUint32(mcfg + 4, 60, true)
  view.setBigUint64(mcfg + 44, BigInt(ecamAddress), true)
  bytes[mcfg + 55] = lastBus
  seal(mcfg, 60, mcfg + 9)
  return bytes
}
