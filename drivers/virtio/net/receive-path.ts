/** Incoming frames: buffers posted once and reposted in batches, frames handed out in place (virtio 1.4 §5.1.6.4). */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { ReceivedFrame } from '../../../net/phy/net-device.ts'
import type { ReceiveMeta } from '../../../net/phy/offload.ts'
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
  /** Of the part of a frame in one buffer, the header left out. */
  private readonly maxLength: number
  private readonly maxMergedBuffers: number
  private readonly minFirstFragment: number
  /** All buffers in one piece, so that a frame's place is a number and its views are always the same. */
  private readonly receiveMemory: DmaBuffer
  /** All of `receiveMemory` in words: where buffer n's virtio_net_hdr is follows from n. */
  private readonly words: Uint32Array
  private readonly bufferWords: number
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
    this.maxLength = this.bufferBytes - NET_HEADER_BYTES
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
    }
  }

  /** Deals with what needs attention; false = nothing can be received now. */
  protected abstract attend(): boolean

  receive(frame: ReceivedFrame): boolean {
    if (this.needsAttention && !this.attend()) return false
    if (this.openCount > 0) throw new Error('Cannot receive a frame: one is still open')
    const queue = this.receiveQueue
    const words = this.words
    for (;;) {
      let slot = 0
      let length = 0
      let word2 = 0
      let count = 1
      if (this.openCount === HELD) {
        slot = this.openSlot
        length = this.heldLength
        word2 = this.heldWord2
      } else {
        slot = queue.takeUsed()
        if (slot < 0) {
          this.stop(slot)
          return false
        }
        length = queue.usedLength - NET_HEADER_BYTES
        if (length < 0 || length > this.maxLength) {
          this.refuse('usedLength')
          return false
        }
        word2 = words[slot * this.bufferWords + 2]!
      }
      const offset = slot * this.bufferBytes + NET_HEADER_BYTES
      // Without MRG_RXBUF QEMU 7.2 leaves num_buffers unwritten.
      if (word2 >>> 16 !== 1 && this.mergeable) {
        count = word2 >>> 16
        length = this.gather(frame, slot, length, word2)
        if (length < 0) return false
      } else {
        const fragment = frame.fragments[0]
        if (fragment === undefined) {
          frame.fragments.push({ buffer: this.receiveMemory, offset, length })
        } else {
          fragment.buffer = this.receiveMemory
          fragment.offset = offset
          fragment.length = length
        }
      }
      this.openSlot = slot
      this.openCount = count
      const at = slot * this.bufferWords
      const word0 = words[at]!
      const word1 = words[at + 1]!
      if (
        (word0 !== this.judgedWord0 ||
          word1 !== this.judgedWord1 ||
          word2 !== this.judgedWord2 ||
          length < this.judgedMinimumLength) &&
        !this.judge(word0, word1, word2, length)
      ) {
        this.releaseReceive(frame)
        continue
      }
      const { judged, statistics } = this
      const { meta } = frame
      const segmentSize = judged.segmentSize
      meta.segmentSize = segmentSize
      meta.checksumVerified = judged.checksumVerified
      meta.checksumPartial = judged.checksumPartial
      frame.length = length
      frame.fragmentCount = count
      statistics.receivedFrames++
      statistics.receivedBytes += length
      if (segmentSize !== 0) {
        statistics.receivedSuperSegments++
        statistics.receivedSuperSegmentSizes[length >> SIZE_SHIFT]!++
      }
      if (length > statistics.largestReceivedFrame) statistics.largestReceivedFrame = length
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
    const unpublished = this.unpublished + count
    this.unpublished = unpublished
    if (unpublished >= REPOST_BATCH) this.publishReceive()
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

  /** There is no frame to be had now, for one of the reasons of takeUsed. */
  private stop(why: number): void {
    if (why === DEVICE_LIED) this.refuse(this.receiveQueue.lie)
    else if (this.unpublished !== 0) this.publishReceive()
  }

  private refuse(lie: string): void {
    this.openCount = 0
    this.distrust(lie)
  }

  private setFragment(
    frame: ReceivedFrame,
    index: number,
    slot: number,
    offsetInBuffer: number,
    length: number,
  ): void {
    const { fragments } = frame
    const buffer = this.receiveMemory
    const offset = slot * this.bufferBytes + offsetInBuffer
    const fragment = fragments[index]
    if (fragment === undefined) {
      fragments.push({ buffer, offset, length })
      return
    }
    fragment.buffer = buffer
    fragment.offset = offset
    fragment.length = length
  }

  /** Takes the header's words apart; false = the frame is dropped, and counted. */
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
   * Takes the other buffers of a frame that begins in `first` with `firstLength` bytes; returns the bytes of all, or -1 when
   * they are not all there yet or the device has lied.
   */
  private gather(frame: ReceivedFrame, first: number, firstLength: number, word2: number): number {
    const queue = this.receiveQueue
    const count = word2 >>> 16
    if (count < 2 || count > this.maxMergedBuffers) {
      this.refuse('bufferCount')
      return -1
    }
    if (queue.usedCount() < count - 1) {
      this.openCount = HELD
      this.openSlot = first
      this.heldLength = firstLength
      this.heldWord2 = word2
      this.stop(NOTHING_USED)
      return -1
    }
    // "the device MUST use all buffers but the last … completely".
    if (firstLength < this.minFirstFragment) {
      this.refuse('mergedLength')
      return -1
    }
    this.setFragment(frame, 0, first, NET_HEADER_BYTES, firstLength)
    let total = firstLength
    for (let index = 1; index < count; index++) {
      const slot = queue.takeUsed()
      const length = queue.usedLength
      if (slot < 0 || length === 0 || length > this.bufferBytes) {
        this.refuse(slot === DEVICE_LIED ? queue.lie : slot < 0 ? 'usedIndex' : 'usedLength')
        return -1
      }
      this.setFragment(frame, index, slot, 0, length)
      this.furtherSlots[index] = slot
      total += length
    }
    this.statistics.receivedFragments += count
    return total
  }
}
