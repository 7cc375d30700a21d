/**
 * Virtio over PCI, modern interface (virtio 1.4 §4.1); transitional devices are used through it as
 * well.
 */
import type { Hal } from '../hal.ts'
import type { InterruptRegistry } from '../interrupt-registry.ts'
import { MsixTable } from '../pci/msix.ts'
import type { PciBus } from '../pci/pci-bus.ts'
import { PciCapabilityId, PciCommand, type PciFunction } from '../pci/pci-function.ts'
import type { Registers, RegisterWindow } from '../pci/registers.ts'
import { resetDevice } from './initialize.ts'
import { findVirtioStructures, StructureType, type VirtioStructure } from './pci-capabilities.ts'
import {
  type Doorbell,
  type InterruptHandlers,
  type InterruptMode,
  type QueueAddresses,
  VirtioDeviceType,
  type VirtioTransport,
} from './transport.ts'
import { VirtioError } from './virtio-error.ts'

const VIRTIO_VENDOR = 0x1af4
const MODERN_DEVICE_BASE = 0x1040
const MODERN_DEVICE_LAST = 0x107f
/** §4.1.2.1: virtio device types, by transitional device id. */
const TRANSITIONAL_DEVICES: Readonly<Record<number, number>> = {
  4096: VirtioDeviceType.Network,
  4097: 2,
  4098: 5,
  4099: VirtioDeviceType.Console,
  4100: 8,
  4101: VirtioDeviceType.Entropy,
  4105: 9,
}

/** Offsets in virtio_pci_common_cfg, §4.1.4.3, divided by the width of the access. */
const DEVICE_FEATURE_SELECT = 0 >> 2
const DEVICE_FEATURE = 4 >> 2
const DRIVER_FEATURE_SELECT = 8 >> 2
const DRIVER_FEATURE = 12 >> 2
const CONFIG_MSIX_VECTOR = 16 >> 1
const NUM_QUEUES = 18 >> 1
const DEVICE_STATUS = 20
const CONFIG_GENERATION = 21
const QUEUE_SELECT = 22 >> 1
const QUEUE_SIZE = 24 >> 1
const QUEUE_MSIX_VECTOR = 26 >> 1
const QUEUE_ENABLE = 28 >> 1
const QUEUE_NOTIFY_OFF = 30 >> 1
const QUEUE_DESC = 32 >> 2
const QUEUE_DRIVER = 40 >> 2
const QUEUE_DEVICE = 48 >> 2
const COMMON_BYTES = 56

const NO_VECTOR = 0xffff
/** Device features live in words of 32 bits; the names known end below bit 128. */
const FEATURE_WORDS = 4
const ISR_QUEUE = 1
const ISR_CONFIGURATION = 2

/** The virtio device type of a function, modern or transitional; 0 when it is no virtio device. */
export function virtioDeviceType({ vendorId, deviceId }: PciFunction): number {
  if (vendorId !== VIRTIO_VENDOR) return 0
  if (deviceId > MODERN_DEVICE_BASE && deviceId <= MODERN_DEVICE_LAST) {
    return deviceId - MODERN_DEVICE_BASE
  }
  return TRANSITIONAL_DEVICES[deviceId] ?? 0
}

/** Functions that are a virtio device of this type, in bus order. */
export function findVirtioFunctions(bus: PciBus, deviceType: number): PciFunction[] {
  return bus.functions.filter((it) => virtioDeviceType(it) === deviceType)
}

export class PciTransport implements VirtioTransport {
  readonly deviceType: number
  readonly address: string
  readonly vendorId: number
  readonly deviceId: number
  readonly queueCount: number
  readonly configLengthBytes: number
  private readonly hal: Hal
  private readonly bus: PciBus
  private readonly pciFunction: PciFunction
  private readonly structures: ReadonlyMap<number, VirtioStructure>
  private readonly common: RegisterWindow
  private readonly device: RegisterWindow | null
  private readonly isr: Registers
  private readonly notify: VirtioStructure
  private readonly notifyWindow: RegisterWindow
  private msix: MsixTable | null = null
  private interruptMode: InterruptMode = 'polled'
  private configurationVector = NO_VECTOR
  private queueVectors: ReadonlyMap<number, number> = new Map()
  /** The platform's vector of each entry of the MSI-X table that is in use. */
  private entryVectors: readonly number[] = []
  private lineVector = -1

