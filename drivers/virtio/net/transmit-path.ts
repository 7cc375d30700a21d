/** Outgoing frames: a pool of frames, the transmit queue, and lazy reclaim without interrupts (virtio 1.4 §5.1.6.2). */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal, HalBulk } from '../../../kernel/hal/hal.ts'
import type { TransmitFrame } from '../../../net/phy/net-device.ts'
import type { PacketMeta } from '../../../net/phy/offload.ts'
import { sliceDma } from '../dma-slice.ts'
import type { SplitVirtqueue } from '../split-virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { type NetSetup, transmitHeaderBytes } from './net-setup.ts'
import { type TransmitWords, transmitWordsFor, writeTransmitHeader } from './offload-map.ts'
import { SIZE_SHIFT, VirtioNetStatistics } from './statistics.ts'
import { VirtioTransmitFrame } from './transmit-frame.ts'

/**
 * The sending half of the driver. The halves are base classes of VirtioNet rather than parts of it, because a call costs
 * as much as ten bytecodes and delegation would cost five calls a frame.
 */
export abstract class TransmitPath {
  readonly statistics = new VirtioNetStatistics()
  linkUp = false
  protected readonly hal: Hal
  protected readonly setup: NetSetup
  protected readonly transmitQueue: SplitVirtqueue
  private readonly bulk: HalBulk
  private readonly transmitWords: TransmitWords
  private readonly headerMemory: DmaBuffer
  private readonly headerBytes: number
  /** Made when first used: the free slots are a stack, so that most of them never are. */
  private readonly frames: (VirtioTransmitFrame | undefined)[] = []
  /** Stack of free slots: the first `freeCount` entries. */
  private readonly freeSlots: Uint16Array
  private freeCount = 0
  private openFrame: VirtioTransmitFrame | null = null
  private transmitArmed = false

  constructor(hal: Hal, setup: NetSetup, queue: SplitVirtqueue) {
    this.hal = hal
    this.bulk = hal.bulk
    this.setup = setup
    this.transmitQueue = queue
    this.transmitWords = transmitWordsFor(setup.offloads)
    this.freeSlots = new Uint16Array(queue.slotCount)
    this.headerBytes = transmitHeaderBytes(setup)
    this.headerMemory = hal.allocateDma(queue.slotCount * this.headerBytes, 64)
    for (let slot = 0; slot < queue.size; slot++) this.frames.push(undefined)
    this.takeBackAll()
  }

  /** The device was caught lying: nothing it says is believed any more until it has been reset. */
  protected abstract distrust(lie: string): void

  protected get hasOpenFrame(): boolean {
    return this.openFrame !== null
  }

  acquireTransmit(): TransmitFrame | null {
    if (this.openFrame !== null) throw new Error('Cannot acquire a frame: one is still open')
    if (!this.linkUp) return null
    let free = this.freeCount
    if (free === 0) {
      if (!this.makeRoom()) return null
      free = this.freeCount
    }
    this.freeCount = --free
    const slot = this.freeSlots[free]!
    const frame = this.frames[slot] ?? this.createFrame(slot)
    this.openFrame = frame
    frame.payload0Length = 0
    frame.payload1Length = 0
    const { meta } = frame
    meta.segmentationOffloadSize = 0
    meta.checksumStart = 0
    meta.congestionWindowReduced = false
    return frame
  }

  commitTransmit(frame: TransmitFrame): void {
    const open = this.openFrame
    if (open === null || open !== frame) throw new Error('Cannot commit a frame: it is not open')
    const { headerLength, payload0Length, payload1Length, owner } = open
    // Whoever wrote the record may write it again.
    open.requestedMeta = null
    const isSuperSegment = writeTransmitHeader(
      open.meta,
      headerLength,
      open.netHeader,
      this.transmitWords,
    )
    this.openFrame = null
    this.transmitQueue.addChain(
      open.slot,
      headerLength + NET_HEADER_BYTES,
      payload0Length === 0 ? 0 : open.payload0!.physicalAddress + open.payload0Offset,
      payload0Length,
      payload1Length === 0 ? 0 : open.payload1!.physicalAddress + open.payload1Offset,
      payload1Length,
    )
    if (owner !== null) owner.framesInFlight++
    const lengthBytes = headerLength + payload0Length + payload1Length
    const { statistics } = this
    if (isSuperSegment) statistics.transmittedSuperSegmentSizes[lengthBytes >> SIZE_SHIFT]!++
    statistics.transmittedBytes += lengthBytes
    if (lengthBytes > statistics.largestTransmittedFrame) {
      statistics.largestTransmittedFrame = lengthBytes
    }
  }

