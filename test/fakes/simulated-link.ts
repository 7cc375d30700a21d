/**
 * Two network devices and the wire between them: delay, rate, loss, duplication, reordering, all
 * from a seed.
 */
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  ReceiveHalf,
  TransmitHalf,
} from '../../net/phy/net-device.ts'
import { ChecksumWork } from '../../net/phy/offload.ts'
import { presentFrame, type StoredFrame } from '../../net/phy/received-frame.ts'
import {
  createTransmitRecord,
  frameLength,
  sharePayload,
  type TransmitRecord,
} from '../../net/phy/transmit-record.ts'
import type { PayloadOwner } from '../../net/storage/buffer.ts'
import { createPacketBuffer } from '../support/memory.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { segmentFrame } from './nic-segmentation.ts'
import type { TestClock } from './test-clock.ts'

export interface LinkOptions {
  seed?: number
  /** One way, in milliseconds. */
  delayMs?: number
  /** Serialization in bytes per millisecond; Infinity = none. */
  bytesPerMs?: number
  /**
   * Infinity: the card itself is as slow as the wire. Else the rate is a router's behind a fast
   * card, whose queue holds so many bytes and loses what comes beyond them.
   */
  queueBytes?: number
  /** The router marks what can be marked (RFC 3168 §5) once so many bytes wait. */
  markBytes?: number
  /** Probabilities per wire frame. */
  loss?: number
  duplicate?: number
  reorder?: number
  /**
   * One flipped bit somewhere behind the Ethernet header of an IP packet, where a checksum has to
   * notice it.
   */
  corrupt?: number
  mtu?: number
  /**
   * Longer frames vanish on the way without a word, as in a tunnel whose ICMP messages are
   * filtered. Tests change it on the way.
   */
  swallowOctets?: number
  /**
   * Offer checksum and segmentation offload with this limit, as virtio-net does; 0 = a plain card.
   */
  segmentationLimit?: number
  /** Descriptors of the transmit queue. */
  queueLength?: number
  /** How long after commit the device reads a frame's memory and lets go of it. */
  readDelayMs?: number
}

interface PendingFrame {
  readonly bytes: Uint8Array
}

/** A frame on the wire, as both tests and devices see it. */
export type WireObserver = (from: SimulatedDevice, frame: Uint8Array) => void

export class SimulatedLink {
  readonly left: SimulatedDevice
  readonly right: SimulatedDevice
  readonly random: SeededRandom
  readonly options: Required<LinkOptions>
  readonly clock: TestClock
  observer: WireObserver | null = null
  framesLost = 0
  framesCorrupted = 0
  /** Lost to a full queue. */
  framesDropped = 0
  framesMarked = 0
  /** Too long for the way. */
  framesSwallowed = 0

  constructor(clock: TestClock, options: LinkOptions = {}) {
    this.clock = clock
    this.options = {
      seed: 1,
      delayMs: 5,
      bytesPerMs: Number.POSITIVE_INFINITY,
      queueBytes: Number.POSITIVE_INFINITY,
      markBytes: Number.POSITIVE_INFINITY,
      loss: 0,
      duplicate: 0,
      reorder: 0,
      corrupt: 0,
      mtu: 1500,
      swallowOctets: Number.POSITIVE_INFINITY,
      segmentationLimit: 0,
      queueLength: 64,
      readDelayMs: 0,
      ...options,
    }
    this.random = new SeededRandom(this.options.seed)
    this.left = new SimulatedDevice(this, 1)
    this.right = new SimulatedDevice(this, 2)
  }

  /** Puts one frame, at most MTU-sized, on the wire. */
  carry(from: SimulatedDevice, bytes: Uint8Array): void {
    const { loss, duplicate, reorder, corrupt, delayMs, bytesPerMs, queueBytes, markBytes } =
      this.options
    this.observer?.(from, bytes)
    if (bytes.length > this.options.swallowOctets) {
      this.framesSwallowed++
      return
    }
    const to = from === this.left ? this.right : this.left
    const { nowMs } = this.clock
    const isRouted = queueBytes !== Number.POSITIVE_INFINITY
    const freeMs = Math.max(isRouted ? from.routerFreeMs : from.wireFreeMs, nowMs)
    if (isRouted && (freeMs - nowMs) * bytesPerMs > queueBytes) {
      this.framesDropped++
      return
    }
    if (isRouted && (freeMs - nowMs) * bytesPerMs > markBytes) this.mark(bytes)
    const leavesMs = freeMs + bytes.length / bytesPerMs
    if (isRouted) from.routerFreeMs = leavesMs
    else from.wireFreeMs = leavesMs
    if (this.random.nextFraction() < loss) {
      this.framesLost++
      return
    }
    const arrivalMs = leavesMs + delayMs
    const extraMs = this.random.nextFraction() < reorder ? delayMs * 0.7 : 0
    // Drawn only when asked for, so that the seeds of other tests keep their meaning.
    const arrived = corrupt > 0 && this.random.nextFraction() < corrupt ? this.flip(bytes) : bytes
    this.clock.at(arrivalMs + extraMs, () => to.deliver(arrived))
    if (this.random.nextFraction() < duplicate) this.clock.at(arrivalMs, () => to.deliver(bytes))
  }

