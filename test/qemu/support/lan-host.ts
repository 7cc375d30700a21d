/** A host on a qemu-runner LAN: the project's own network stack, run by Node's clock and timers. */
import { randomFillSync } from 'node:crypto'
import type { Lan } from 'qemu-runner'
import { Stack } from '../../../net/api/stack.ts'
import type { RandomSource } from '../../../net/iface/random-source.ts'
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  TransmitFrame,
} from '../../../net/phy/net-device.ts'
import { ChecksumWork } from '../../../net/phy/offload.ts'
import { createTransmitFrame, type MutableTransmitFrame } from '../../../net/phy/transmit-frame.ts'
import { createPacketBuffer, testBulk } from '../../support/memory.ts'

const MTU = 1500
const FRAME_ROOM = 2048
/** What a guest may still have on its way while this host is busy. */
const MAX_ARRIVED = 4096

/** A plain card, no offloads: each frame is copied out at once, so one outgoing record is enough. */
class LanDevice implements NetDevice {
  readonly capabilities: DeviceCapabilities = {
    maxTransmissionUnit: MTU,
    checksum: {
      ipv4: ChecksumWork.Both,
      tcp: ChecksumWork.Both,
      udp: ChecksumWork.Both,
      icmpv4: ChecksumWork.Both,
      icmpv6: ChecksumWork.Both,
    },
    segmentation: {},
  }
  readonly hardwareAddress: Uint8Array
  readonly linkUp = true
  onArrival: (() => void) | null = null
  private readonly lan: Lan
  private readonly frame: MutableTransmitFrame
  private readonly arrived: Buffer[] = []
  private readonly received = createPacketBuffer(FRAME_ROOM)

  constructor(lan: Lan, hardwareAddress: Uint8Array) {
    this.lan = lan
    this.hardwareAddress = hardwareAddress
    this.frame = createTransmitFrame(createPacketBuffer(FRAME_ROOM), 16)
    lan.onFrame((frame) => {
      if (frame.length > FRAME_ROOM || this.arrived.length >= MAX_ARRIVED) return
      this.arrived.push(frame)
      this.onArrival?.()
    })
  }

  acquireTransmit(): TransmitFrame {
    const { frame } = this
    frame.headerLength = 0
    frame.payload0 = null
    frame.payload0Length = 0
    frame.payload1 = null
    frame.payload1Length = 0
    frame.owner = null
    frame.meta.checksumStart = 0
    return frame
  }

  commitTransmit(frame: TransmitFrame): void {
    const { header, headerOffset, headerLength } = frame
    const parts = [Buffer.from(header.bytes.subarray(headerOffset, headerOffset + headerLength))]
    for (const [buffer, offset, length] of [
      [frame.payload0, frame.payload0Offset, frame.payload0Length],
      [frame.payload1, frame.payload1Offset, frame.payload1Length],
    ] as const) {
      if (buffer !== null) parts.push(Buffer.from(buffer.bytes.subarray(offset, offset + length)))
    }
    this.lan.send(Buffer.concat(parts))
  }

  cancelTransmit(): void {}
  flushTransmit(): void {}
  reclaimTransmit(): void {}

  receive(frame: ReceivedFrame): boolean {
    const next = this.arrived.shift()
    if (next === undefined) return false
    this.received.bytes.set(next)
    frame.length = next.length
    frame.fragmentCount = 1
    const fragment = frame.fragments[0]!
    fragment.buffer = this.received
    fragment.offset = 0
    fragment.length = next.length
    frame.meta.checksumVerified = false
    frame.meta.checksumPartial = false
    frame.meta.segmentSize = 0
    return true
  }

  releaseReceive(): void {}
}

class SystemRandom implements RandomSource {
  nextInt32(): number {
    return randomFillSync(Buffer.alloc(4)).readInt32LE()
  }

  fill(target: Uint8Array): void {
    randomFillSync(target)
  }
}

export interface LanHostOptions {
  /** In CIDR notation. */
  readonly addresses: readonly string[]
  readonly mac?: string
}

/** Attach it to the LAN after the guest: a LAN without a guest takes no frame. */
export class LanHost {
  readonly stack: Stack
  private timer: NodeJS.Timeout | undefined
  private isPolling = false
  private isClosed = false

  constructor(lan: Lan, options: LanHostOptions) {
    const mac = Buffer.from(options.mac ?? '525400654321', 'hex')
    const device = new LanDevice(lan, new Uint8Array(mac))
    this.stack = new Stack({
      device,
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: new SystemRandom(),
    })
    for (const address of options.addresses) this.stack.addAddress(address, performance.now())
    device.onArrival = () => this.wake()
    this.stack.onWork = () => this.wake()
    this.wake()
  }

  close(): void {
    this.isClosed = true
    clearTimeout(this.timer)
  }

  /** Polls once whatever runs now has finished: many frames, one poll. */
  private wake(): void {
    if (this.isPolling || this.isClosed) return
    this.isPolling = true
    setImmediate(() => {
      this.isPolling = false
      if (!this.isClosed) this.poll()
    })
  }

  private poll(): void {
    clearTimeout(this.timer)
    while (this.stack.poll(performance.now())) {
      // It asks for another turn as long as there is work.
    }
    const nowMs = performance.now()
    const waitMs = this.stack.nextDeadlineMs(nowMs) - nowMs
    if (waitMs !== Number.POSITIVE_INFINITY) {
      this.timer = setTimeout(() => this.wake(), Math.max(0, Math.ceil(waitMs)))
    }
  }
}
