/**
 * Outgoing frames: a pool of slots, the transmit queue, and lazy reclaim without interrupts (virtio
 * 1.4 §5.1.6.2).
 */

import type { FrameSeries } from '../../../net/phy/net-device.ts'
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal, HalBulk } from '../../hal.ts'
import { sliceDma } from '../dma-slice.ts'
import type { Virtqueue } from '../virtqueue.ts'
import { CopiedFrames, MAX_COPIED_FRAMES } from './copied-frames.ts'
import type { DeviceTransmitHalf } from './device-halves.ts'
import type { DeviceHealth } from './device-health.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { transmitHeaderBytes } from './net-queues.ts'
import type { NetSetup } from './net-setup.ts'
import { type TransmitWords, transmitWordsFor, writeTransmitHeader } from './offload-map.ts'
import { SeriesHeaders } from './series-headers.ts'
import { SeriesOwners } from './series-owners.ts'
import { SeriesPayload } from './series-payload.ts'
import { SIZE_SHIFT, type VirtioNetStatistics } from './statistics.ts'
import { TransmitSlot } from './transmit-slot.ts'

/**
 * Payload up to this size is copied behind the header: that costs less than descriptors, and its
 * owner is free at once.
 */
const COPIED_BYTES = 512
const HEADER_ALIGNMENT_BYTES = 64
/**
 * A turn of bulk may send a hundred super-segments: the device begins with the first ones while the
 * stack goes on. Of single segments, a fiftieth as long, it is half of a queue: being told of them
 * costs as much.
 */
const EARLY_FRAMES = 8
/** See TransmitHalf.submitSeries. */
const ONE_BY_ONE = -1

export class TransmitPath implements DeviceTransmitHalf {
  private readonly health: DeviceHealth
  private readonly statistics: VirtioNetStatistics
  private readonly queue: Virtqueue
  private readonly bulk: HalBulk
  private readonly transmitWords: TransmitWords
  private readonly headerMemory: DmaBuffer
  private readonly headerBytes: number
  private readonly seriesHeaders: SeriesHeaders
  private readonly seriesPayload: SeriesPayload
  private readonly seriesOwners = new SeriesOwners()
  /** By number, what SeriesOwners knows the last series of a slot by; 0 = it had another frame. */
  private readonly seriesMarks: Uint8Array
  private hasAllSlots = false
  /** Made when first used: the free slots are a stack, so that most of them never are. */
  private readonly slots: (TransmitSlot | undefined)[] = []
  /** Stack of free slots: the first `freeCount` entries. */
  private readonly freeSlots: Uint16Array
  private freeCount = 0
  /** Slots submitted since the last flush, in order. */
  private readonly pending: Uint16Array
  private pendingCount = 0
  /** Slots of a series were added since the last flush. */
  private isSeriesAdded = false
  /** A series waits for so many slots of a queue that was full. */
  private readonly enoughRoom: number
  private isCrowded = false
  /** What the device says that it wrote, which is nothing. */
  private readonly usedLengths: Uint32Array
  private isArmed = false
  private readonly copiedFrames: CopiedFrames
  /** Frames that the device reads from memory of others. */
  private lentCount = 0
  /**
   * With more free slots than this, and no owner who waits, the device is not asked what it has
   * sent.
   */
  private readonly enoughSlots: number

  constructor(
    hal: Hal,
    setup: NetSetup,
    queue: Virtqueue,
    health: DeviceHealth,
    statistics: VirtioNetStatistics,
  ) {
    this.health = health
    this.statistics = statistics
    this.bulk = hal.bulk
    this.queue = queue
    this.transmitWords = transmitWordsFor(setup.offloads)
    this.freeSlots = new Uint16Array(queue.slotCount)
    this.pending = new Uint16Array(queue.slotCount)
    this.usedLengths = new Uint32Array(queue.slotCount)
    this.enoughSlots = queue.slotCount >> 1
    this.enoughRoom = Math.max(1, queue.slotCount >> 2)
    // A slot's number times a whole number is where its header lies.
    const unit = HEADER_ALIGNMENT_BYTES * queue.slotStride
    this.headerBytes = Math.ceil(transmitHeaderBytes(setup) / unit) * unit
    this.headerMemory = hal.allocateDma(queue.slotCount * this.headerBytes, HEADER_ALIGNMENT_BYTES)
    const stride = this.headerBytes / queue.slotStride
    this.seriesHeaders = new SeriesHeaders(hal.bulk, this.headerMemory, stride, this.transmitWords)
    this.seriesPayload = new SeriesPayload(queue, this.freeSlots)
    this.seriesMarks = new Uint8Array(queue.size)
    for (let slot = 0; slot < queue.size; slot++) this.slots.push(undefined)
    this.takeBackAll()
    // Not shared: who waits for one is woken by the queue that it is in.
    const copied = Math.max(1, MAX_COPIED_FRAMES / setup.queuePairs)
    this.copiedFrames = new CopiedFrames(hal, setup.offloads.segmentUdp ? Math.floor(copied) : 0)
  }

