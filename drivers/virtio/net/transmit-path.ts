/** Outgoing frames: a pool of frames, the transmit queue, and lazy reclaim without interrupts (virtio 1.4 §5.1.6.2). */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { TransmitFrame } from '../../../net/phy/net-device.ts'
import { sliceDma } from '../dma-slice.ts'
import type { SplitVirtqueue } from '../split-virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { type NegotiatedOffloads, writeTransmitHeader } from './offload-map.ts'
import type { VirtioNetStatistics } from './statistics.ts'
import { VirtioTransmitFrame } from './transmit-frame.ts'

export class TransmitPath {
  private readonly queue: SplitVirtqueue
  private readonly offloads: NegotiatedOffloads
  private readonly statistics: VirtioNetStatistics
  private readonly distrust: (lie: string) => void
  private readonly memory: DmaBuffer
  private readonly headerBytes: number
  /** Made when first used: the free slots are a stack, so that most of them never are. */
  private readonly frames: (VirtioTransmitFrame | undefined)[] = []
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
    this.freeSlots = new Uint16Array(queue.slotCount)
    this.headerBytes = headerBytes
    this.memory = hal.allocateDma(queue.slotCount * headerBytes, 64)
    for (let slot = 0; slot < queue.size; slot++) this.frames.push(undefined)
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
    const slot = this.freeSlots[free]!
    const frame = this.frames[slot] ?? this.createFrame(slot)
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
    writeTransmitHeader(open, this.offloads)
    this.openFrame = null
    const { headerLength, payload0, payload1, payload0Length, payload1Length } = open
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
    if (open.meta.segmentationOffloadSize !== 0) statistics.transmittedSuperSegments++
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
    const { queue, freeSlots } = this
    const start = this.freeCount
    const taken = queue.takeAllUsed(freeSlots, start)
    if (taken === 0) {
      if (queue.lie !== '') this.distrust(queue.lie)
      return
    }
    const { frames } = this
    const end = start + taken
    for (let i = start; i < end; i++) {
      const frame = frames[freeSlots[i]!]!
      const { owner } = frame
      if (owner === null) continue
      owner.framesInFlight--
      frame.owner = null
    }
    this.freeCount = end
  }

  /** The interrupt that makeRoom asked for has done its work. */
  disarmInterrupts(): void {
    if (!this.armed) return
    this.armed = false
    this.queue.disarmInterrupts()
  }

  /** After a device reset nothing is in flight: payload owners may reuse their memory. No frame may be open. */
  takeBackAll(): void {
    for (const frame of this.frames) {
      if (frame === undefined || frame.owner === null) continue
      frame.owner.framesInFlight--
      frame.owner = null
    }
    const { slotCount, slotStride } = this.queue
    // The first slots are on top of the stack.
    for (let i = 0; i < slotCount; i++) this.freeSlots[i] = (slotCount - 1 - i) * slotStride
    this.freeCount = slotCount
    this.armed = false
  }

  private createFrame(slot: number): VirtioTransmitFrame {
    const { headerBytes } = this
    const offset = (slot / this.queue.slotStride) * headerBytes
    const header = sliceDma(this.memory, offset, headerBytes)
    this.queue.bind(slot, header.physicalAddress, headerBytes, false)
    const frame = new VirtioTransmitFrame(slot, header)
    this.frames[slot] = frame
    return frame
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