  /** Throws VirtioError when the function lacks a structure that the modern interface needs. */
  constructor(hal: Hal, bus: PciBus, pciFunction: PciFunction, deviceType: number) {
    this.hal = hal
    this.bus = bus
    this.pciFunction = pciFunction
    this.deviceType = deviceType
    this.address = pciFunction.address
    this.vendorId = pciFunction.vendorId
    this.deviceId = pciFunction.deviceId
    const structures = findVirtioStructures(pciFunction)
    this.structures = structures
    if (!pciFunction.capabilities().some(({ id }) => id === PciCapabilityId.VendorSpecific)) {
      throw new VirtioError(
        `Cannot use virtio device ${this.address}: it has the legacy interface only; ` +
          'start QEMU without disable-modern=on',
      )
    }
    const common = this.require(structures, StructureType.Common, 'common', COMMON_BYTES)
    const isr = this.require(structures, StructureType.Isr, 'ISR', 1)
    this.notify = this.require(structures, StructureType.Notify, 'notification', 2)
    const device = structures.get(StructureType.Device)
    pciFunction.enable()
    pciFunction.updateCommand(PciCommand.InterruptDisable, 0)
    this.common = bus.mapRegisters(common.physicalAddress, common.lengthBytes)
    this.isr = bus.mapRegisters(isr.physicalAddress, isr.lengthBytes).bytes
    this.notifyWindow = bus.mapRegisters(this.notify.physicalAddress, this.notify.lengthBytes)
    this.device =
      device === undefined ? null : bus.mapRegisters(device.physicalAddress, device.lengthBytes)
    this.configLengthBytes = device?.lengthBytes ?? 0
    this.queueCount = this.common.halves[NUM_QUEUES]!
  }

  readStatus(): number {
    return this.common.bytes[DEVICE_STATUS]!
  }

  writeStatus(status: number): void {
    this.common.bytes[DEVICE_STATUS] = status
  }

  readDeviceFeatures(): bigint {
    const { words } = this.common
    let features = 0n
    for (let select = 0; select < FEATURE_WORDS; select++) {
      words[DEVICE_FEATURE_SELECT] = select
      features |= BigInt(words[DEVICE_FEATURE]!) << BigInt(select * 32)
    }
    return features
  }

  writeDriverFeatures(features: bigint): void {
    const { words } = this.common
    for (let select = 0; select < FEATURE_WORDS; select++) {
      const value = Number((features >> BigInt(select * 32)) & 0xffffffffn)
      // Words 2 and 3 are new in virtio 1.4: older devices need not know them.
      if (select > 1 && value === 0) continue
      words[DRIVER_FEATURE_SELECT] = select
      words[DRIVER_FEATURE] = value
    }
  }

  readConfigGeneration(): number {
    return this.common.bytes[CONFIG_GENERATION]!
  }

  readConfig8(offset: number): number {
    return this.deviceConfig(offset, 1).bytes[offset]!
  }

  readConfig16(offset: number): number {
    return this.deviceConfig(offset, 2).halves[offset >> 1]!
  }

  readConfig32(offset: number): number {
    return this.deviceConfig(offset, 4).words[offset >> 2]!
  }

  openInterrupts(
    mode: InterruptMode,
    registry: InterruptRegistry,
    name: string,
    handlers: InterruptHandlers,
  ): boolean {
    if (mode === 'msix') return this.openMsix(registry, name, handlers)
    if (this.msix !== null) closeMsix(this.msix, registry, this.entryVectors)
    this.msix = null
    this.entryVectors = []
    this.configurationVector = NO_VECTOR
    this.queueVectors = new Map()
    this.interruptMode = mode
    return mode === 'polled' || this.openLine(registry, handlers)
  }

