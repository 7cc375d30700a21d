/** Incoming frames: buffers reposted in batches, frames handed out in place (§5.1.6.4). */
import type { FrameJoiner, FrameRules, ReceivedFrame } from '../../../net/phy/net-device.ts'
import type { ReceiveMeta } from '../../../net/phy/offload.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { Hal } from '../../hal.ts'
import type { UsedWord, Virtqueue } from '../virtqueue.ts'
import { buildRuleTable } from './buffer-rules.ts'
import type { DeviceReceiveHalf } from './device-halves.ts'
import type { DeviceHealth } from './device-health.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import { maximumMergedBuffers, receiveBufferBytes } from './net-queues.ts'
import type { NetSetup } from './net-setup.ts'
import { readReceiveHeader } from './offload-map.ts'
import { buffersOfLongestFrame, isNoPacket, MAX_IPV4_FRAME } from './packet-length.ts'
import { ReceivedRuns } from './received-runs.ts'
import { ShownBuffers } from './shown-buffers.ts'
import { SIZE_SHIFT, type VirtioNetStatistics } from './statistics.ts'

const ETHERNET_HEADER_BYTES = 14
/** The stack relies on headers being contiguous (ReceivedFrame). */
const MIN_FIRST_FRAGMENT_BYTES = 2048
/** To show buffers again costs a barrier and maybe a notification: so many at a time. */
const REPOST_BATCH = 16
const NUM_BUFFERS_OFFSET = 10

export interface ReceivePathOptions {
  readonly hal: Hal
  readonly setup: NetSetup
  readonly queue: Virtqueue
  /** To notify of a refill too: QEMU with RSS in software keeps a frame where it came from. */
  readonly waiting: readonly Virtqueue[]
  readonly health: DeviceHealth
  readonly statistics: VirtioNetStatistics
  readonly service: () => boolean
}

export class ReceivePath implements DeviceReceiveHalf {
  readonly lookahead = this
  readonly queueIndex = 0
  private readonly hal: Hal
  private readonly health: DeviceHealth
  private readonly statistics: VirtioNetStatistics
  private readonly setup: NetSetup
  private readonly queue: Virtqueue
  private readonly waiting: readonly Virtqueue[]
  /** Deals with what needs attention; false = nothing can be received now. */
  private readonly service: () => boolean
  private readonly mergeable: boolean
  private readonly bufferBytes: number
  /** Of the part of a frame in one buffer, the header left out. */
  private readonly maxLength: number
  private readonly maxMergedBuffers: number
  private readonly minFirstFragment: number
  /** Shown again at a time: what the device keeps meanwhile holds the largest frame. */
  private readonly repostCount: number
  /** All buffers in one piece: a frame's place is a number, its views are always the same. */
  private readonly receiveMemory: DmaBuffer
  /** All of `receiveMemory` in words: where buffer n's virtio_net_hdr is follows from n. */
  private readonly words: Uint32Array
  /** The same, from the first buffer's `num_buffers` on. */
  private readonly comparedMemory: Uint8Array
  /** The rules asked about last, and what they are for buffers. */
  private rules: FrameRules | null = null
  private ruleTable: Uint8Array = new Uint8Array(0)
  /**
   * Slots taken from the queue, in order, with what the device wrote: those up to `returned` are
   * its again, those up to `takenNext` were handed out, of these the last `openCount` are the frame
   * that is open. Twice as long as the queue: slots wait there to be returned together.
   */
  private readonly takenSlots: Uint16Array
  private readonly takenLengths: Uint32Array
  private returned = 0
  private takenNext = 0
  private takenCount = 0
  private openCount = 0
  /** takenCount, or takenNext when the other buffers of the frame that began are still to come. */
  private readyCount = 0
  /** Slots given back to the queue, or ready to be, and not shown to the device yet. */
  private unpublished = 0
  /** The header judged last: those of one connection repeat, and need a comparison only. */
  private judgedWord0 = -1
  private judgedWord1 = 0
  private judgedWord2 = 0
  private judgedMinimumLength = 0
  private readonly judged: ReceiveMeta = {
    checksumVerified: false,
    checksumPartial: false,
    segmentSize: 0,
  }
  private readonly runs: ReceivedRuns
  private readonly shown: ShownBuffers

