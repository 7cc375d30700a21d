/**
 * A conforming network device for tests: checks every frame, completes checksums, splits TSO
 * frames, delivers frames.
 */
import { FakeControlQueue, type SteeringLimits } from './fake-control-queue.ts'
import type { FakeHal } from './fake-hal.ts'
import type { FakePciHost } from './fake-pci.ts'
import {
  checkSegmentationRequest,
  findChecksumFault,
  type NetHeader,
  parseNetHeader,
  toWireFrames,
} from './fake-segmentation.ts'
import { FakeVirtioDevice } from './fake-virtio-device.ts'
import type { DeviceFaults } from './fake-virtio-device-options.ts'
import type { Chain, FakeVirtqueue } from './fake-virtqueue.ts'
import { Violation } from './violation.ts'

/** Bits of the network device (virtio 1.4 §5.1.3) under their names. */
export const NET_FEATURE_BITS = {
  CSUM: 0,
  GUEST_CSUM: 1,
  CTRL_GUEST_OFFLOADS: 2,
  MTU: 3,
  MAC: 5,
  GUEST_TSO4: 7,
  GUEST_TSO6: 8,
  GUEST_ECN: 9,
  GUEST_UFO: 10,
  HOST_TSO4: 11,
  HOST_TSO6: 12,
  HOST_ECN: 13,
  HOST_UFO: 14,
  MRG_RXBUF: 15,
  STATUS: 16,
  CTRL_VQ: 17,
  CTRL_RX: 18,
  CTRL_VLAN: 19,
  GUEST_ANNOUNCE: 21,
  MQ: 22,
  CTRL_MAC_ADDR: 23,
  INDIRECT_DESC: 28,
  EVENT_IDX: 29,
  VERSION_1: 32,
  RING_PACKED: 34,
  RING_RESET: 40,
  VQ_NOTF_COAL: 52,
  NOTF_COAL: 53,
  GUEST_USO4: 54,
  GUEST_USO6: 55,
  HOST_USO: 56,
  GUEST_HDRLEN: 59,
  RSS: 60,
} as const
export type NetFeatureName = keyof typeof NET_FEATURE_BITS

/** What QEMU 7.2 offers on a TAP to a modern driver, defaults throughout. */
export const DEFAULT_NET_FEATURES: readonly NetFeatureName[] = [
  'CSUM',
  'GUEST_CSUM',
  'CTRL_GUEST_OFFLOADS',
  'MAC',
  'GUEST_TSO4',
  'GUEST_TSO6',
  'GUEST_ECN',
  'GUEST_UFO',
  'HOST_TSO4',
  'HOST_TSO6',
  'HOST_ECN',
  'HOST_UFO',
  'MRG_RXBUF',
  'STATUS',
  'CTRL_VQ',
  'CTRL_RX',
  'CTRL_VLAN',
  'GUEST_ANNOUNCE',
  'CTRL_MAC_ADDR',
  'INDIRECT_DESC',
  'EVENT_IDX',
  'VERSION_1',
  'RING_RESET',
]

const REQUIREMENTS: readonly (readonly [number, readonly number[]])[] = [
  [7, [1]],
  [8, [1]],
  [9, [7, 8]],
  [10, [1]],
  [11, [0]],
  [12, [0]],
  [13, [11, 12]],
  [14, [0]],
  [18, [17]],
  [19, [17]],
  [21, [17]],
  [22, [17]],
  [23, [17]],
  [2, [17]],
  [52, [17]],
  [53, [17]],
  [54, [1]],
  [55, [1]],
  [56, [0]],
  [60, [17]],
]

export interface FakeVirtioNetOptions {
  readonly features?: readonly NetFeatureName[]
  /** Further feature bits offered, by number. */
  readonly extraFeatureBits?: readonly number[]
  readonly hardwareAddress?: readonly number[]
  readonly mtu?: number
  readonly linkUp?: boolean
  readonly receiveQueueSize?: number
  readonly transmitQueueSize?: number
  readonly controlQueueSize?: number
  /** Pairs that it has; what it says may be a lie. Sizes of further pairs: one half, and so on. */
  readonly queuePairs?: number
  readonly claimedQueuePairs?: number
  /** As QEMU has it, unless said otherwise. */
  readonly steering?: Partial<SteeringLimits>
  readonly transitional?: boolean
  readonly vectors?: number
  readonly globalInterrupt?: number
  readonly interruptPin?: number
  readonly isMmio?: boolean
  readonly faults?: DeviceFaults
  readonly editCapabilities?: (list: { id: number; body: number[] }[]) => void
}

