/** Incoming frames: buffers posted once and reposted in batches, frames handed out in place (virtio 1.4 §5.1.6.4). */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { ReceivedFrame } from '../../../net/phy/net-device.ts'
import type { ReceiveMeta } from '../../../net/phy/offload.ts'
import { sliceDma } from '../dma-slice.ts'
import { DEVICE_LIED, NOTHING_USED, type SplitVirtqueue } from '../split-virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { maximumMergedBuffers, type NetSetup, receiveBufferBytes } from './net-setup.ts'
import { readReceiveHeader } from './offload-map.ts'
import { SIZE_SHIFT } from './statistics.ts'
import { TransmitPath } from './transmit-path.ts'

const ETHERNET_HEADER_BYTES = 14
/** The stack relies on headers being contiguous (ReceivedFrame). */
const MIN_FIRST_FRAGMENT_BYTES = 2048
/** Showing buffers to the device again costs a barrier and maybe a notification, whatever their number. */
const REPOST_BATCH = 16

/** `openCount` of a path that holds the first buffer of a merged frame whose others are still to come. */
const HELD: number = -1

/** The receiving half of the driver (a base class for the reason TransmitPath gives). */
export abstract class ReceivePath extends TransmitPath {
  protected readonly receiveQueue: SplitVirtqueue
  /** A change of configuration, a fault, or the driver has given up: `attend` decides. */
  protected needsAttention = false
  private readonly mergeable: boolean
  private readonly bufferBytes: number
  private readonly maxMergedBuffers: number
  private readonly minFirstFragment: number
  private readonly receiveMemory: DmaBuffer
  /** All of `receiveMemory` in words: where buffer n's virtio_net_hdr is follows from n. */
  private readonly words: Uint32Array
  private readonly bufferWords: number
  /** Made when first filled. */
  private readonly buffers: (DmaBuffer | undefined)[] = []
  /** Slots of the frame that the stack has open, the first one apart: mostly there is no other. */
  private openSlot = 0
  private readonly furtherSlots: Uint16Array
  /** Buffers of the open frame; 0 = none is open, HELD = not all of it is there. */
  private openCount = 0
  private unpublished = 0
  private heldLength = 0
  private heldWord2 = 0
  /** The header judged last: those of one connection repeat, so that most frames need a comparison only. */
  private judgedWord0 = -1
  private judgedWord1 = 0
  private judgedWord2 = 0
  private judgedMinimumLength = 0
  private readonly judged: ReceiveMeta = {
    checksumVerified: false,
    checksumPartial: false,
    segmentSize: 0,
  }

