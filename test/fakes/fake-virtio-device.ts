/**
 * A virtio PCI device for tests: registers, status order, feature rules, queues, MSI-X and INTx
 * (virtio 1.4 §3.1, §4.1).
 */
import type { FakeHal } from './fake-hal.ts'
import { FakeMmioWindow, type RegisterBackend } from './fake-mmio-window.ts'
import { FakePciFunction, type FakePciHost } from './fake-pci.ts'
import type { DeviceFaults, FakeVirtioDeviceOptions } from './fake-virtio-device-options.ts'
import { FakeVirtqueue } from './fake-virtqueue.ts'
import { Violation } from './violation.ts'

const STATUS_ORDER = [0, 1, 3, 11, 15]
const NEEDS_RESET = 64
const FAILED = 128
const MSIX_BAR = 1
const STRUCTURE_BAR = 4
const NOTIFY_MULTIPLIER = 4
const VERSION_1 = 32

export class FakeVirtioDevice implements RegisterBackend {
  /** Null for a device on PCI. */
  readonly mmio: FakeMmioWindow | null
  readonly pciFunction: FakePciFunction
  readonly queues: FakeVirtqueue[]
  readonly faults: DeviceFaults
  status = 0
  driverFeatures = 0n
  resets = 0
  /** Every value written to the status register. */
  readonly statusWrites: number[] = []
  offeredFeatures: bigint
  readonly config: Uint8Array
  configGeneration = 0
  protected readonly hal: FakeHal
  protected readonly host: FakePciHost
  private readonly options: FakeVirtioDeviceOptions
  private deviceFeatureSelect = 0
  private driverFeatureSelect = 0
  private queueSelect = 0
  private configVector = 0xffff
  private isr = 0
  private readonly msixTable: Uint32Array

  constructor(hal: FakeHal, host: FakePciHost, options: FakeVirtioDeviceOptions) {
    this.hal = hal
    this.host = host
    this.options = options
    this.faults = options.faults ?? {}
    this.offeredFeatures = options.features
    this.config = options.config
    this.queues = options.queueSizes.map((size, i) => new FakeVirtqueue(hal, i, size))
    this.msixTable = new Uint32Array(4 * (options.vectors ?? 0)).fill(0)
    this.pciFunction = this.buildFunction()
    this.mmio = options.isMmio ? new FakeMmioWindow(hal, this, options.deviceType) : null
  }

  hasFeature(bit: number): boolean {
    return ((this.driverFeatures >> BigInt(bit)) & 1n) === 1n
  }

  get isLive(): boolean {
    return (this.status & 4) !== 0 && (this.status & NEEDS_RESET) === 0
  }

  get usesMsix(): boolean {
    return this.msixTable.length > 0 && (this.msixControl() & 0xc000) === 0x8000
  }

  /** §2.1.2: the device gives up until it is reset. */
  requestReset(): void {
    this.status |= NEEDS_RESET
    this.interruptConfiguration()
  }

  changeConfig(offset: number, bytes: readonly number[]): void {
    this.config.set(bytes, offset)
    this.configGeneration = (this.configGeneration + 1) & 0xff
    this.interruptConfiguration()
  }

  interruptConfiguration(): void {
    this.interrupt(this.configVector, 2)
  }

  interruptQueue(queue: FakeVirtqueue): void {
    queue.interrupts++
    this.interrupt(queue.vector, 1)
  }

  /** Called for each notification of a live queue. */
  protected onNotify(_queue: FakeVirtqueue): void {}

  /** Called after the driver's reset. */
  protected onReset(): void {}

  protected onDriverOk(): void {}

  private interrupt(vector: number, cause: number): void {
    if (this.faults.losesInterrupts) return
    if (!this.usesMsix) {
      this.isr |= cause
      this.updateLine()
      return
    }
    if (vector === 0xffff) return
    const at = vector * 4
    if ((this.msixTable[at + 3]! & 1) !== 0) return
    if (!this.pciFunction.isBusMaster) throw new Violation('message without bus mastering')
    const address = this.msixTable[at + 1]! * 0x100000000 + this.msixTable[at]!
    this.hal.deliverMessage(address, this.msixTable[at + 2]!)
  }

  get pendingCauses(): number {
    return this.isr
  }

  acknowledge(causes: number): void {
    this.isr &= ~causes
    this.updateLine()
  }

  maximumQueueSize(): number {
    return this.queues[this.queueSelect]?.maximumSize ?? 0
  }

  private updateLine(): void {
    const { globalInterrupt } = this.options
    if (globalInterrupt === undefined) return
    const disabled = (this.pciFunction.command & 0x400) !== 0
    this.hal.setLine(globalInterrupt, this.isr !== 0 && !disabled)
  }

  private msixControl(): number {
    const at = this.pciFunction.capabilityOffsets[0]!
    return this.pciFunction.read(at + 2, 2)
  }