const QEMU_STEERING: SteeringLimits = { keyBytes: 40, tableLength: 128, hashTypes: 0x1ff }

/** How a frame for the guest is marked. */
export interface DeliverMeta {
  /** NEEDS_CSUM: where the incomplete checksum is. */
  readonly partialChecksum?: { readonly start: number; readonly offset: number }
  /** DATA_VALID. */
  readonly checksumValid?: boolean
  readonly gsoType?: number
  readonly gsoSize?: number
  /** A lie, or a hint that nobody may rely on. */
  readonly headerLength?: number
  /** Flags beyond those known. */
  readonly extraFlags?: number
  /** Overrides num_buffers. */
  readonly bufferCount?: number
  /** The pair whose receive queue it comes by. */
  readonly pair?: number
}

export class FakeVirtioNet extends FakeVirtioDevice {
  /** Frames as they leave for the wire. */
  onFrame: (frame: Uint8Array) => void = () => {}
  /** Frames as the guest handed them over. */
  onTransmit: (frame: Uint8Array, header: NetHeader) => void = () => {}
  /** False: notifications are noted only, `processTransmit` does the work. */
  autoProcess = true
  /** False: any header is let through, for tests of what a host would make of it. */
  strict = true
  /** False: frames marked complete may carry wrong checksums. */
  verifyChecksums = true
  droppedDeliveries = 0
  /** True: frames that the driver has asked not to see are dropped, and counted. */
  filters = false
  filteredFrames = 0
  readonly control: FakeControlQueue
  readonly maxTransmissionUnit: number