  constructor(options: ReceivePathOptions) {
    const { hal, setup, queue, health, statistics, service } = options
    this.hal = hal
    this.health = health
    this.statistics = statistics
    this.setup = setup
    this.queue = queue
    this.waiting = options.waiting
    this.service = service
    this.mergeable = setup.mergeable
    this.bufferBytes = receiveBufferBytes(setup)
    this.maxLength = this.bufferBytes - NET_HEADER_BYTES
    const { bufferBytes } = this
    this.maxMergedBuffers = this.mergeable ? buffersOfLongestFrame(bufferBytes) : 1
    this.takenSlots = new Uint16Array(2 * queue.slotCount)
    this.takenLengths = new Uint32Array(2 * queue.slotCount)
    this.shown = new ShownBuffers(queue, bufferBytes, maximumMergedBuffers(setup))
    // Half of them hold the largest frame (MIN_RECEIVE_FRAMES).
    this.repostCount = Math.max(1, Math.min(REPOST_BATCH, this.shown.count >> 1))
    this.minFirstFragment = Math.min(MIN_FIRST_FRAGMENT_BYTES, bufferBytes - NET_HEADER_BYTES)
    this.receiveMemory = hal.allocateDma(queue.slotCount * bufferBytes, 64)
    const { bytes, physicalAddress } = this.receiveMemory
    const sizes = statistics.receivedSuperSegmentSizes
    this.runs = new ReceivedRuns(hal.bulk, this.receiveMemory, bufferBytes, setup, sizes)
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
    this.comparedMemory = bytes.subarray(NUM_BUFFERS_OFFSET)
    for (let slot = 0; slot < queue.slotCount; slot++) {
      queue.bind(slot, physicalAddress + slot * bufferBytes, bufferBytes, true)
    }
  }

  get joiner(): FrameJoiner | null {
    return this.runs.joiner
  }

  set joiner(joiner: FrameJoiner | null) {
    this.runs.joiner = joiner
  }

