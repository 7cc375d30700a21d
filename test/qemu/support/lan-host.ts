/** A host on a qemu-runner LAN: the project's own network stack, run by Node's clock and timers. */
import { randomFillSync } from 'node:crypto'
import type { Lan } from 'qemu-runner'
import { Stack } from '../../../net/api/stack.ts'
import type { RandomSource } from '../../../net/iface/random-source.ts'
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  ReceiveHalf,
  TransmitHalf,
} from '../../../net/phy/net-device.ts'
import { ChecksumWork } from '../../../net/phy/offload.ts'
import { presentFrame, type StoredFrame } from '../../../net/phy/received-frame.ts'
import { withSoftwareOffload } from '../../../net/phy/software-offload.ts'
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import { gatherRecord } from '../../support/gather-record.ts'
import { createPacketBuffer, testBulk } from '../../support/memory.ts'

const MTU = 1500
const FRAME_ROOM = 2048
/** What a guest may still have on its way while this host is busy. */
const MAX_ARRIVED = 4096

/** A plain card, no offloads: each frame is copied out at once. */
class LanDevice implements NetDevice, TransmitHalf, ReceiveHalf {
  readonly tx = this
  readonly rx = this
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
  readonly link = { isUp: true }
  onArrival: (() => void) | null = null
  private readonly lan: Lan
  private readonly arrived: Buffer[] = []
  private readonly received: StoredFrame = {
    buffer: createPacketBuffer(FRAME_ROOM),
    length: 0,
    checksumPartial: false,
    segmentSize: 0,
  }

  constructor(lan: Lan, hardwareAddress: Uint8Array) {
    this.lan = lan
    this.hardwareAddress = hardwareAddress
    lan.onFrame((frame) => {
      if (frame.length > FRAME_ROOM || this.arrived.length >= MAX_ARRIVED) return
      this.arrived.push(frame)
      this.onArrival?.()
    })
  }

  submit(record: TransmitRecord): boolean {
    this.lan.send(Buffer.from(gatherRecord(record)))
    return true
  }

  flush(): void {}
  reclaim(): void {}

  receive(frame: ReceivedFrame): boolean {
    const next = this.arrived.shift()
    if (next === undefined) return false
    this.received.buffer.bytes.set(next)
    this.received.length = next.length
    presentFrame(frame, this.received, false)
    return true
  }

  release(): void {}
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
      devices: [withSoftwareOffload(device, testBulk)],
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
