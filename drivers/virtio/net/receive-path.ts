/** Incoming frames: buffers posted once and reposted in batches, frames handed out in place (virtio 1.4 §5.1.6.4). */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { ReceivedFrame } from '../../../net/phy/net-device.ts'
import { sliceDma } from '../dma-slice.ts'
import { DEVICE_LIED, NOTHING_USED, type SplitVirtqueue } from '../split-virtqueue.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { maximumMergedBuffers, type NetSetup, receiveBufferBytes } from './net-setup.ts'
import { type NegotiatedOffloads, readReceiveHeader } from './offload-map.ts'
import type { VirtioNetStatistics } from './statistics.ts'

const ETHERNET_HEADER_BYTES = 14
/** The stack relies on headers being contiguous (ReceivedFrame). */
const MIN_FIRST_FRAGMENT_BYTES = 2048
/** Showing buffers to the device again costs a barrier and maybe a notification, whatever their number. */
const REPOST_BATCH = 16

export class ReceivePath {
  private readonly queue: SplitVirtqueue
  private readonly offloads: NegotiatedOffloads
  private readonly statistics: VirtioNetStatistics
  private readonly distrust: (lie: string) => void
  private readonly mergeable: boolean
  private readonly bufferBytes: number
  private readonly maxMergedBuffers: number
  private readonly memory: DmaBuffer
  /** All of `memory` in words: where buffer n's virtio_net_hdr is follows from n. */
  private readonly words: Uint32Array
  private readonly bufferWords: number
  /** Made when first filled. */
  private readonly buffers: (DmaBuffer | undefined)[] = []
  /** Slots of the frame that the stack has open; `openCount` of them. */
  private readonly openSlots: Uint16Array
  private openCount = 0
  private unpublished = 0
  /** First buffer of a merged frame whose other buffers are still to come. */
  private isHeld = false
  private heldSlot = 0
  private heldLength = 0
  private heldWord2 = 0