  receive(frame: ReceivedFrame): boolean {
    if (this.health.needsAttention && !this.service()) return false
    if (this.openCount > 0) throw new Error('Cannot receive a frame: one is still open')
    const { words, queue } = this
    for (;;) {
      if (this.takenNext === this.readyCount && !(queue.hasUsed() && this.takeMore())) return false
      const index = this.takenNext
      const slot = this.takenSlots[index]!
      let length = this.takenLengths[index]! - NET_HEADER_BYTES
      // Below 0 too.
      if (length >>> 0 > this.maxLength) {
        this.refuse('usedLength')
        return false
      }
      const start = slot * this.bufferBytes
      const at = start >> 2
      const word2 = words[at + 2]!
      let count = 1
      // Without MRG_RXBUF QEMU 7.2 leaves num_buffers unwritten.
      if (word2 >>> 16 !== 1 && this.mergeable) {
        count = word2 >>> 16
        length = this.gather(frame, count)
        if (length < 0) return false
        // Not all there: looks for more.
        if (length === 0) continue
      } else {
        const offset = start + NET_HEADER_BYTES
        const fragment = frame.fragments[0]
        if (fragment === undefined) {
          frame.fragments.push({ buffer: this.receiveMemory, offset, length })
        } else {
          fragment.buffer = this.receiveMemory
          fragment.offset = offset
          fragment.length = length
        }
      }
      this.takenNext = index + count
      this.openCount = count
      const word0 = words[at]!
      const word1 = words[at + 1]!
      if (
        (word0 !== this.judgedWord0 ||
          word1 !== this.judgedWord1 ||
          word2 !== this.judgedWord2 ||
          length < this.judgedMinimumLength) &&
        !this.judge(word0, word1, word2, length)
      ) {
        this.release(frame)
        continue
      }
      const { judged, statistics } = this
      const { meta } = frame
      let { segmentSize } = judged
      if (length > MAX_IPV4_FRAME && isNoPacket(this.receiveMemory, start, length)) segmentSize = 0
      meta.segmentSize = segmentSize
      meta.checksumVerified = judged.checksumVerified
      meta.checksumPartial = judged.checksumPartial
      frame.length = length
      frame.fragmentCount = count
      if (index + 1 < this.readyCount && count === 1) {
        const { joiner } = this.runs
        if (joiner !== null && (length >= joiner.minLength || length <= joiner.maxBareLength)) {
          this.join(frame, index)
        }
      }
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

  /** Adds those at hand that continue the frame, or takes their last; each counts as it came. */
  private join(frame: ReceivedFrame, index: number): void {
    const { takenSlots, takenLengths, readyCount, statistics } = this
    const { runs } = this
    const isSuperSegment = frame.meta.segmentSize !== 0
    const lengthBefore = frame.length
    const count = runs.join(frame, takenSlots, takenLengths, index, readyCount)
    if (count === 1) return
    this.takenNext = index + count
    this.openCount = count
    statistics.receivedFrames += count - 1
    statistics.receivedBytes += frame.length - lengthBefore + (count - 1) * runs.headerLength
    if (isSuperSegment) statistics.receivedSuperSegments += count - 1
  }

  release(_frame: ReceivedFrame): void {
    const count = this.openCount
    if (count <= 0) throw new Error('Cannot release a received frame: none is open')
    this.openCount = 0
    this.unpublished += count
    if (this.unpublished >= this.repostCount) this.publish()
  }

  upcoming(rules: FrameRules): number {
    if (this.health.needsAttention && !this.service()) return 0
    if (this.openCount > 0) throw new Error('Cannot look ahead: a frame is open')
    if (this.takenNext === this.readyCount && !(this.queue.hasUsed() && this.takeMore())) return 0
    if (rules !== this.rules) {
      this.rules = rules
      this.ruleTable = buildRuleTable(rules, this.mergeable)
    }
    const { takenSlots, takenNext, readyCount, bufferBytes, ruleTable } = this
    const bytes = this.comparedMemory
    const { bulk } = this.hal
    return bulk.countMatching(bytes, bufferBytes, takenSlots, takenNext, readyCount, ruleTable)
  }

  skip(count: number): void {
    if (count < 0 || count > this.readyCount - this.takenNext || this.openCount > 0) {
      throw new Error(`Cannot skip ${count} frames: they are not at hand`)
    }
    this.takenNext += count
    this.statistics.receivedFrames += count
    this.unpublished += count
    if (this.unpublished >= this.repostCount) this.publish()
  }

  postAll(): void {
    this.forgetTaken()
    this.shown.postAll()
  }

  publish(): void {
    this.giveBack()
    this.unpublished = 0
    if (this.queue.publish()) this.notifyWaiting()
  }

  /** By itself: there is no machine code for its loop, nor for what has it inlined. */
  private notifyWaiting(): void {
    this.statistics.receiveNotifications++
    for (const queue of this.waiting) queue.notify()
  }

  armInterrupts(): boolean {
    if (this.takenNext !== this.readyCount) return false
    return this.queue.armInterrupts(0)
  }

  watch(): UsedWord | null {
    if (this.takenNext !== this.readyCount) return null
    return this.queue.watchUsed()
  }

  disarmInterrupts(): void {
    this.queue.disarmInterrupts()
  }

  get hasReceived(): boolean {
    return this.takenNext !== this.readyCount || this.queue.hasUsed()
  }

  /** Puts the slots of all released frames into the available ring, to be published. */
  private giveBack(): void {
    const end = this.takenNext - this.openCount
    this.queue.add(this.takenSlots, this.returned, end)
    this.returned = end
  }

  /** Takes all that the device has given back, of which there is some; false = a lie. */
  private takeMore(): boolean {
    const { queue, takenSlots, takenLengths } = this
    if (this.takenCount > queue.slotCount) this.moveToStart()
    const count = queue.take(takenSlots, takenLengths, this.takenCount)
    if (count === 0) {
      // An index that went back between the two looks is a lie too.
      this.refuse(queue.violation === '' ? 'usedIndex' : queue.violation)
      return false
    }
    this.takenCount += count
    this.readyCount = this.takenCount
    if (count >= this.shown.moreAt) {
      this.shown.addMore()
      this.publish()
    }
    return true
  }

  private moveToStart(): void {
    const { takenSlots, takenLengths, takenNext, takenCount } = this
    this.giveBack()
    takenSlots.copyWithin(0, takenNext, takenCount)
    takenLengths.copyWithin(0, takenNext, takenCount)
    this.returned = 0
    this.takenNext = 0
    this.takenCount = takenCount - takenNext
  }

  private refuse(violation: string): void {
    this.forgetTaken()
    this.health.report(violation)
  }

  private forgetTaken(): void {
    this.returned = 0
    this.takenNext = 0
    this.takenCount = 0
    this.openCount = 0
    this.readyCount = 0
    this.unpublished = 0
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

  /** Fragments of the frame at `takenNext`; returns its length, 0 = not all there, -1 = a lie. */
  private gather(frame: ReceivedFrame, count: number): number {
    const { takenSlots, takenLengths, takenNext } = this
    if (count < 2 || count > this.maxMergedBuffers) {
      this.refuse('bufferCount')
      return -1
    }
    if (this.takenCount - takenNext < count) {
      this.readyCount = takenNext
      return 0
    }
    let total = takenLengths[takenNext]! - NET_HEADER_BYTES
    // "the device MUST use all buffers but the last … completely".
    if (total < this.minFirstFragment) {
      this.refuse('mergedLength')
      return -1
    }
    const { runs } = this
    runs.place(frame, 0, takenSlots[takenNext]!, NET_HEADER_BYTES, total)
    for (let index = 1; index < count; index++) {
      const length = takenLengths[takenNext + index]!
      if (length === 0 || length > this.bufferBytes) {
        this.refuse('usedLength')
        return -1
      }
      runs.place(frame, index, takenSlots[takenNext + index]!, 0, length)
      total += length
    }
    this.statistics.receivedFragments += count
    return total
  }
}
