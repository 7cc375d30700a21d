/** How a virtio driver reaches its device, whatever the bus (virtio 1.4 §4). */
import type { InterruptRegistry } from '../interrupt-registry.ts'
import type { Registers } from '../pci/registers.ts'

export const VirtioDeviceType = { Network: 1, Console: 3, Entropy: 4 } as const
export type VirtioDeviceType = (typeof VirtioDeviceType)[keyof typeof VirtioDeviceType]

/** §2.1 Device status field. */
export const DeviceStatus = {
  Acknowledge: 1,
  Driver: 2,
  DriverOk: 4,
  FeaturesOk: 8,
  NeedsReset: 64,
  Failed: 128,
} as const

/**
 * How a device says that there is work. `polled`: it cannot; whoever uses the driver must look by
 * himself.
 */
export type InterruptMode = 'msix' | 'intx' | 'polled'

/** Physical addresses of one queue's three areas (§2.6), whichever format it has. */
export interface QueueAddresses {
  readonly descriptorArea: number
  readonly driverArea: number
  readonly deviceArea: number
}

/** Called from the event loop; they only note that there is work. */
export interface InterruptHandlers {
  readonly configuration: () => void
  /** By queue number; where interrupts are few, the last share one. */
  readonly queues: ReadonlyMap<number, () => void>
}

/** A register that takes the queue's number: `registers[index] = queue`. */
export interface Doorbell {
  readonly registers: Registers
  readonly index: number
}

export interface VirtioTransport {
  readonly deviceType: number
  /** Where it is, for messages: "0000:00:02.0". */
  readonly address: string
  /** As the bus has it, e.g. 0x1af4 and 0x1041. */
  readonly vendorId: number
  readonly deviceId: number
  readonly queueCount: number

  readStatus(): number
  /** 0 resets the device; poll readStatus until it is 0. */
  writeStatus(status: number): void
  readDeviceFeatures(): bigint
  writeDriverFeatures(features: bigint): void

  readConfigGeneration(): number
  /** Bytes of device-specific configuration. */
  readonly configLengthBytes: number
  readConfig8(offset: number): number
  readConfig16(offset: number): number
  readConfig32(offset: number): number

  /**
   * Takes vectors or a line for the device, in the first mode of `allowed` that this machine can
   * do. Called once a mode; the choice takes effect at the next reset and set-up of queues.
   */
  openInterrupts(
    mode: InterruptMode,
    registry: InterruptRegistry,
    name: string,
    handlers: InterruptHandlers,
  ): boolean
  /**
   * The vector that a queue's interrupts come by, others' too where it is a line that is shared; -1
   * when there is none.
   */
  queueInterruptVector(queue: number): number
  /** Largest size of a queue as the device has it; 0 = no such queue. */
  maximumQueueSize(queue: number): number
  /** False when the device refused the interrupt vector for configuration changes. */
  connectConfigurationInterrupt(): boolean
  /**
   * Writes size, vector and addresses, then enables. False when the device refused the interrupt
   * vector.
   */
  enableQueue(queue: number, size: number, addresses: QueueAddresses): boolean
  doorbell(queue: number): Doorbell
  /** Cuts the device off from memory, for one that does not even reset. */
  isolate(): void
  /** False when nothing answers in its place any more. */
  isPresent(): boolean
  /**
   * Undoes `isolate`, for the same device or for another of the same make in its place; throws when
   * it is not one.
   */
  reconnect(): void
}