  transmit(
    header: Uint8Array,
    headerLength: number,
    meta: PacketMeta,
    payload: TransmitFrame['payload0'],
    offset: number,
    length: number,
    owner: TransmitFrame['owner'],
  ): boolean {
    if (this.openFrame !== null) throw new Error('Cannot transmit: a frame is open')
    if (!this.linkUp) return false
    let free = this.freeCount
    if (free === 0) {
      if (!this.makeRoom()) return false
      free = this.freeCount
    }
    const slot = this.freeSlots[--free]!
    const frame = this.frames[slot] ?? this.createFrame(slot)
    if (meta !== frame.requestedMeta || headerLength !== frame.requestedHeaderLength) {
      writeTransmitHeader(meta, headerLength, frame.netHeader, this.transmitWords)
      frame.requestedMeta = meta
      frame.requestedHeaderLength = headerLength
    }
    this.freeCount = free
    this.bulk.copy(frame.headerBytes, NET_HEADER_BYTES, header, 0, headerLength)
    const length0 = headerLength + NET_HEADER_BYTES
    if (payload === null) {
      this.transmitQueue.addChain(slot, length0, 0, 0, 0, 0)
    } else {
      const { physicalAddress } = payload
      const contiguous = payload.lengthBytes - offset
      const address = physicalAddress + offset
      if (length <= contiguous) {
        this.transmitQueue.addPair(slot, length0, address, length)
      } else {
        const rest = length - contiguous
        this.transmitQueue.addChain(slot, length0, address, contiguous, physicalAddress, rest)
      }
      frame.owner = owner
      owner!.framesInFlight++
    }
    const lengthBytes = headerLength + length
    const { statistics } = this
    if (meta.segmentationOffloadSize !== 0) {
      statistics.transmittedSuperSegmentSizes[lengthBytes >> SIZE_SHIFT]!++
    }
    statistics.transmittedBytes += lengthBytes
    if (lengthBytes > statistics.largestTransmittedFrame) {
      statistics.largestTransmittedFrame = lengthBytes
    }
    return true
  }

  cancelTransmit(frame: TransmitFrame): void {
    const open = this.openFrame
    if (open === null || open !== frame) throw new Error('Cannot cancel a frame: it is not open')
    this.openFrame = null
    open.owner = null
    this.freeSlots[this.freeCount++] = open.slot
  }

  flushTransmit(): void {
    const queue = this.transmitQueue
    const count = queue.unpublished
    if (count === 0) return
    this.statistics.transmittedFrames += count
    if (queue.publish()) this.statistics.transmitNotifications++
  }

  reclaimTransmit(): void {
    const { freeSlots } = this
    const queue = this.transmitQueue
    const start = this.freeCount
    const taken = queue.takeAllUsed(freeSlots, start)
    if (taken === 0) {
      if (queue.lie !== '') this.distrust(queue.lie)
      return
    }
    const { frames } = this
    const end = start + taken
    // Frames in a row mostly have the same owner, who is told once.
    let lastOwner: TransmitFrame['owner'] = null
    let count = 0
    for (let i = start; i < end; i++) {
      const frame = frames[freeSlots[i]!]!
      const owner = frame.owner
      if (owner !== lastOwner) {
        if (lastOwner !== null) lastOwner.framesInFlight -= count
        lastOwner = owner
        count = 0
      }
      frame.owner = null
      count++
    }
    if (lastOwner !== null) lastOwner.framesInFlight -= count
    this.freeCount = end
  }

  /** The interrupt that makeRoom asked for has done its work. */
  protected disarmTransmitInterrupts(): void {
    if (!this.transmitArmed) return
    this.transmitArmed = false
    this.transmitQueue.disarmInterrupts()
  }

  /** After a device reset nothing is in flight: payload owners may reuse their memory. No frame may be open. */
  protected takeBackAll(): void {
    for (const frame of this.frames) {
      if (frame === undefined || frame.owner === null) continue
      frame.owner.framesInFlight--
      frame.owner = null
    }
    const { slotCount, slotStride } = this.transmitQueue
    // The first slots are on top of the stack.
    for (let i = 0; i < slotCount; i++) this.freeSlots[i] = (slotCount - 1 - i) * slotStride
    this.freeCount = slotCount
    this.transmitArmed = false
  }

  private createFrame(slot: number): VirtioTransmitFrame {
    const { headerBytes } = this
    const offset = (slot / this.transmitQueue.slotStride) * headerBytes
    const header = sliceDma(this.headerMemory, offset, headerBytes)
    this.transmitQueue.bind(slot, header.physicalAddress, headerBytes, false)
    const frame = new VirtioTransmitFrame(slot, header)
    this.frames[slot] = frame
    return frame
  }

  /** With a full queue: takes back what was sent, else has the device interrupt once there is room. */
  private makeRoom(): boolean {
    this.flushTransmit()
    this.reclaimTransmit()
    if (this.freeCount !== 0) return true
    this.statistics.transmitQueueFull++
    this.transmitArmed = true
    // Not for each frame: a quarter of the queue is worth waking up for.
    this.transmitQueue.armInterrupts(this.transmitQueue.outstanding >> 2)
    this.reclaimTransmit()
    return this.freeCount !== 0
  }
}