  /** Congestion Experienced, where the sender allows it. */
  private mark(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const isIpv4 = view.getUint16(12) === 0x0800
    const shift = isIpv4 ? 0 : 4
    const word = view.getUint16(14)
    if (((word >> shift) & 3) === 0) return
    this.framesMarked++
    view.setUint16(14, word | (3 << shift))
    if (!isIpv4) return
    view.setUint16(24, 0)
    let sum = 0
    for (let offset = 14; offset < 34; offset += 2) sum += view.getUint16(offset)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    view.setUint16(24, ~sum & 0xffff)
  }

  private flip(bytes: Uint8Array): Uint8Array {
    if (bytes[12] === 0x08 && bytes[13] === 0x06) return bytes
    const damaged = bytes.slice()
    const bit = Math.floor(this.random.nextFraction() * (bytes.length - 14) * 8)
    damaged[14 + (bit >> 3)]! ^= 1 << (bit & 7)
    this.framesCorrupted++
    return damaged
  }
}

/**
 * One end of the link. Reads payload memory as late as a real card would, so that early reuse shows
 * up as damage.
 */
export class SimulatedDevice implements NetDevice, TransmitHalf, ReceiveHalf {
  readonly tx = this
  readonly rx = this
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  readonly link = { isUp: true }
  /** Its transmit queue takes nothing, as one that the host no longer serves. */
  isStuck = false
  wireFreeMs = 0
  /** The same of the router behind it, where there is one. */
  routerFreeMs = 0
  /** Called when a frame arrives or room appears: the event loop's wake-up. */
  onEvent: (() => void) | null = null
  largestFrame = 0
  private readonly wire: SimulatedLink
  private readonly idle: TransmitRecord[] = []
  private readonly finished: { owner: PayloadOwner | null; slot: TransmitRecord }[] = []
  private readonly arrived: PendingFrame[] = []
  private readonly received: StoredFrame = {
    buffer: createPacketBuffer(65536),
    length: 0,
    checksumPartial: false,
    segmentSize: 0,
  }
  private wantsRoom = false

  constructor(wire: SimulatedLink, number: number) {
    this.wire = wire
    const { mtu, segmentationLimit, queueLength } = wire.options
    const offloads = segmentationLimit > 0
    const work = offloads ? ChecksumWork.None : ChecksumWork.Both
    this.capabilities = {
      maxTransmissionUnit: mtu,
      checksum: {
        ipv4: ChecksumWork.Both,
        tcp: work,
        udp: work,
        icmpv4: ChecksumWork.Both,
        icmpv6: ChecksumWork.Both,
      },
      segmentation: offloads ? { tcpv4: segmentationLimit, tcpv6: segmentationLimit } : {},
    }
    this.hardwareAddress = Uint8Array.of(2, 0, 0, 0, 0, number)
    for (let index = 0; index < queueLength; index++) this.idle.push(createTransmitRecord(mtu + 14))
  }

  /** Frames committed whose memory the device still holds. */
  get framesHeld(): number {
    return this.wire.options.queueLength - this.idle.length
  }

  submit(record: TransmitRecord): boolean {
    const slot = this.isStuck ? undefined : this.idle.pop()
    if (slot === undefined) {
      this.wantsRoom = true
      return false
    }
    const { clock, options } = this.wire
    const { owner } = record
    slot.header.set(record.header.subarray(0, record.headerLength))
    slot.headerLength = record.headerLength
    slot.meta = record.meta
    sharePayload(slot, record)
    // Only ranges may be read late.
    if (record.copiedLength > 0) slot.copied = record.copied!.slice()
    if (owner !== null) owner.framesInFlight++
    // The card serializes: it reads the next frame's memory when the one before it has left.
    clock.at(Math.max(clock.nowMs + options.readDelayMs, this.wireFreeMs), () => {
      this.send(slot)
      this.finished.push({ owner, slot })
      if (this.wantsRoom) {
        this.wantsRoom = false
        this.onEvent?.()
      }
    })
    return true
  }

  flush(): void {}

  reclaim(): void {
    for (const { owner, slot } of this.finished) {
      if (owner !== null) owner.framesInFlight--
      this.idle.push(slot)
    }
    this.finished.length = 0
  }

  receive(frame: ReceivedFrame): boolean {
    const next = this.arrived.shift()
    if (next === undefined) return false
    this.received.buffer.bytes.set(next.bytes)
    this.received.length = next.bytes.length
    presentFrame(frame, this.received, false)
    return true
  }

  release(): void {
    // What is left in the buffer must not matter to anybody.
    this.received.buffer.bytes.fill(0xdd, 0, 2048)
  }

  deliver(bytes: Uint8Array): void {
    this.arrived.push({ bytes })
    this.onEvent?.()
  }

  private send(record: TransmitRecord): void {
    const length = frameLength(record)
    if (length > this.largestFrame) this.largestFrame = length
    for (const bytes of segmentFrame(record, this.capabilities)) this.wire.carry(this, bytes)
  }
}
