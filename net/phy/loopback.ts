/**
 * Two devices joined by a wire in memory: what one sends the other receives. For tests and
 * simulation on one machine.
 */
import type { BufferAllocator, BulkOperations, PayloadOwner } from '../storage/buffer.ts'
import { gatherTransmit } from './gather.ts'
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  ReceiveHalf,
  TransmitHalf,
} from './net-device.ts'
import { presentFrame, type StoredFrame } from './received-frame.ts'
import type { TransmitRecord } from './transmit-record.ts'

/** Largest frame of a device that segments, with room for tags. */
const SLOT_LENGTH = 65_600

export interface LoopbackOptions {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  /** Frames that may wait in this device's receive queue; sending into a full queue is refused. */
  readonly queueLength: number
}

/** One end. Frames it cannot checksum or segment by its capabilities must come complete. */
export class LoopbackDevice implements NetDevice, TransmitHalf, ReceiveHalf {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  readonly tx = this
  readonly rx = this
  readonly link = { isUp: true }
  private peer: LoopbackDevice | null = null
  private readonly bulk: BulkOperations
  private readonly slots: StoredFrame[]
  /** Slots are used as a ring: `waiting` frames from `head` on. */
  private head = 0
  private waiting = 0
  private receiving = false
  private readonly sent: PayloadOwner[] = []

  constructor(options: LoopbackOptions, allocator: BufferAllocator, bulk: BulkOperations) {
    this.capabilities = options.capabilities
    this.hardwareAddress = options.hardwareAddress
    this.bulk = bulk
    this.slots = Array.from({ length: options.queueLength }, () => ({
      buffer: allocator.allocate(SLOT_LENGTH),
      length: 0,
      checksumPartial: false,
      segmentSize: 0,
    }))
  }

  /** Joins two ends; each may be joined once. */
  static join(a: LoopbackDevice, b: LoopbackDevice): void {
    if (a.peer !== null || b.peer !== null) {
      throw new Error('Cannot join devices: one is joined already')
    }
    a.peer = b
    b.peer = a
  }

  submit(record: TransmitRecord): boolean {
    const { peer } = this
    if (!this.link.isUp || peer === null || peer.waiting === peer.slots.length) return false
    const slot = peer.slots[(peer.head + peer.waiting) % peer.slots.length]!
    slot.length = gatherTransmit(record, slot.buffer.bytes, 0, this.bulk)
    slot.checksumPartial = record.meta.checksumStart > 0
    slot.segmentSize = record.meta.segmentationOffloadSize
    peer.waiting++
    if (record.owner !== null) {
      record.owner.framesInFlight++
      this.sent.push(record.owner)
    }
    return true
  }

  flush(): void {}

  reclaim(): void {
    for (const owner of this.sent) owner.framesInFlight--
    this.sent.length = 0
  }

  receive(frame: ReceivedFrame): boolean {
    if (this.receiving) throw new Error('Cannot receive a frame: one is open')
    if (this.waiting === 0) return false
    const slot = this.slots[this.head]!
    // As between two guests of one host: what was to be completed is vouched for (virtio
    // NEEDS_CSUM).
    presentFrame(frame, slot, slot.checksumPartial)
    this.receiving = true
    return true
  }

  release(_frame: ReceivedFrame): void {
    if (!this.receiving) throw new Error('Cannot release a frame: none is open')
    this.receiving = false
    this.head = (this.head + 1) % this.slots.length
    this.waiting--
  }
}