  queueInterruptVector(queue: number): number {
    if (this.interruptMode === 'intx') return this.lineVector
    return this.entryVectors[this.queueVectors.get(queue) ?? NO_VECTOR] ?? -1
  }

  maximumQueueSize(queue: number): number {
    this.common.halves[QUEUE_SELECT] = queue
    return this.common.halves[QUEUE_SIZE]!
  }

  connectConfigurationInterrupt(): boolean {
    if (this.interruptMode !== 'msix') return true
    const { halves } = this.common
    halves[CONFIG_MSIX_VECTOR] = this.configurationVector
    // §4.1.5.1.2.1: "the driver MUST verify success by reading the Vector field value".
    return halves[CONFIG_MSIX_VECTOR] === this.configurationVector
  }

  enableQueue(queue: number, size: number, addresses: QueueAddresses): boolean {
    const { halves, words } = this.common
    halves[QUEUE_SELECT] = queue
    halves[QUEUE_SIZE] = size
    if (this.interruptMode === 'msix') {
      const vector = this.queueVectors.get(queue) ?? NO_VECTOR
      halves[QUEUE_MSIX_VECTOR] = vector
      if (halves[QUEUE_MSIX_VECTOR] !== vector) return false
    }
    writeAddress(words, QUEUE_DESC, addresses.descriptorArea)
    writeAddress(words, QUEUE_DRIVER, addresses.driverArea)
    writeAddress(words, QUEUE_DEVICE, addresses.deviceArea)
    // §4.1.4.3.2: everything else must be in place before; 0 is never written.
    halves[QUEUE_ENABLE] = 1
    return true
  }

  doorbell(queue: number): Doorbell {
    this.common.halves[QUEUE_SELECT] = queue
    const offset = this.common.halves[QUEUE_NOTIFY_OFF]! * this.notify.notifyOffsetMultiplier
    if (offset + 2 > this.notify.lengthBytes || (offset & 1) !== 0) {
      throw new VirtioError(
        `Cannot notify queue ${queue} of virtio device ${this.address}: offset ${offset} of ${this.notify.lengthBytes}`,
      )
    }
    return { registers: this.notifyWindow.halves, index: offset >> 1 }
  }

  isolate(): void {
    this.pciFunction.updateCommand(PciCommand.InterruptDisable, PciCommand.BusMaster)
  }

  isPresent(): boolean {
    return this.pciFunction.isPresent()
  }

  reconnect(): void {
    const { pciFunction } = this
    if (!pciFunction.isSameModel()) throw new VirtioError('it is a device of another kind')
    if (!pciFunction.restoreBars() || !this.isLaidOutAsBefore()) {
      throw new VirtioError('its registers are laid out otherwise')
    }
    // Reset while it still cannot reach memory: what it was told before is not true any more.
    pciFunction.updateCommand(PciCommand.Memory, 0)
    resetDevice(this.hal, this)
    pciFunction.enable()
    const usesLine = this.interruptMode === 'intx'
    pciFunction.updateCommand(
      usesLine ? 0 : PciCommand.InterruptDisable,
      usesLine ? PciCommand.InterruptDisable : 0,
    )
    if (this.msix !== null) this.reconnectMsix()
  }

  private isLaidOutAsBefore(): boolean {
    const structures = findVirtioStructures(this.pciFunction)
    for (const [type, before] of this.structures) {
      const now = structures.get(type)
      if (now === undefined || now.physicalAddress !== before.physicalAddress) return false
      if (now.lengthBytes !== before.lengthBytes) return false
      if (now.notifyOffsetMultiplier !== before.notifyOffsetMultiplier) return false
    }
    return true
  }