  submit(record: TransmitRecord): boolean {
    if (!this.health.isUp) return false
    let free = this.freeCount
    if (free === 0) {
      if (!this.makeRoom(1)) return false
      free = this.freeCount
    }
    const { bulk, queue } = this
    const number = this.freeSlots[--free]!
    const slot = this.slots[number] ?? this.createSlot(number)
    const { meta, headerLength } = record
    const { seriesMarks } = this
    if (
      meta !== slot.meta ||
      headerLength !== slot.headerLength ||
      // That of a series has written over it.
      seriesMarks[number] !== 0
    ) {
      writeTransmitHeader(meta, headerLength, slot.netHeader, this.transmitWords)
      slot.meta = meta
      slot.headerLength = headerLength
      seriesMarks[number] = 0
    }
    const end = NET_HEADER_BYTES + headerLength
    const { bytes } = slot
    bulk.copy(bytes, NET_HEADER_BYTES, record.header, 0, headerLength)
    const length0 = record.payload0Length
    const length1 = record.payload1Length
    const payload = length0 + length1
    let lengthBytes = headerLength + payload
    if (payload > COPIED_BYTES) {
      const address0 = record.payload0!.physicalAddress + record.payload0Offset
      const address1 = length1 === 0 ? 0 : record.payload1!.physicalAddress + record.payload1Offset
      queue.describe(number, end, address0, length0, address1, length1)
      const owner = record.owner!
      slot.owner = owner
      owner.framesInFlight++
      this.lentCount++
    } else if (payload !== 0) {
      bulk.copy(bytes, end, record.payload0!.bytes, record.payload0Offset, length0)
      if (length1 !== 0) {
        bulk.copy(bytes, end + length0, record.payload1!.bytes, record.payload1Offset, length1)
      }
      queue.describe(number, end + payload, 0, 0, 0, 0)
    } else {
      const length = record.copiedLength
      if (end + length <= bytes.length) {
        if (length !== 0) bulk.copy(bytes, end, record.copied!, record.copiedOffset, length)
        queue.describe(number, end + length, 0, 0, 0, 0)
      } else if (!this.describeCopied(slot, number, end, record)) {
        return this.makeRoomToCopy() && this.submit(record)
      }
      lengthBytes += length
    }
    this.freeCount = free
    this.pending[this.pendingCount++] = number
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

  submitSeries(record: TransmitRecord, series: FrameSeries): number {
    if (!this.health.isUp) return 0
    let to = this.freeCount
    if (to === 0 || this.isCrowded) {
      if (!this.makeRoom(this.enoughRoom)) return 0
      to = this.freeCount
    }
    if (!this.hasAllSlots) this.createAllSlots()
    const { queue, freeSlots, statistics } = this
    const { size } = series
    let count = Math.min(series.count, to)
    const isSuper = record.meta.segmentationOffloadSize !== 0
    // A device that has nothing to do begins with the first ones while the others are written.
    if (isSuper && count > EARLY_FRAMES && queue.unpublished === 0 && queue.hasUsedAll()) {
      count = EARLY_FRAMES
    }
    const mark = this.seriesOwners.lend(record.owner!, count)
    if (mark === 0) return ONE_BY_ONE
    this.lentCount += count
    const from = to - count
    this.freeCount = from
    this.bulk.markSlots(this.seriesMarks, freeSlots, from, to, mark)
    this.seriesHeaders.write(record, series, freeSlots, from, to)
    const end = NET_HEADER_BYTES + record.headerLength
    this.seriesPayload.describe(record, size, end, from, to)
    // What was submitted before goes before.
    if (this.pendingCount !== 0) this.addPending()
    queue.add(freeSlots, from, to)
    this.isSeriesAdded = true
    const frameBytes = record.headerLength + size
    let early = this.enoughSlots
    if (isSuper) {
      early = EARLY_FRAMES
      statistics.transmittedSuperSegmentSizes[frameBytes >> SIZE_SHIFT]! += count
    }
    statistics.transmittedFrames += count
    statistics.transmittedBytes += count * frameBytes
    if (frameBytes > statistics.largestTransmittedFrame) {
      statistics.largestTransmittedFrame = frameBytes
    }
    if (queue.unpublished >= early) this.flush()
    return count
  }

  flush(): void {
    if (this.pendingCount !== 0) this.addPending()
    else if (!this.isSeriesAdded) return
    this.isSeriesAdded = false
    if (this.queue.publish()) this.statistics.transmitNotifications++
  }

  private addPending(): void {
    const count = this.pendingCount
    this.pendingCount = 0
    this.queue.add(this.pending, 0, count)
    this.statistics.transmittedFrames += count
  }

  reclaim(): void {
    const start = this.freeCount
    if (start > this.enoughSlots && this.lentCount === 0) return
    // The queue of a device that is gone or not trusted may still hold frames that it gave back:
    // takeBackAll has them all.
    if (!this.health.isRunning) return
    const { freeSlots, queue } = this
    const taken = queue.take(freeSlots, this.usedLengths, start)
    if (taken === 0) {
      if (queue.violation !== '') this.health.report(queue.violation)
      return
    }
    const end = start + taken
    this.freeCount = end
    if (this.lentCount === 0) return
    const { slots, seriesMarks } = this
    // Frames in a row mostly have the same owner, who is told once.
    let lastOwner: TransmitRecord['owner'] = null
    let count = 0
    for (let i = start; i < end; i++) {
      const number = freeSlots[i]!
      const mark = seriesMarks[number]!
      if (mark !== 0) {
        const frames = this.bulk.countAlike(seriesMarks, freeSlots, i, end)
        this.seriesOwners.giveBack(mark, frames)
        this.lentCount -= frames
        i += frames - 1
        continue
      }
      const slot = slots[number]!
      const owner = slot.owner
      if (owner === null) continue
      slot.owner = null
      this.lentCount--
      if (owner !== lastOwner) {
        if (lastOwner !== null) lastOwner.framesInFlight -= count
        lastOwner = owner
        count = 0
      }
      count++
    }
    if (lastOwner !== null) lastOwner.framesInFlight -= count
  }

  /** The interrupt that makeRoom asked for has done its work. */
  disarmInterrupts(): void {
    if (!this.isArmed) return
    this.isArmed = false
    this.queue.disarmInterrupts()
  }

  takeBackAll(): void {
    for (const slot of this.slots) {
      if (slot === undefined || slot.owner === null) continue
      slot.owner.framesInFlight--
      slot.owner = null
    }
    this.seriesOwners.takeBackAll()
    this.lentCount = 0
    const { slotCount, slotStride } = this.queue
    // The first slots are on top of the stack.
    for (let i = 0; i < slotCount; i++) this.freeSlots[i] = (slotCount - 1 - i) * slotStride
    this.freeCount = slotCount
    this.pendingCount = 0
    this.isSeriesAdded = false
    this.isCrowded = false
    this.isArmed = false
  }

  /**
   * Copies payload that is longer than a slot to memory of its own; false while the device has all
   * of that.
   */
  private describeCopied(
    slot: TransmitSlot,
    number: number,
    end: number,
    record: TransmitRecord,
  ): boolean {
    const frame = this.copiedFrames.take()
    if (frame === null) return false
    const length = record.copiedLength
    this.bulk.copy(frame.memory.bytes, 0, record.copied!, record.copiedOffset, length)
    this.queue.describe(number, end, frame.memory.physicalAddress, length, 0, 0)
    slot.owner = frame
    frame.framesInFlight++
    this.lentCount++
    return true
  }

  private createSlot(number: number): TransmitSlot {
    const { headerBytes } = this
    const offset = (number / this.queue.slotStride) * headerBytes
    const memory = sliceDma(this.headerMemory, offset, headerBytes)
    this.queue.bind(number, memory.physicalAddress, headerBytes, false)
    const slot = new TransmitSlot(memory)
    this.slots[number] = slot
    return slot
  }

  private createAllSlots(): void {
    const { slots } = this
    const { slotCount, slotStride } = this.queue
    for (let i = 0; i < slotCount; i++) {
      if (slots[i * slotStride] === undefined) this.createSlot(i * slotStride)
    }
    this.hasAllSlots = true
  }

  /**
   * Without enough free slots: takes back what was sent, else has the device interrupt once there
   * is room. Who sends much would take a few slots at a time as the device gives them back, at the
   * price of a long series for each: it waits for a quarter of a queue that was full. A frame by
   * itself takes what there is.
   */
  private makeRoom(slots: number): boolean {
    this.flush()
    this.reclaim()
    if (this.freeCount >= slots) {
      if (this.freeCount >= this.enoughRoom) this.isCrowded = false
      return true
    }
    this.isCrowded = true
    this.awaitRoom()
    return this.freeCount >= slots
  }

  /** As makeRoom where memory to copy to is missing. */
  private makeRoomToCopy(): boolean {
    this.flush()
    this.reclaim()
    if (!this.copiedFrames.hasRoom()) this.awaitRoom()
    return this.copiedFrames.hasRoom()
  }

  private awaitRoom(): void {
    this.statistics.transmitQueueFull++
    this.isArmed = true
    // Not for each frame: a quarter of the queue is worth waking up for.
    this.queue.armInterrupts(this.queue.outstanding >> 2)
    this.reclaim()
  }
}