  constructor(
    hal: Hal,
    setup: NetSetup,
    receiveQueue: SplitVirtqueue,
    transmitQueue: SplitVirtqueue,
  ) {
    super(hal, setup, transmitQueue)
    this.receiveQueue = receiveQueue
    this.mergeable = setup.mergeable
    this.bufferBytes = receiveBufferBytes(setup)
    this.maxMergedBuffers = maximumMergedBuffers(setup)
    this.furtherSlots = new Uint16Array(this.maxMergedBuffers)
    const { bufferBytes } = this
    const { slotCount } = receiveQueue
    this.bufferWords = bufferBytes / 4
    this.minFirstFragment = Math.min(MIN_FIRST_FRAGMENT_BYTES, bufferBytes - NET_HEADER_BYTES)
    this.receiveMemory = hal.allocateDma(slotCount * bufferBytes, 64)
    const { bytes, physicalAddress } = this.receiveMemory
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, slotCount * this.bufferWords)
    for (let slot = 0; slot < slotCount; slot++) {
      receiveQueue.bind(slot, physicalAddress + slot * bufferBytes, bufferBytes, true)
      this.buffers.push(undefined)
    }
  }

  /** Deals with what needs attention; false = nothing can be received now. */
  protected abstract attend(): boolean

  receive(frame: ReceivedFrame): boolean {
    if (this.needsAttention && !this.attend()) return false
    if (this.openCount !== 0) {
      if (this.openCount !== HELD) throw new Error('Cannot receive a frame: one is still open')
      if (!this.gather(frame)) return false
      if (this.openCount !== 0) return true
    }
    const queue = this.receiveQueue
    for (;;) {
      const slot = queue.takeUsed()
      if (slot < 0) return this.stopAt(slot)
      const usedLength = queue.usedLength
      if (usedLength < NET_HEADER_BYTES || usedLength > this.bufferBytes) {
        return this.refuse('usedLength')
      }
      const words = this.words
      const at = slot * this.bufferWords
      const word0 = words[at]!
      const word1 = words[at + 1]!
      const word2 = words[at + 2]!
      // Without MRG_RXBUF QEMU 7.2 leaves num_buffers unwritten.
      if (word2 >>> 16 !== 1 && this.mergeable) {
        this.openCount = HELD
        this.openSlot = slot
        this.heldLength = usedLength
        this.heldWord2 = word2
        if (!this.gather(frame)) return false
        if (this.openCount !== 0) return true
        continue
      }
      const lengthBytes = usedLength - NET_HEADER_BYTES
      if (!this.accept(frame, word0, word1, word2, lengthBytes)) {
        this.repost(slot)
        continue
      }
      const fragment = frame.fragments[0]
      const buffer = this.buffers[slot]
      if (fragment === undefined || buffer === undefined) {
        this.setFragment(frame, 0, slot, NET_HEADER_BYTES, lengthBytes)
      } else {
        fragment.buffer = buffer
        fragment.offset = NET_HEADER_BYTES
        fragment.length = lengthBytes
      }
      frame.fragmentCount = 1
      this.openSlot = slot
      this.openCount = 1
      return true
    }
  }

  releaseReceive(_frame: ReceivedFrame): void {
    const count = this.openCount
    if (count <= 0) throw new Error('Cannot release a received frame: none is open')
    this.openCount = 0
    const queue = this.receiveQueue
    queue.add(this.openSlot)
    for (let i = 1; i < count; i++) queue.add(this.furtherSlots[i]!)
    this.unpublished += count
    if (this.unpublished >= REPOST_BATCH) this.publishReceive()
  }

  /** Posts every buffer; the queue must be empty (after a reset). `publishReceive` follows once the device is live. */
  protected postAll(): void {
    this.unpublished = 0
    this.openCount = 0
    for (let slot = 0; slot < this.receiveQueue.slotCount; slot++) this.receiveQueue.add(slot)
  }

  protected publishReceive(): void {
    this.unpublished = 0
    if (this.receiveQueue.publish()) this.statistics.receiveNotifications++
  }

  /** False: something was received already. */
  protected armReceiveInterrupts(): boolean {
    if (this.unpublished !== 0) this.publishReceive()
    // The other buffers of a frame that is not whole yet are no reason to stay awake.
    const ignored = this.openCount === HELD ? this.receiveQueue.usedCount() : 0
    return this.receiveQueue.armInterrupts(ignored)
  }

  protected get hasReceived(): boolean {
    return this.openCount !== HELD && this.receiveQueue.usedCount() !== 0
  }

  private createBuffer(slot: number): DmaBuffer {
    const buffer = sliceDma(this.receiveMemory, slot * this.bufferBytes, this.bufferBytes)
    this.buffers[slot] = buffer
    return buffer
  }

  private repost(slot: number): void {
    this.receiveQueue.add(slot)
    if (++this.unpublished >= REPOST_BATCH) this.publishReceive()
  }

  private stopAt(why: number): boolean {
    if (why === DEVICE_LIED) return this.refuse(this.receiveQueue.lie)
    if (this.unpublished !== 0) this.publishReceive()
    return false
  }

  private refuse(lie: string): false {
    this.openCount = 0
    this.distrust(lie)
    return false
  }

  private setFragment(
    frame: ReceivedFrame,
    index: number,
    slot: number,
    offset: number,
    length: number,
  ): void {
    const { fragments } = frame
    const buffer = this.buffers[slot] ?? this.createBuffer(slot)
    const fragment = fragments[index]
    if (fragment === undefined) {
      fragments.push({ buffer, offset, length })
      return
    }
    fragment.buffer = buffer
    fragment.offset = offset
    fragment.length = length
  }

  /** Fills length, meta and statistics from the header words; false = dropped and counted. */
  private accept(
    frame: ReceivedFrame,
    word0: number,
    word1: number,
    word2: number,
    lengthBytes: number,
  ): boolean {
    if (
      word0 !== this.judgedWord0 ||
      word1 !== this.judgedWord1 ||
      word2 !== this.judgedWord2 ||
      lengthBytes < this.judgedMinimumLength
    ) {
      if (!this.judge(word0, word1, word2, lengthBytes)) return false
    }
    const { judged, statistics } = this
    const { meta } = frame
    const segmentSize = judged.segmentSize
    meta.segmentSize = segmentSize
    meta.checksumVerified = judged.checksumVerified
    meta.checksumPartial = judged.checksumPartial
    frame.length = lengthBytes
    statistics.receivedFrames++
    if (segmentSize !== 0) {
      statistics.receivedSuperSegments++
      statistics.receivedSuperSegmentSizes[lengthBytes >> SIZE_SHIFT]!++
    }
    statistics.receivedBytes += lengthBytes
    if (lengthBytes > statistics.largestReceivedFrame) statistics.largestReceivedFrame = lengthBytes
    return true
  }

  private judge(word0: number, word1: number, word2: number, lengthBytes: number): boolean {
    const { drops } = this.statistics
    if (lengthBytes < ETHERNET_HEADER_BYTES) {
      drops.runt++
      return false
    }
    this.judgedWord0 = -1
    const { offloads } = this.setup
    const fault = readReceiveHeader(word0, word1, word2, lengthBytes, offloads, this.judged)
    if (fault !== '') {
      drops[fault]++
      return false
    }
    this.judgedWord0 = word0
    this.judgedWord1 = word1
    this.judgedWord2 = word2
    // A shorter frame with the same header has its checksum field judged anew.
    const fieldEnd = this.judged.checksumPartial ? (word1 >>> 16) + (word2 & 0xffff) + 2 : 0
    this.judgedMinimumLength = Math.max(ETHERNET_HEADER_BYTES, fieldEnd)
    return true
  }

  /**
   * A frame spread over several buffers: opens it, or waits until all of them are there. False = stop receiving; true
   * with no frame open = it was dropped.
   */
  private gather(frame: ReceivedFrame): boolean {
    const queue = this.receiveQueue
    const first = this.openSlot
    const count = this.heldWord2 >>> 16
    if (count < 2 || count > this.maxMergedBuffers) return this.refuse('bufferCount')
    if (queue.usedCount() < count - 1) return this.stopAt(NOTHING_USED)
    let length = this.heldLength - NET_HEADER_BYTES
    // "the device MUST use all buffers but the last … completely".
    if (length < this.minFirstFragment) return this.refuse('mergedLength')
    this.setFragment(frame, 0, first, NET_HEADER_BYTES, length)
    let total = length
    for (let index = 1; index < count; index++) {
      const slot = queue.takeUsed()
      if (slot < 0) return this.refuse(slot === DEVICE_LIED ? queue.lie : 'usedIndex')
      length = queue.usedLength
      if (length === 0 || length > this.bufferBytes) return this.refuse('usedLength')
      this.setFragment(frame, index, slot, 0, length)
      this.furtherSlots[index] = slot
      total += length
    }
    this.statistics.receivedFragments += count
    frame.fragmentCount = count
    this.openCount = count
    const at = first * this.bufferWords
    if (!this.accept(frame, this.words[at]!, this.words[at + 1]!, this.heldWord2, total)) {
      this.releaseReceive(frame)
    }
    return true
  }
}