  private reconnectMsix(): void {
    const msix = MsixTable.open(this.pciFunction, this.bus.mapRegisters)
    if (msix === null || msix.entryCount < this.entryVectors.length) {
      throw new VirtioError('it has fewer interrupt vectors')
    }
    msix.enable()
    this.entryVectors.forEach((vector, entry) => {
      msix.setEntry(this.hal, entry, vector)
    })
    this.msix = msix
  }

  /**
   * Entry 0 is for configuration changes, the rest for queues, shared from the last entry on when
   * they run out. Half of what is left is for who comes later: another device goes without any
   * interrupt sooner than this one suffers from sharing.
   */
  private openMsix(
    registry: InterruptRegistry,
    name: string,
    handlers: InterruptHandlers,
  ): boolean {
    const msix = MsixTable.open(this.pciFunction, this.bus.mapRegisters)
    if (msix === null || registry.freeCount === 0) return false
    const entryCount = Math.max(1, Math.min(msix.entryCount, registry.freeCount >> 1))
    const calls: (() => void)[][] = [[handlers.configuration]]
    const queueVectors = new Map<number, number>()
    for (const [queue, handler] of handlers.queues) {
      const entry = Math.min(queueVectors.size + 1, entryCount - 1)
      const shared = calls[entry]
      if (shared === undefined) calls[entry] = [handler]
      else shared.push(handler)
      queueVectors.set(queue, entry)
    }
    const entryVectors: number[] = []
    msix.enable()
    try {
      calls.forEach((each, entry) => {
        // Mostly it is one: no list need be gone through for it with each lone packet.
        const callAll = () => {
          for (const call of each) call()
        }
        const handler = each.length === 1 ? each[0]! : callAll
        const vector = registry.register(`${name} ${entry}`, handler)
        entryVectors.push(vector)
        msix.setEntry(this.hal, entry, vector)
      })
    } catch {
      // The platform has no message for such a vector: a shared line needs none.
      closeMsix(msix, registry, entryVectors)
      return false
    }
    this.msix = msix
    this.interruptMode = 'msix'
    this.configurationVector = 0
    this.queueVectors = queueVectors
    this.entryVectors = entryVectors
    return true
  }

  private openLine(registry: InterruptRegistry, handlers: InterruptHandlers): boolean {
    this.lineVector = this.bus.interruptLines.attach(this.pciFunction, registry, () => {
      // §4.1.4.5: reading clears the status and so releases the line.
      const cause = this.isr[0]!
      if ((cause & ISR_CONFIGURATION) !== 0) handlers.configuration()
      if ((cause & ISR_QUEUE) === 0) return
      for (const handler of handlers.queues.values()) handler()
    })
    if (this.lineVector < 0) return false
    this.pciFunction.updateCommand(0, PciCommand.InterruptDisable)
    return true
  }

  private require(
    structures: Map<number, VirtioStructure>,
    type: number,
    name: string,
    minimumBytes: number,
  ): VirtioStructure {
    const structure = structures.get(type)
    if (structure === undefined || structure.lengthBytes < minimumBytes) {
      throw new VirtioError(
        `Cannot use virtio device ${this.address}: it has no usable ${name} structure`,
      )
    }
    return structure
  }

  private deviceConfig(offset: number, widthBytes: number): RegisterWindow {
    if (this.device === null || offset + widthBytes > this.configLengthBytes) {
      throw new VirtioError(
        `Cannot read configuration byte ${offset} of virtio device ${this.address}: it has ${this.configLengthBytes}`,
      )
    }
    return this.device
  }
}

/** The table is off before its vectors are given back: they may be another device's next. */
function closeMsix(
  msix: MsixTable,
  registry: InterruptRegistry,
  entryVectors: readonly number[],
): void {
  msix.disable()
  for (const vector of entryVectors) registry.unregister(vector)
}

/** Two aligned accesses of 32 bits: §4.1.3.1 asks for no wider ones. */
function writeAddress(words: Registers, index: number, physicalAddress: number): void {
  words[index] = physicalAddress % 0x100000000
  words[index + 1] = Math.floor(physicalAddress / 0x100000000)
}
