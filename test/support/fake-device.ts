/**
 * A strict NetDevice for tests: frames are injected by hand, and what is sent is kept as plain
 * bytes.
 */
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  ReceiveHalf,
  TransmitHalf,
} from '../../net/phy/net-device.ts'
import { ChecksumWork, type PacketMeta } from '../../net/phy/offload.ts'
import type { TransmitRecord } from '../../net/phy/transmit-record.ts'
import type { PayloadOwner } from '../../net/storage/buffer.ts'
import { gatherRecord } from './gather-record.ts'
import { createPacketBuffer } from './memory.ts'

export interface SentFrame {
  readonly bytes: Uint8Array
  readonly meta: PacketMeta
}

interface Arrival {
  readonly bytes: Uint8Array
  readonly meta: Partial<ReceivedFrame['meta']>
  readonly fragmentLengths: readonly number[]
}

export const ALL_IN_SOFTWARE = {
  ipv4: ChecksumWork.Both,
  tcp: ChecksumWork.Both,
  udp: ChecksumWork.Both,
  icmpv4: ChecksumWork.Both,
  icmpv6: ChecksumWork.Both,
}

export class FakeDevice implements NetDevice, TransmitHalf, ReceiveHalf {
  readonly tx = this
  readonly rx = this
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56)
  readonly link = { isUp: true }
  /** Frames the transmit queue still takes. */
  room = Number.POSITIVE_INFINITY
  readonly sent: SentFrame[] = []
  flushes = 0
  private readonly arrivals: Arrival[] = []
  private readonly inFlight: (PayloadOwner | null)[] = []
  private receiving = false

  constructor(capabilities: Partial<DeviceCapabilities> = {}) {
    this.capabilities = {
      maxTransmissionUnit: 1500,
      checksum: ALL_IN_SOFTWARE,
      segmentation: {},
      ...capabilities,
    }
  }

  /** Queues a frame for receive, split over buffers of the given lengths (the rest in the last). */
  inject(
    bytes: Uint8Array,
    meta: Partial<ReceivedFrame['meta']> = {},
    fragmentLengths: readonly number[] = [],
  ): void {
    this.arrivals.push({ bytes, meta, fragmentLengths })
  }

  /** Frames that were injected and not received yet. */
  waiting(): Uint8Array[] {
    return this.arrivals.map(({ bytes }) => bytes)
  }

  /** Forgets the first of them. */
  drop(count: number): void {
    this.arrivals.splice(0, count)
  }

  /** Frames sent since the last call. */
  takeSent(): SentFrame[] {
    return this.sent.splice(0)
  }

  submit(record: TransmitRecord): boolean {
    if (!this.link.isUp || this.room <= 0) return false
    const bytes = gatherRecord(record)
    this.room--
    this.sent.push({ bytes, meta: record.meta })
    if (record.owner !== null) record.owner.framesInFlight++
    this.inFlight.push(record.owner)
    return true
  }

  flush(): void {
    this.flushes++
  }

  /** Completes everything sent so far and makes that much room again, when room is limited. */
  complete(count = this.inFlight.length): void {
    for (const owner of this.inFlight.splice(0, count)) {
      this.room++
      if (owner !== null) owner.framesInFlight--
    }
  }

  reclaim(): void {}

  receive(frame: ReceivedFrame): boolean {
    if (this.receiving) throw new Error('Cannot receive a frame: one is open')
    const arrival = this.arrivals.shift()
    if (arrival === undefined) return false
    const { bytes } = arrival
    frame.length = bytes.length
    frame.meta.checksumVerified = arrival.meta.checksumVerified ?? false
    frame.meta.checksumPartial = arrival.meta.checksumPartial ?? false
    frame.meta.segmentSize = arrival.meta.segmentSize ?? 0
    let count = 0
    for (let start = 0; start < bytes.length || count === 0; count++) {
      const wanted = arrival.fragmentLengths[count] ?? bytes.length - start
      const length = Math.min(wanted, bytes.length - start)
      const fragment = frame.fragments[count]!
      // No byte to spare after the frame: a read past its end throws.
      fragment.buffer = createPacketBuffer(12 + length)
      fragment.buffer.bytes.set(bytes.subarray(start, start + length), 12)
      fragment.offset = 12
      fragment.length = length
      start += length
    }
    frame.fragmentCount = count
    this.receiving = true
    return true
  }

  release(): void {
    if (!this.receiving) throw new Error('Cannot release a frame: none is open')
    this.receiving = false
  }
}