  private buildFunction(): FakePciFunction {
    const { options } = this
    const vectors = options.vectors ?? 0
    const list: { id: number; body: number[] }[] = []
    // QEMU 7.2 (virtio-pci.c): MSI-X in BAR 1; common 0x0, ISR 0x1000, device 0x2000, notify 0x3000
    // in BAR 4.
    if (vectors > 0) {
      list.push({
        id: 0x11,
        body: [...le16(vectors - 1), ...le32(MSIX_BAR), ...le32(0x800 | MSIX_BAR)],
      })
    }
    const structure = (type: number, offset: number, length: number, extra: number[] = []) => ({
      id: 9,
      body: [
        16 + extra.length,
        type,
        STRUCTURE_BAR,
        0,
        0,
        0,
        ...le32(offset),
        ...le32(length),
        ...extra,
      ],
    })
    list.push(
      structure(1, 0, 0x1000),
      structure(3, 0x1000, 0x1000),
      structure(4, 0x2000, 0x1000),
      structure(2, 0x3000, 0x1000, le32(NOTIFY_MULTIPLIER)),
    )
    options.editCapabilities?.(list)
    const modernId = 0x1040 + options.deviceType
    return new FakePciFunction({
      vendorId: 0x1af4,
      deviceId: options.transitional ? (options.transitionalId ?? modernId) : modernId,
      interruptPin: options.interruptPin ?? 1,
      capabilities: list,
      bars: [
        {
          index: MSIX_BAR,
          sizeBytes: 0x1000,
          read: (offset, widthBytes) => this.accessMsix(offset, widthBytes),
          write: (offset, widthBytes, value) => {
            this.accessMsix(offset, widthBytes, value)
          },
        },
        {
          index: STRUCTURE_BAR,
          sizeBytes: 0x4000,
          is64Bit: true,
          read: (offset, widthBytes) => this.readStructure(offset, widthBytes),
          write: (offset, widthBytes, value) => this.writeStructure(offset, widthBytes, value),
        },
      ],
    })
  }

  private accessMsix(offset: number, widthBytes: number, value?: number): number {
    if (widthBytes !== 4 || offset >= this.msixTable.byteLength) {
      throw new Violation(`MSI-X table accessed at ${offset} with ${widthBytes} bytes`)
    }
    if (value !== undefined) this.msixTable[offset >> 2] = value
    return this.msixTable[offset >> 2]!
  }

  private readStructure(offset: number, widthBytes: number): number {
    if (offset < 0x1000) return this.readCommon(offset, widthBytes)
    if (offset === 0x1000) {
      const cause = this.isr
      this.isr = 0
      this.updateLine()
      return cause
    }
    if (offset >= 0x2000 && offset < 0x3000) return this.readConfig(offset - 0x2000, widthBytes)
    throw new Violation(`read of notification area`)
  }

  readConfig(offset: number, widthBytes: number): number {
    let value = 0
    for (let i = widthBytes - 1; i >= 0; i--) value = value * 256 + (this.config[offset + i] ?? 0)
    return value
  }

  readCommon(offset: number, widthBytes: number): number {
    const queue = this.queues[this.queueSelect]
    const fields: Record<number, [number, () => number]> = {
      4: [
        4,
        () => Number((this.offeredFeatures >> BigInt(32 * this.deviceFeatureSelect)) & 0xffffffffn),
      ],
      16: [2, () => this.configVector],
      18: [2, () => this.queues.length],
      20: [1, () => this.status],
      21: [1, () => this.readGeneration()],
      24: [2, () => queue?.size ?? 0],
      26: [2, () => queue?.vector ?? 0xffff],
      28: [2, () => (queue?.enabled ? 1 : 0)],
      30: [2, () => queue?.number ?? 0],
    }
    const field = fields[offset]
    if (field === undefined) throw new Violation(`common configuration read at ${offset}`)
    if (field[0] !== widthBytes)
      throw new Violation(`field ${offset} read with ${widthBytes} bytes`)
    return field[1]()
  }

  private readGeneration(): number {
    if (this.faults.configurationNeverSettles)
      this.configGeneration = (this.configGeneration + 1) & 0xff
    return this.configGeneration
  }

  private writeStructure(offset: number, widthBytes: number, value: number): void {
    if (offset >= 0x3000) {
      this.notify((offset - 0x3000) / NOTIFY_MULTIPLIER, widthBytes, value)
      return
    }
    if (offset >= 0x1000) throw new Violation(`write to read-only structure at ${offset}`)
    this.writeCommon(offset, widthBytes, value)
  }

  writeCommon(offset: number, widthBytes: number, value: number): void {
    const expect = (width: number) => {
      if (width !== widthBytes)
        throw new Violation(`field ${offset} written with ${widthBytes} bytes`)
    }
    if (offset === 20) {
      expect(1)
      this.writeStatus(value)
      return
    }
    if (offset === 0 || offset === 8 || offset === 12 || offset >= 32) expect(4)
    else expect(2)
    if (offset === 0) this.deviceFeatureSelect = value
    else if (offset === 8) this.driverFeatureSelect = value
    else if (offset === 12) this.writeDriverFeatures(value)
    else if (offset === 16) this.configVector = this.acceptVector(value)
    else if (offset === 22) this.queueSelect = value
    else this.writeQueue(offset, value)
  }