  constructor(hal: FakeHal, host: FakePciHost, options: FakeVirtioNetOptions = {}) {
    const names = options.features ?? DEFAULT_NET_FEATURES
    let features = 0n
    for (const name of names) features |= 1n << BigInt(NET_FEATURE_BITS[name])
    for (const bit of options.extraFeatureBits ?? []) features |= 1n << BigInt(bit)
    const config = new Uint8Array(24)
    config.set(options.hardwareAddress ?? [0x52, 0x54, 0, 0x12, 0x34, 0x56])
    const view = new DataView(config.buffer)
    view.setUint16(6, options.linkUp === false ? 0 : 1, true)
    view.setUint16(8, options.claimedQueuePairs ?? options.queuePairs ?? 1, true)
    view.setUint16(10, options.mtu ?? 1500, true)
    const steering = { ...QEMU_STEERING, ...options.steering }
    view.setUint8(17, steering.keyBytes)
    view.setUint16(18, steering.tableLength, true)
    view.setUint32(20, steering.hashTypes, true)
    super(hal, host, {
      deviceType: 1,
      transitionalId: 0x1000,
      features,
      requirements: REQUIREMENTS,
      queueSizes: [...pairSizes(options), options.controlQueueSize ?? 64],
      config,
      vectors: options.isMmio ? 0 : (options.vectors ?? 4),
      isMmio: options.isMmio ?? false,
      ...(options.transitional === undefined ? {} : { transitional: options.transitional }),
      ...(options.globalInterrupt === undefined
        ? {}
        : { globalInterrupt: options.globalInterrupt }),
      ...(options.interruptPin === undefined ? {} : { interruptPin: options.interruptPin }),
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.editCapabilities === undefined
        ? {}
        : { editCapabilities: options.editCapabilities }),
    })
    this.maxTransmissionUnit = options.mtu ?? 1500
    this.control = new FakeControlQueue(
      (bit) => this.hasFeature(bit),
      (pair) => this.hasPair(pair),
      steering,
    )
  }

  /** Pairs that it may use now. */
  get enabledPairs(): number {
    return this.hasSeveral ? this.control.queuePairs : 1
  }

  private get hasSeveral(): boolean {
    return this.hasFeature(NET_FEATURE_BITS.MQ) || this.hasFeature(NET_FEATURE_BITS.RSS)
  }

  private hasPair(pair: number): boolean {
    const [receive, transmit] = [this.queues[2 * pair], this.queues[2 * pair + 1]]
    const isControl = transmit === undefined || transmit === this.controlQueue
    return !isControl && receive?.enabled === true && transmit.enabled
  }

  get receiveQueue(): FakeVirtqueue {
    return this.queues[0]!
  }

  get transmitQueue(): FakeVirtqueue {
    return this.queues[1]!
  }

  setLink(up: boolean): void {
    this.changeConfig(6, [up ? 1 : 0, 0])
  }

  /** Sends every frame the guest has queued with a pair; returns how many. */
  processTransmit(limit = Infinity, pair = 0): number {
    const queue = this.queues[2 * pair + 1]!
    if (pair >= this.enabledPairs) throw new Violation(`frames for pair ${pair}, which is not on`)
    let count = 0
    while (count < limit && this.isLive) {
      const chain = queue.take()
      if (chain === null) break
      this.transmit(chain)
      queue.giveBack(chain, 0)
      count++
    }
    queue.wantNotifications(true)
    if (queue.publish()) this.interruptQueue(queue)
    return count
  }

  /**
   * Puts a frame into the guest's buffers, several with MRG_RXBUF; false when there is no room (or
   * no live driver), as a TAP then waits or drops. Marks that were not negotiated are an error of
   * the test.
   */
  deliver(frame: Uint8Array, meta: DeliverMeta = {}): boolean {
    if (!this.isLive) return false
    if (this.filters && !this.control.passes(frame, this.addressText())) {
      this.filteredFrames++
      return true
    }
    this.checkDelivery(frame, meta)
    const pair = meta.pair ?? 0
    if (this.strict && pair >= this.enabledPairs) throw new Error(`pair ${pair} is not on`)
    const queue = this.queues[2 * pair]!
    const taken: { chain: Chain; lengthBytes: number }[] = []
    let at = 0
    while (at < frame.length || taken.length === 0) {
      const chain = this.canTakeMore(taken.length) ? queue.take() : null
      if (chain === null) break
      at += this.fillBuffer(queue, chain, frame, at, taken)
    }
    if (at < frame.length || taken.length === 0) {
      this.droppedDeliveries++
      // A real device would put the buffers back; the fake may not have taken any.
      if (taken.length > 0)
        throw new Error('the fake device took buffers for a frame that does not fit')
      queue.wantNotifications(true)
      return false
    }
    this.writeNetHeader(taken[0]!.chain, meta, taken.length)
    for (const { chain, lengthBytes } of taken) queue.giveBack(chain, lengthBytes)
    queue.wantNotifications(false)
    if (queue.publish()) this.interruptQueue(queue)
    return true
  }

  protected override onNotify(queue: FakeVirtqueue): void {
    if (queue === this.controlQueue) this.processControl()
    else if (queue.number % 2 === 1 && this.autoProcess) {
      this.processTransmit(Infinity, queue.number >> 1)
    }
  }

  protected override onReset(): void {
    this.control.reset()
  }

  /** §5.1.2: behind all pairs, or behind the first one without MQ and RSS. */
  get controlQueue(): FakeVirtqueue {
    return this.queues[this.hasSeveral ? this.queues.length - 1 : 2]!
  }

  /** Answers what commands there are. */
  processControl(): void {
    const queue = this.controlQueue
    if (!this.hasFeature(NET_FEATURE_BITS.CTRL_VQ)) throw new Violation('commands without CTRL_VQ')
    if (!this.control.process(queue)) return
    queue.wantNotifications(true)
    if (queue.publish()) this.interruptQueue(queue)
  }

  /** §5.1.6.5.4: asks the guest to announce itself, until it says that it has. */
  askForAnnouncement(): void {
    this.changeConfig(6, [this.config[6]! | 2, 0])
  }

  private addressText(): string {
    return [...this.config.subarray(0, 6)].map((it) => it.toString(16).padStart(2, '0')).join(':')
  }

  private canTakeMore(taken: number): boolean {
    return taken === 0 || this.hasFeature(NET_FEATURE_BITS.MRG_RXBUF)
  }

  private fillBuffer(
    queue: FakeVirtqueue,
    chain: Chain,
    frame: Uint8Array,
    at: number,
    taken: { chain: Chain; lengthBytes: number }[],
  ): number {
    const room = chain.parts.reduce((sum, part) => sum + part.bytes.length, 0)
    if (chain.parts.some((part) => !part.deviceWrites))
      throw new Violation('readable RX descriptor')
    this.checkBufferSize(room)
    const isFirst = taken.length === 0
    const skip = isFirst ? 12 : 0
    const length = Math.min(room - skip, frame.length - at)
    if (isFirst && !this.hasEnoughFor(queue, frame.length - length, room)) {
      throw new Error(`a frame of ${frame.length} bytes needs more buffers than are posted`)
    }
    const target = joinWritable(chain)
    target.write(skip, frame.subarray(at, at + length))
    taken.push({ chain, lengthBytes: skip + length })
    return length
  }

  private hasEnoughFor(queue: FakeVirtqueue, remaining: number, room: number): boolean {
    if (remaining <= 0) return true
    if (!this.hasFeature(NET_FEATURE_BITS.MRG_RXBUF)) return false
    return queue.availableCount() * room >= remaining
  }

  /** §5.1.6.3.1 */
  private checkBufferSize(room: number): void {
    const coalesces = ['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_USO4', 'GUEST_USO6'].some((name) =>
      this.hasFeature(NET_FEATURE_BITS[name as NetFeatureName]),
    )
    const merges = this.hasFeature(NET_FEATURE_BITS.MRG_RXBUF)
    const minimum = merges ? 12 : coalesces ? 65601 : 1526
    if (room < minimum) throw new Violation(`RX buffer of ${room} bytes, ${minimum} are required`)
  }

  private checkDelivery(frame: Uint8Array, meta: DeliverMeta): void {
    if (!this.strict) return
    const type = (meta.gsoType ?? 0) & 0x7f
    const isV4 = frame[12] === 8
    const ofUdp = isV4 ? NET_FEATURE_BITS.GUEST_USO4 : NET_FEATURE_BITS.GUEST_USO6
    const ofTcp = type === 1 ? NET_FEATURE_BITS.GUEST_TSO4 : NET_FEATURE_BITS.GUEST_TSO6
    const bit = type === 5 ? ofUdp : ofTcp
    const isOn = this.control.offloads?.includes(bit) ?? true
    if (type !== 0 && !(this.hasFeature(bit) && isOn)) throw new Error(`gso_type ${type} is not on`)
    const marked = meta.partialChecksum !== undefined || meta.checksumValid === true
    if (marked && !this.hasFeature(NET_FEATURE_BITS.GUEST_CSUM)) {
      throw new Error('GUEST_CSUM was not negotiated')
    }
    // §5.1.4.1: only "if the driver negotiates VIRTIO_NET_F_MTU".
    if (type === 0 && this.hasFeature(3) && frame.length > this.maxTransmissionUnit + 14) {
      throw new Error(`a frame of ${frame.length} bytes without gso_type`)
    }
  }

  private writeNetHeader(chain: Chain, meta: DeliverMeta, buffers: number): void {
    const merges = this.hasFeature(NET_FEATURE_BITS.MRG_RXBUF)
    // Without MRG_RXBUF QEMU 7.2 writes ten bytes and leaves what was there in num_buffers.
    const header = new Uint8Array(merges || meta.bufferCount !== undefined ? 12 : 10)
    const view = new DataView(header.buffer)
    const partial = meta.partialChecksum
    header[0] = (partial ? 1 : 0) | (meta.checksumValid ? 2 : 0) | (meta.extraFlags ?? 0)
    header[1] = meta.gsoType ?? 0
    view.setUint16(2, meta.headerLength ?? 0, true)
    view.setUint16(4, meta.gsoSize ?? 0, true)
    view.setUint16(6, partial?.start ?? 0, true)
    view.setUint16(8, partial?.offset ?? 0, true)
    if (header.length === 12) view.setUint16(10, meta.bufferCount ?? buffers, true)
    joinWritable(chain).write(0, header)
  }

  /** Sends one frame of the guest's: whoever has taken it off the queue gives it back. */
  transmit(chain: Chain): void {
    if (chain.parts.some((part) => part.deviceWrites)) throw new Violation('writable TX descriptor')
    const total = chain.parts.reduce((sum, part) => sum + part.bytes.length, 0)
    if (total < 12 + 14) throw new Violation(`TX chain of ${total} bytes`)
    const bytes = new Uint8Array(total)
    let at = 0
    for (const part of chain.parts) {
      bytes.set(part.bytes, at)
      at += part.bytes.length
    }
    const header = parseNetHeader(bytes)
    const frame = bytes.subarray(12)
    if (this.strict) this.checkTransmit(frame, header)
    this.onTransmit(frame, header)
    if ((this.config[6]! & 1) === 0) return
    for (const wire of toWireFrames(frame, header)) {
      if (wire.length > this.maxTransmissionUnit + 14) {
        throw new Violation(
          `segment of ${wire.length} bytes with an MTU of ${this.maxTransmissionUnit}`,
        )
      }
      this.onFrame(wire)
    }
  }

  private checkTransmit(frame: Uint8Array, header: NetHeader): void {
    const { flags, gsoType } = header
    if ((flags & ~1) !== 0) throw new Violation(`TX flags ${flags}`)
    if (header.bufferCount !== 0) throw new Violation(`TX num_buffers ${header.bufferCount}`)
    if (flags !== 0 && !this.hasFeature(NET_FEATURE_BITS.CSUM)) {
      throw new Violation('NEEDS_CSUM without CSUM')
    }
    if ((flags & 1) !== 0) this.checkPartialChecksum(frame, header)
    else if (this.verifyChecksums) {
      const fault = findChecksumFault(frame)
      if (fault !== null) throw new Violation(`complete frame with a wrong ${fault}`)
    }
    const type = gsoType & 0x7f
    if (type === 0) {
      if (gsoType !== 0) throw new Violation('ECN bit without a gso_type')
      if (frame.length > this.maxTransmissionUnit + 14) {
        throw new Violation(`frame of ${frame.length} bytes without gso_type`)
      }
      return
    }
    const { HOST_TSO4, HOST_TSO6, HOST_USO } = NET_FEATURE_BITS
    const bit = { 1: HOST_TSO4, 4: HOST_TSO6, 5: HOST_USO }[type]
    if (bit === undefined || !this.hasFeature(bit)) throw new Violation(`gso_type ${type}`)
    if ((gsoType & 0x80) !== 0 && !this.hasFeature(NET_FEATURE_BITS.HOST_ECN)) {
      throw new Violation('ECN bit without HOST_ECN')
    }
    checkSegmentationRequest(frame, header)
  }

  private checkPartialChecksum(frame: Uint8Array, header: NetHeader): void {
    const { checksumStart: start, checksumOffset: offset } = header
    if (start + Math.max(20, offset + 2) > frame.length && start + offset + 2 > frame.length) {
      throw new Violation(`csum_start ${start} + ${offset} outside ${frame.length} bytes`)
    }
    if (offset !== 16 && offset !== 6) throw new Violation(`csum_offset ${offset}`)
    if (frame[12] === 8 && frame[13] === 0 && (((frame[20]! & 0x3f) << 8) | frame[21]!) !== 0) {
      throw new Violation('NEEDS_CSUM on an IPv4 fragment')
    }
  }
}

/** Each pair half as large as the one before, so that no two are taken for each other. */
function pairSizes(options: FakeVirtioNetOptions): number[] {
  const sizes: number[] = []
  for (let pair = 0; pair < (options.queuePairs ?? 1); pair++) {
    sizes.push(
      (options.receiveQueueSize ?? 256) >> pair,
      (options.transmitQueueSize ?? 256) >> pair,
    )
  }
  return sizes
}

/** The writable parts of a chain as one range. */
function joinWritable(chain: Chain): { write(offset: number, bytes: Uint8Array): void } {
  return {
    write(offset, bytes) {
      let skip = offset
      let done = 0
      for (const part of chain.parts) {
        if (skip >= part.bytes.length) {
          skip -= part.bytes.length
          continue
        }
        const take = Math.min(part.bytes.length - skip, bytes.length - done)
        part.bytes.set(bytes.subarray(done, done + take), skip)
        done += take
        skip = 0
        if (done === bytes.length) return
      }
      throw new Error('the buffers are too small')
    },
  }
}
