/** Outgoing frames: a pool of frames, the transmit queue, and lazy reclaim without interrupts (virtio 1.4 §5.1.6.2). */
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { TransmitFrame } from '../../../net/phy/net-device.ts'
import { DEVICE_LIED, type SplitVirtqueue } from '../split-virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { type NegotiatedOffloads, writeTransmitHeader } from './offload-map.ts'
import type { VirtioNetStatistics } from './statistics.ts'
import { VirtioTransmitFrame } from './transmit-frame.ts'

export class TransmitPath {
  private readonly queue: SplitVirtqueue
  private readonly offloads: NegotiatedOffloads
  private readonly statistics: VirtioNetStatistics
  private readonly distrust: (lie: string) => void
  private readonly frames: VirtioTransmitFrame[] = []
  /** Stack of free slots: the first `freeCount` entries. */
  private readonly freeSlots: Uint16Array
  private freeCount = 0
  private openFrame: VirtioTransmitFrame | null = null
  private armed = false

  constructor(
    hal: Hal,
    queue: SplitVirtqueue,
    headerBytes: number,
    offloads: NegotiatedOffloads,
    statistics: VirtioNetStatistics,
    distrust: (lie: string) => void,
  ) {
    this.queue = queue
    this.offloads = offloads
    this.statistics = statistics
    this.distrust = distrust
    this.freeSlots = new Uint16Array(queue.slots)
    for (let slot = 0; slot < queue.slots; slot++) {
      const header = hal.allocateDma(headerBytes, 64)
      queue.bind(slot, header.physicalAddress, header.lengthBytes, false)
      this.frames.push(new VirtioTransmitFrame(slot, header))
    }
    this.takeBackAll()
  }

  get hasOpenFrame(): boolean {
    return this.openFrame !== null
  }

  acquire(): TransmitFrame | null {
    if (this.openFrame !== null) throw new Error('Cannot acquire a frame: one is still open')
    let free = this.freeCount
    if (free === 0) {
      if (!this.makeRoom()) return null
      free = this.freeCount
    }
    this.freeCount = --free
    const frame = this.frames[this.freeSlots[free]!]!
    this.openFrame = frame
    frame.headerLength = 0
    frame.payload0 = null
    frame.payload0Length = 0
    frame.payload1 = null
    frame.payload1Length = 0
    frame.owner = null
    const { meta } = frame
    meta.segmentationOffloadSize = 0
    meta.checksumStart = 0
    meta.congestionWindowReduced = false
    return frame
  }

  commit(frame: TransmitFrame): void {
    const open = this.openFrame
    if (open === null || open !== frame) throw new Error('Cannot commit a frame: it is not open')
    const { meta, headerLength, payload0, payload0Length, payload1, payload1Length } = open
    writeTransmitHeader(meta, this.offloads, open.netHeader, open.header.bytes, NET_HEADER_BYTES)
    this.openFrame = null
    this.queue.addChain(
      open.slot,
      headerLength + NET_HEADER_BYTES,
      payload0 === null ? 0 : payload0.physicalAddress + open.payload0Offset,
      payload0Length,
      payload1 === null ? 0 : payload1.physicalAddress + open.payload1Offset,
      payload1Length,
    )
    const { owner } = open
    if (owner !== null) owner.framesInFlight++
    const { statistics } = this
    const lengthBytes = headerLength + payload0Length + payload1Length
    statistics.transmittedFrames++
    statistics.transmittedBytes += lengthBytes
    if (meta.segmentationOffloadSize !== 0) statistics.transmittedSuperSegments++
    if (lengthBytes > statistics.largestTransmittedFrame) {
      statistics.largestTransmittedFrame = lengthBytes
    }
  }

  cancel(frame: TransmitFrame): void {
    const open = this.openFrame
    if (open === null || open !== frame) throw new Error('Cannot cancel a frame: it is not open')
    this.openFrame = null
    open.owner = null
    this.freeSlots[this.freeCount++] = open.slot
  }

  flush(): void {
    if (this.queue.publish()) this.statistics.transmitNotifications++
  }

  reclaim(): void {
    const { queue } = this
    for (;;) {
      const slot = queue.takeUsed()
      if (slot < 0) {
        if (slot === DEVICE_LIED) this.distrust(queue.lie)
        return
      }
      const frame = this.frames[slot]!
      const { owner } = frame
      if (owner !== null) {
        owner.framesInFlight--
        frame.owner = null
      }
      this.freeSlots[this.freeCount++] = slot
    }
  }

  /** The interrupt that makeRoom asked for has done its work. */
  disarmInterrupts(): void {
    if (!this.armed) return
    this.armed = false
    this.queue.disarmInterrupts()
  }

  /** After a device reset nothing is in flight: payload owners may reuse their memory. No frame may be open. */
  takeBackAll(): void {
    this.freeCount = 0
    for (const frame of this.frames) {
      if (frame.owner !== null) frame.owner.framesInFlight--
      frame.owner = null
      this.freeSlots[this.freeCount++] = frame.slot
    }
    this.armed = false
  }

  /** With a full queue: takes back what was sent, else has the device interrupt once there is room. */
  private makeRoom(): boolean {
    this.flush()
    this.reclaim()
    if (this.freeCount !== 0) return true
    this.statistics.transmitQueueFull++
    this.armed = true
    // Not for each frame: a quarter of the queue is worth waking up for.
    this.queue.armInterrupts(this.queue.outstanding >> 2)
    this.reclaim()
    return this.freeCount !== 0
  }
}
