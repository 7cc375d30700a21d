/** What kind of virtio device a fake is, and how it misbehaves. */
/** Ways in which a device may misbehave before any packet flows. */
export interface DeviceFaults {
  /** V14: the status never reads 0 after a reset. */
  resetNeverEnds?: boolean
  /** V11: FEATURES_OK is not kept. */
  refusesFeatures?: boolean
  /** V9: config_generation changes with every read. */
  configurationNeverSettles?: boolean
  /** The MSI-X vector reads back as 0xffff. */
  refusesVectors?: boolean
  /** The same for the queues only. */
  refusesQueueVectors?: boolean
  /** V13: interrupts are never sent. */
  losesInterrupts?: boolean
}

export interface FakeVirtioDeviceOptions {
  readonly deviceType: number
  readonly transitionalId?: number
  /** True = device id 0x1000 + n with vendor capabilities. */
  readonly transitional?: boolean
  readonly features: bigint
  /** Feature bits in pairs: the first requires one of the others. */
  readonly requirements?: readonly (readonly [number, readonly number[]])[]
  readonly queueSizes: readonly number[]
  readonly config: Uint8Array
  /** MSI-X table entries; 0 = no MSI-X capability. */
  readonly vectors?: number
  readonly interruptPin?: number
  /** On virtio-mmio, in the window that QEMU's microvm fills first; give it no vectors. */
  readonly isMmio?: boolean
  /** I/O APIC input its pin reaches. */
  readonly globalInterrupt?: number
  readonly faults?: DeviceFaults
  /** Changes the capability list before the device is built: for V10. */
  readonly editCapabilities?: (list: { id: number; body: number[] }[]) => void
}