  private acceptVector(value: number): number {
    if (this.faults.refusesVectors) return 0xffff
    return value < this.msixTable.length / 4 ? value : 0xffff
  }

  private writeDriverFeatures(value: number): void {
    if ((this.status & 2) === 0 || (this.status & 8) !== 0) {
      throw new Violation('features written outside the DRIVER phase')
    }
    const shift = BigInt(32 * this.driverFeatureSelect)
    const kept = this.driverFeatures & ~(0xffffffffn << shift)
    this.driverFeatures = kept | (BigInt(value) << shift)
  }

  private writeQueue(offset: number, value: number): void {
    const queue = this.queues[this.queueSelect]
    if (queue === undefined)
      throw new Violation(`set-up of queue ${this.queueSelect}, which is absent`)
    if ((this.status & 8) === 0) throw new Violation('queue set up before FEATURES_OK')
    if ((this.status & 4) !== 0) throw new Violation('queue set up after DRIVER_OK')
    if (queue.enabled) throw new Violation(`queue ${queue.number} changed after it was enabled`)
    if (offset === 24) queue.size = value
    else if (offset === 26) {
      queue.vector = this.faults.refusesQueueVectors ? 0xffff : this.acceptVector(value)
    } else if (offset === 28) {
      // "The driver MUST NOT write a 0 to queue_enable" (§4.1.4.3.2).
      if (value !== 1) throw new Violation(`${value} written to queue_enable`)
      if (this.usesMsix && queue.vector === 0xffff && this.options.deviceType === 1) {
        throw new Violation(`queue ${queue.number} enabled without its vector`)
      }
      queue.indirect = this.hasFeature(28)
      queue.eventIndex = this.hasFeature(29)
      queue.packed = this.hasFeature(34)
      queue.enable()
    } else if (offset >= 32 && offset < 56) this.writeQueueAddress(queue, offset, value)
    else throw new Violation(`common configuration written at ${offset}`)
  }

  private writeQueueAddress(queue: FakeVirtqueue, offset: number, value: number): void {
    const merge = (old: number) =>
      (offset & 4) === 0
        ? Math.floor(old / 0x100000000) * 0x100000000 + value
        : value * 0x100000000 + (old % 0x100000000)
    if (offset < 40) queue.descriptorArea = merge(queue.descriptorArea)
    else if (offset < 48) queue.driverArea = merge(queue.driverArea)
    else queue.deviceArea = merge(queue.deviceArea)
  }

  private writeStatus(value: number): void {
    this.statusWrites.push(value)
    if (value === 0) {
      this.reset()
      return
    }
    const old = this.status
    if ((old & ~NEEDS_RESET & ~value) !== 0) {
      throw new Violation(`status bits cleared: ${old} to ${value}`)
    }
    if ((value & FAILED) !== 0) {
      this.status = value
      return
    }
    const step = STATUS_ORDER.indexOf(old & 0x3f)
    if (value !== old && (value & 0x3f) !== STATUS_ORDER[step + 1]) {
      throw new Violation(`status went from ${old} to ${value}`)
    }
    if ((value & 8) !== 0 && (old & 8) === 0) {
      this.checkFeatures()
      if (this.faults.refusesFeatures) {
        this.status = value & ~8
        return
      }
    }
    this.status = value
    if ((value & 4) !== 0 && (old & 4) === 0) this.onDriverOk()
  }

  private checkFeatures(): void {
    const { driverFeatures } = this
    if ((driverFeatures & ~this.offeredFeatures) !== 0n) {
      throw new Violation(`features accepted that were not offered: ${driverFeatures.toString(16)}`)
    }
    if (!this.hasFeature(VERSION_1)) throw new Violation('VERSION_1 not accepted')
    for (const [bit, anyOf] of this.options.requirements ?? []) {
      if (this.hasFeature(bit) && !anyOf.some((it) => this.hasFeature(it))) {
        throw new Violation(`feature bit ${bit} accepted without one of ${anyOf.join(', ')}`)
      }
    }
  }

  private reset(): void {
    this.resets++
    this.isr = 0
    this.configVector = 0xffff
    this.driverFeatures = 0n
    for (const queue of this.queues) queue.reset()
    if (!this.faults.resetNeverEnds) this.status = 0
    this.updateLine()
    this.onReset()
  }

  notify(offset: number, widthBytes: number, value: number): void {
    if (widthBytes !== 2) throw new Violation(`notification with ${widthBytes} bytes`)
    const queue = this.queues[value]
    if (queue === undefined || offset !== value)
      throw new Violation(`notification ${value} at ${offset}`)
    if ((this.status & 4) === 0) throw new Violation('notification before DRIVER_OK')
    if (this.mmio === null && !this.pciFunction.isBusMaster) {
      throw new Violation('queue used without bus mastering')
    }
    queue.notifications++
    if (this.isLive) this.onNotify(queue)
  }
}

function le16(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff]
}

function le32(value: number): number[] {
  return [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, (value >>> 24) & 0xff]
}
