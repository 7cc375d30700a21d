/**
 * The platform for tests: an arena with physical addresses, ports, MMIO regions behind proxies,
 * interrupts, a clock.
 */

import type { DmaBuffer } from '../../drivers/dma-buffer.ts'
import type { Hal, HalBulk } from '../../drivers/hal.ts'
import type { MapRegisters, Registers } from '../../drivers/pci/registers.ts'
import { fakeBulk } from './fake-bulk.ts'
import { Violation } from './violation.ts'

/** Device registers on the bus; `offset` counts from the region's start. */
export interface MmioRegion {
  /** Offset inside the region, or -1 when it does not decode this address now. */
  decode(physicalAddress: number): number
  read(offset: number, widthBytes: number): number
  write(offset: number, widthBytes: number, value: number): void
}

export interface PortRange {
  readonly first: number
  readonly last: number
  read(port: number, widthBytes: number): number
  write(port: number, widthBytes: number, value: number): void
}

export interface FakeHalOptions {
  readonly arenaBytes?: number
  /** Above 4 GiB unless told, so that a forgotten upper half of an address shows. */
  readonly arenaPhysicalAddress?: number
  readonly vectorCount?: number
  readonly acpiRootPointer?: number
  /** False = the CPU has no generator. */
  readonly hasHardwareRandom?: boolean
}

const MESSAGE_ADDRESS = 0xfee00000
const MESSAGE_DATA_BASE = 0x40

export class FakeHal implements Hal {
  readonly bulk: HalBulk = fakeBulk
  readonly interruptCounters: Uint32Array
  readonly interruptVectorCount: number
  readonly interruptMessageAddress = MESSAGE_ADDRESS
  acpiRootPointer: number
  /**
   * Advances by a microsecond with every look, so that deadlines pass in tests that wait for
   * nothing.
   */
  nowNs = 1_000_000
  barriers = 0
  readonly arenaPhysicalAddress: number
  private readonly arena: ArrayBuffer
  private arenaUsed = 0
  private readonly hasHardwareRandom: boolean
  private randomState = 0x2545f491
  private readonly firmware: { start: number; bytes: Uint8Array }[] = []
  private readonly regions: MmioRegion[] = []
  private readonly ports: PortRange[] = []
  private readonly lines = new Map<number, { vector: number; masked: boolean }>()
  private readonly assertedLines = new Set<number>()

  constructor(options: FakeHalOptions = {}) {
    this.arena = new ArrayBuffer(options.arenaBytes ?? 24 * 1024 * 1024)
    this.arenaPhysicalAddress = options.arenaPhysicalAddress ?? 0x1_4000_0000
    this.interruptVectorCount = options.vectorCount ?? 32
    this.interruptCounters = new Uint32Array(1 + this.interruptVectorCount)
    this.acpiRootPointer = options.acpiRootPointer ?? 0
    this.hasHardwareRandom = options.hasHardwareRandom ?? true
  }

  // --- Set-up by tests and other fakes -----------------------------------------------------------

  addFirmware(start: number, bytes: Uint8Array): void {
    this.firmware.push({ start, bytes })
  }

  addMmio(region: MmioRegion): void {
    this.regions.push(region)
  }

  addPorts(range: PortRange): void {
    this.ports.push(range)
  }

  /**
   * Registers through proxies: every element access reaches a region with its width. Give it to
   * openPciBus.
   */
  readonly mapRegisters: MapRegisters = (physicalAddress, lengthBytes) => {
    if ((physicalAddress & 3) !== 0 && lengthBytes >= 4) {
      throw new Violation(`registers mapped at odd address 0x${physicalAddress.toString(16)}`)
    }
    return {
      bytes: this.proxy(physicalAddress, lengthBytes, 1),
      halves: this.proxy(physicalAddress, lengthBytes, 2),
      words: this.proxy(physicalAddress, lengthBytes, 4),
    }
  }

  /** Bytes of the arena that a device means; throws when any of them was never allocated. */
  resolveDma(physicalAddress: number, lengthBytes: number): Uint8Array {
    const offset = physicalAddress - this.arenaPhysicalAddress
    if (offset < 0 || lengthBytes < 0 || offset + lengthBytes > this.arenaUsed) {
      throw new Violation(
        `DMA outside the arena: 0x${physicalAddress.toString(16)}, ${lengthBytes} bytes`,
      )
    }
    return new Uint8Array(this.arena, offset, lengthBytes)
  }

  /** A device writes this message to memory. */
  deliverMessage(physicalAddress: number, data: number): void {
    const vector = data - MESSAGE_DATA_BASE
    if (physicalAddress !== MESSAGE_ADDRESS || vector < 0 || vector >= this.interruptVectorCount) {
      throw new Violation(`stray message ${data} to 0x${physicalAddress.toString(16)}`)
    }
    this.raise(vector)
  }

  /**
   * Level-triggered: fires when routed and unmasked, and again after each unmask while asserted.
   */
  setLine(globalInterrupt: number, asserted: boolean): void {
    if (asserted) this.assertedLines.add(globalInterrupt)
    else this.assertedLines.delete(globalInterrupt)
    this.fireLine(globalInterrupt)
  }

