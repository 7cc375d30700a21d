/**
 * Virtio over MMIO, the modern interface (virtio 1.4 §4.2): one window of registers, one interrupt
 * line, no PCI.
 */
import type { Hal } from '../hal.ts'
import type { InterruptRegistry } from '../interrupt-registry.ts'
import type { MapRegisters, Registers, RegisterWindow } from '../pci/registers.ts'
import type { SharedInterruptLines } from '../shared-interrupt-lines.ts'
import { resetDevice } from './initialize.ts'
import { MMIO_WINDOW_BYTES, type MmioDevice } from './mmio-devices.ts'
import type {
  Doorbell,
  InterruptHandlers,
  InterruptMode,
  QueueAddresses,
  VirtioTransport,
} from './transport.ts'
import { VirtioError } from './virtio-error.ts'

/** §4.2.2, offsets divided by four: all of these registers are accessed in words. */
const VERSION = 0x004 >> 2
const DEVICE_ID = 0x008 >> 2
const VENDOR_ID = 0x00c >> 2
const DEVICE_FEATURES = 0x010 >> 2
const DEVICE_FEATURES_SELECT = 0x014 >> 2
const DRIVER_FEATURES = 0x020 >> 2
const DRIVER_FEATURES_SELECT = 0x024 >> 2
const QUEUE_SELECT = 0x030 >> 2
const QUEUE_SIZE_MAXIMUM = 0x034 >> 2
const QUEUE_SIZE = 0x038 >> 2
const QUEUE_READY = 0x044 >> 2
const QUEUE_NOTIFY = 0x050 >> 2
const INTERRUPT_STATUS = 0x060 >> 2
const INTERRUPT_ACKNOWLEDGE = 0x064 >> 2
const STATUS = 0x070 >> 2
const QUEUE_DESC = 0x080 >> 2
const QUEUE_DRIVER = 0x090 >> 2
const QUEUE_DEVICE = 0x0a0 >> 2
const CONFIG_GENERATION = 0x0fc >> 2
const CONFIG = 0x100

const MODERN_VERSION = 2
const LEGACY_VERSION = 1
const INTERRUPT_QUEUE = 1
const INTERRUPT_CONFIGURATION = 2
/**
 * QEMU 7.2 answers with the first word again for those beyond: features from bit 64 on are not to
 * be had here.
 */
const FEATURE_WORDS = 2
/** As many as any driver here asks for. */
const MAX_QUEUES = 32

export class MmioTransport implements VirtioTransport {
  readonly deviceType: number
  readonly address: string
  readonly vendorId: number
  readonly deviceId: number
  readonly queueCount: number
  readonly configLengthBytes = MMIO_WINDOW_BYTES - CONFIG
  private readonly hal: Hal
  private readonly device: MmioDevice
  private readonly lines: SharedInterruptLines
  private readonly window: RegisterWindow
  private readonly words: Registers
  private lineVector = -1

  /** Throws VirtioError when the device has the legacy interface only. */
  constructor(
    hal: Hal,
    mapRegisters: MapRegisters,
    lines: SharedInterruptLines,
    device: MmioDevice,
  ) {
    this.hal = hal
    this.device = device
    this.lines = lines
    this.deviceType = device.deviceType
    this.deviceId = device.deviceType
    this.address = mmioAddress(device)
    this.window = mapRegisters(device.physicalAddress, MMIO_WINDOW_BYTES)
    this.words = this.window.words
    this.requireModern()
    this.vendorId = this.words[VENDOR_ID]!
    let count = 0
    while (count < MAX_QUEUES && this.maximumQueueSize(count) > 0) count++
    this.queueCount = count
  }

  readStatus(): number {
    return this.words[STATUS]!
  }

  writeStatus(status: number): void {
    this.words[STATUS] = status
  }

  readDeviceFeatures(): bigint {
    const { words } = this
    let features = 0n
    for (let select = 0; select < FEATURE_WORDS; select++) {
      words[DEVICE_FEATURES_SELECT] = select
      features |= BigInt(words[DEVICE_FEATURES]!) << BigInt(select * 32)
    }
    return features
  }

  writeDriverFeatures(features: bigint): void {
    const { words } = this
    for (let select = 0; select < FEATURE_WORDS; select++) {
      words[DRIVER_FEATURES_SELECT] = select
      words[DRIVER_FEATURES] = Number((features >> BigInt(select * 32)) & 0xffffffffn)
    }
  }