  constructor(
    hal: Hal,
    queue: SplitVirtqueue,
    setup: NetSetup,
    statistics: VirtioNetStatistics,
    distrust: (lie: string) => void,
  ) {
    this.queue = queue
    this.offloads = setup.offloads
    this.statistics = statistics
    this.distrust = distrust
    this.mergeable = setup.mergeable
    this.bufferBytes = receiveBufferBytes(setup)
    this.maxMergedBuffers = maximumMergedBuffers(setup)
    this.openSlots = new Uint16Array(this.maxMergedBuffers)
    const { bufferBytes } = this
    this.bufferWords = bufferBytes / 4
    this.memory = hal.allocateDma(queue.slotCount * bufferBytes, 64)
    const { bytes, physicalAddress } = this.memory
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, queue.slotCount * this.bufferWords)
    for (let slot = 0; slot < queue.slotCount; slot++) {
      queue.bind(slot, physicalAddress + slot * bufferBytes, bufferBytes, true)
      this.buffers.push(undefined)
    }
  }

  receive(frame: ReceivedFrame): boolean {
    if (this.openCount !== 0) throw new Error('Cannot receive a frame: one is still open')
    if (this.isHeld) {
      if (!this.gather(frame)) return false
      if (this.openCount !== 0) return true
    }
    const { queue } = this
    for (;;) {
      const slot = queue.takeUsed()
      if (slot < 0) return this.stopAt(slot)
      const { usedLength } = queue
      if (usedLength < NET_HEADER_BYTES || usedLength > this.bufferBytes) {
        return this.refuse('usedLength')
      }
      const { words } = this
      const at = slot * this.bufferWords
      const word2 = words[at + 2]!
      // Without MRG_RXBUF QEMU 7.2 leaves num_buffers unwritten.
      if (this.mergeable && word2 >>> 16 !== 1) {
        this.isHeld = true
        this.heldSlot = slot
        this.heldLength = usedLength
        this.heldWord2 = word2
        if (!this.gather(frame)) return false
        if (this.openCount !== 0) return true
        continue
      }
      const lengthBytes = usedLength - NET_HEADER_BYTES
      if (!this.judge(frame, words[at]!, words[at + 1]!, word2, lengthBytes)) {
        this.repost(slot)
        continue
      }
      this.setFragment(frame, 0, slot, NET_HEADER_BYTES, lengthBytes)
      frame.fragmentCount = 1
      this.openCount = 1
      return true
    }
  }

  release(): void {
    const count = this.openCount
    if (count === 0) throw new Error('Cannot release a received frame: none is open')
    this.openCount = 0
    this.repost(this.openSlots[0]!)
    for (let i = 1; i < count; i++) this.repost(this.openSlots[i]!)
  }

  /** Posts every buffer; the queue must be empty (after a reset). `publish` follows once the device is live. */
  postAll(): void {
    this.unpublished = 0
    this.isHeld = false
    this.openCount = 0
    for (let slot = 0; slot < this.queue.slotCount; slot++) this.queue.add(slot)
  }

  publish(): void {
    this.unpublished = 0
    if (this.queue.publish()) this.statistics.receiveNotifications++
  }

  /** False: something was received already. */
  armInterrupts(): boolean {
    if (this.unpublished !== 0) this.publish()
    // The other buffers of a frame that is not whole yet are no reason to stay awake.
    return this.queue.armInterrupts(this.isHeld ? this.queue.usedCount() : 0)
  }

  disarmInterrupts(): void {
    this.queue.disarmInterrupts()
  }

  get hasWork(): boolean {
    return !this.isHeld && this.queue.usedCount() !== 0
  }

  private createBuffer(slot: number): DmaBuffer {
    const buffer = sliceDma(this.memory, slot * this.bufferBytes, this.bufferBytes)
    this.buffers[slot] = buffer
    return buffer
  }

  private repost(slot: number): void {
    this.queue.add(slot)
    if (++this.unpublished >= REPOST_BATCH) this.publish()
  }

  private stopAt(why: number): boolean {
    if (why === DEVICE_LIED) return this.refuse(this.queue.lie)
    if (this.unpublished !== 0) this.publish()
    return false
  }

  private refuse(lie: string): false {
    this.isHeld = false
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
    this.openSlots[index] = slot
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
  private judge(
    frame: ReceivedFrame,
    word0: number,
    word1: number,
    word2: number,
    lengthBytes: number,
  ): boolean {
    const { statistics } = this
    const { meta } = frame
    if (lengthBytes < ETHERNET_HEADER_BYTES) {
      statistics.drops.runt++
      return false
    }
    if ((word0 & 0xffff) === 0) {
      meta.checksumVerified = false
      meta.checksumPartial = false
      meta.segmentSize = 0
    } else {
      const fault = readReceiveHeader(word0, word1, word2, lengthBytes, this.offloads, meta)
      if (fault !== '') {
        statistics.drops[fault]++
        return false
      }
      if (meta.segmentSize !== 0) statistics.receivedSuperSegments++
    }
    frame.length = lengthBytes
    statistics.receivedFrames++
    statistics.receivedBytes += lengthBytes
    if (lengthBytes > statistics.largestReceivedFrame) statistics.largestReceivedFrame = lengthBytes
    return true
  }

  /**
   * A frame spread over several buffers: opens it, or waits until all of them are there. False = stop receiving; true
   * with no frame open = it was dropped.
   */
  private gather(frame: ReceivedFrame): boolean {
    const { queue } = this
    const first = this.heldSlot
    const count = this.heldWord2 >>> 16
    if (count < 2 || count > this.maxMergedBuffers) return this.refuse('bufferCount')
    if (queue.usedCount() < count - 1) return this.stopAt(NOTHING_USED)
    let length = this.heldLength - NET_HEADER_BYTES
    // "the device MUST use all buffers but the last … completely".
    if (length < MIN_FIRST_FRAGMENT_BYTES) return this.refuse('mergedLength')
    this.isHeld = false
    this.setFragment(frame, 0, first, NET_HEADER_BYTES, length)
    let total = length
    for (let index = 1; index < count; index++) {
      const slot = queue.takeUsed()
      if (slot < 0) return this.refuse(slot === DEVICE_LIED ? queue.lie : 'usedIndex')
      length = queue.usedLength
      if (length === 0 || length > this.bufferBytes) return this.refuse('usedLength')
      this.setFragment(frame, index, slot, 0, length)
      total += length
    }
    this.statistics.receivedFragments += count
    const at = first * this.bufferWords
    if (this.judge(frame, this.words[at]!, this.words[at + 1]!, this.heldWord2, total)) {
      frame.fragmentCount = count
      this.openCount = count
    } else {
      for (let index = 0; index < count; index++) this.repost(this.openSlots[index]!)
    }
    return true
  }
}