  raise(vector: number): void {
    this.interruptCounters[0]!++
    this.interruptCounters[1 + vector]!++
  }

  get arenaBytesUsed(): number {
    return this.arenaUsed
  }

  // --- Hal ---------------------------------------------------------------------------------------

  portRead8(port: number): number {
    return this.portRead(port, 1)
  }

  portRead16(port: number): number {
    return this.portRead(port, 2)
  }

  portRead32(port: number): number {
    return this.portRead(port, 4)
  }

  portWrite8(port: number, value: number): void {
    this.portAt(port)?.write(port, 1, value)
  }

  portWrite16(port: number, value: number): void {
    this.portAt(port)?.write(port, 2, value)
  }

  portWrite32(port: number, value: number): void {
    this.portAt(port)?.write(port, 4, value)
  }

  mapMemory(physicalAddress: number, lengthBytes: number): ArrayBuffer {
    for (const { start, bytes } of this.firmware) {
      const offset = physicalAddress - start
      if (offset < 0 || offset + lengthBytes > bytes.length) continue
      return bytes.slice(offset, offset + lengthBytes).buffer
    }
    throw new RangeError(`Cannot map 0x${physicalAddress.toString(16)}: nothing is there`)
  }

  allocateDma(lengthBytes: number, alignmentBytes: number): DmaBuffer {
    const start = Math.ceil(this.arenaUsed / alignmentBytes) * alignmentBytes
    if (start + lengthBytes > this.arena.byteLength) {
      throw new RangeError(`Cannot allocate ${lengthBytes} bytes: the arena is full`)
    }
    this.arenaUsed = start + lengthBytes
    return {
      bytes: new Uint8Array(this.arena, start, lengthBytes),
      view: new DataView(this.arena, start, lengthBytes),
      physicalAddress: this.arenaPhysicalAddress + start,
      lengthBytes,
    }
  }

  memoryBarrier(): void {
    this.barriers++
  }

  interruptMessageData(vector: number): number {
    return MESSAGE_DATA_BASE + vector
  }

  routeInterruptLine(globalInterrupt: number, vector: number, _activeHigh: boolean): void {
    if (globalInterrupt < 0 || globalInterrupt > 23) {
      throw new RangeError(`Cannot route interrupt ${globalInterrupt}: no I/O APIC has it`)
    }
    this.lines.set(globalInterrupt, { vector, masked: false })
    this.fireLine(globalInterrupt)
  }

  unmaskInterruptLine(globalInterrupt: number): void {
    const line = this.lines.get(globalInterrupt)
    if (line === undefined) throw new Violation(`unmask of line ${globalInterrupt}, never routed`)
    line.masked = false
    this.fireLine(globalInterrupt)
  }

  monotonicNs(): number {
    this.nowNs += 1000
    return this.nowNs
  }

  hardwareRandom(target: Uint8Array, offset: number, lengthBytes: number): boolean {
    if (!this.hasHardwareRandom) return false
    for (let i = 0; i < lengthBytes; i++) target[offset + i] = this.nextRandom() >>> 24
    return true
  }

  timestampCounter(): number {
    return this.nextRandom() >>> 0
  }

  // --- Inside ------------------------------------------------------------------------------------

  private nextRandom(): number {
    this.randomState = (Math.imul(this.randomState, 1664525) + 1013904223) | 0
    return this.randomState
  }

  private fireLine(globalInterrupt: number): void {
    const line = this.lines.get(globalInterrupt)
    if (line === undefined || line.masked || !this.assertedLines.has(globalInterrupt)) return
    line.masked = true
    this.raise(line.vector)
  }

  private portAt(port: number): PortRange | undefined {
    return this.ports.find((range) => port >= range.first && port <= range.last)
  }

  private portRead(port: number, widthBytes: number): number {
    return this.portAt(port)?.read(port, widthBytes) ?? 2 ** (8 * widthBytes) - 1
  }

  private proxy(start: number, lengthBytes: number, widthBytes: number): Registers {
    const length = Math.floor(lengthBytes / widthBytes)
    const locate = (key: string | symbol): { region: MmioRegion; offset: number } => {
      const index = Number(String(key))
      if (!Number.isInteger(index) || index < 0 || index >= length) {
        throw new Violation(`register ${String(key)} outside its window of ${length}`)
      }
      return this.regionAt(start + index * widthBytes)
    }
    return new Proxy({ length } as Registers, {
      get: (target, key) => {
        if (key === 'length') return target.length
        const { region, offset } = locate(key)
        return region.read(offset, widthBytes)
      },
      set: (_target, key, value: number) => {
        const { region, offset } = locate(key)
        // As a typed array would store it.
        region.write(
          offset,
          widthBytes,
          Number(BigInt.asUintN(8 * widthBytes, BigInt(Math.trunc(value)))),
        )
        return true
      },
    })
  }

  private regionAt(physicalAddress: number): { region: MmioRegion; offset: number } {
    for (const region of this.regions) {
      const offset = region.decode(physicalAddress)
      if (offset >= 0) return { region, offset }
    }
    throw new Violation(`nothing decodes MMIO address 0x${physicalAddress.toString(16)}`)
  }
}