  readConfigGeneration(): number {
    return this.words[CONFIG_GENERATION]!
  }

  readConfig8(offset: number): number {
    return this.window.bytes[this.configOffset(offset, 1)]!
  }

  readConfig16(offset: number): number {
    return this.window.halves[this.configOffset(offset, 2) >> 1]!
  }

  readConfig32(offset: number): number {
    return this.words[this.configOffset(offset, 4) >> 2]!
  }

  openInterrupts(
    mode: InterruptMode,
    registry: InterruptRegistry,
    name: string,
    handlers: InterruptHandlers,
  ): boolean {
    if (mode !== 'intx') return mode === 'polled'
    const { words, device, lines } = this
    if (device.globalInterrupt < 0) return false
    if (this.lineVector >= 0) return true
    this.lineVector = lines.attach(
      device.globalInterrupt,
      `${name} ${this.address}`,
      registry,
      () => {
        // §4.2.3.4: what is not acknowledged holds the line.
        const cause = words[INTERRUPT_STATUS]!
        if (cause !== 0) words[INTERRUPT_ACKNOWLEDGE] = cause
        if ((cause & INTERRUPT_CONFIGURATION) !== 0) handlers.configuration()
        if ((cause & INTERRUPT_QUEUE) === 0) return
        for (const handler of handlers.queues.values()) handler()
      },
    )
    return this.lineVector >= 0
  }

  queueInterruptVector(_queue: number): number {
    return this.lineVector
  }

  maximumQueueSize(queue: number): number {
    this.words[QUEUE_SELECT] = queue
    return this.words[QUEUE_SIZE_MAXIMUM]!
  }

  connectConfigurationInterrupt(): boolean {
    return true
  }

  enableQueue(queue: number, size: number, addresses: QueueAddresses): boolean {
    const { words } = this
    words[QUEUE_SELECT] = queue
    // §4.2.3.2: "Check if the queue is not already in use: read QueueReady, and expect a returned
    // value of zero".
    if (words[QUEUE_READY] !== 0) {
      throw new VirtioError(`Cannot enable queue ${queue} of ${this.address}: it is in use`)
    }
    words[QUEUE_SIZE] = size
    writeAddress(words, QUEUE_DESC, addresses.descriptorArea)
    writeAddress(words, QUEUE_DRIVER, addresses.driverArea)
    writeAddress(words, QUEUE_DEVICE, addresses.deviceArea)
    words[QUEUE_READY] = 1
    return true
  }

  doorbell(_queue: number): Doorbell {
    return { registers: this.words, index: QUEUE_NOTIFY }
  }

  /** A reset is all that there is: no bus stands between the device and memory. */
  isolate(): void {
    this.writeStatus(0)
  }

  isPresent(): boolean {
    const { words } = this
    return words[VERSION] === MODERN_VERSION && words[DEVICE_ID] === this.deviceType
  }

  reconnect(): void {
    if (!this.isPresent()) throw new VirtioError('it is a device of another kind')
    resetDevice(this.hal, this)
  }

  private requireModern(): void {
    const version = this.words[VERSION]!
    if (version === MODERN_VERSION) return
    const reason =
      version === LEGACY_VERSION
        ? 'it has the legacy interface only; start QEMU with -global virtio-mmio.force-legacy=false'
        : `its version is ${version}, not ${MODERN_VERSION}`
    throw new VirtioError(`Cannot use virtio device ${this.address}: ${reason}`)
  }

  /** Where a field of the configuration lies in the window. */
  private configOffset(offset: number, widthBytes: number): number {
    if (offset + widthBytes > this.configLengthBytes) {
      throw new VirtioError(
        `Cannot read configuration byte ${offset} of virtio device ${this.address}: it has ${this.configLengthBytes}`,
      )
    }
    return CONFIG + offset
  }
}

/** As messages name a device: "mmio 0xfeb02e00". */
export function mmioAddress({ physicalAddress }: MmioDevice): string {
  return `mmio 0x${physicalAddress.toString(16)}`
}

function writeAddress(words: Registers, index: number, physicalAddress: number): void {
  words[index] = physicalAddress % 0x100000000
  words[index + 1] = Math.floor(physicalAddress / 0x100000000)
}
