/**
 * Frames that lie in a receive queue in a row and continue each other, given as one, where they
 * are: which do, the stack's FrameJoiner says, and HalBulk.countContinuing sees.
 */
import type { FrameJoiner, ReceivedFrame, RunLayout } from '../../../net/phy/net-device.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { HalBulk } from '../../hal.ts'
import { NET_HEADER_BYTES } from './net-header.ts'
import type { NetSetup } from './net-setup.ts'
import { emptySizes, SIZE_SHIFT } from './statistics.ts'

/** What a ReceivedFrame has places for. */
const MAX_FRAGMENTS = 64
const ETHERNET_HEADER_BYTES = 14
/** A unit of text: none. */
const NO_TEXT = 0

/** `numbers` in the order of struct run_layout (boot/engine/runs.h). */
interface NativeRun {
  readonly mask: Uint8Array
  readonly numbers: Uint16Array
}

/**
 * flags, gso_type, gso_size, csum_start and csum_offset are what the first of a run was judged by;
 * hdr_len is "only a hint". Each frame is in one buffer.
 */
const HEADER_MASK = [0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]

export class ReceivedRuns {
  /** Null: every frame comes by itself. */
  joiner: FrameJoiner | null = null
  /** What precedes the text in each frame of the last run. Read only outside. */
  headerLength = 0
  private readonly bulk: HalBulk
  private readonly memory: DmaBuffer
  private readonly bufferBytes: number
  /** Where super-segments are counted by their size (SIZE_SHIFT). */
  private readonly sizes: number[]
  /** The same of other frames, which nobody asks about. */
  private readonly plainSizes = emptySizes()
  private readonly headerMask: readonly number[]
  /** What is longer and no super-segment is none that the stack takes (§5.1.6.4.1). */
  private readonly maxPlainLength: number
  /** Layouts are few, and live as long as who makes them. */
  private readonly known = new Map<RunLayout, NativeRun>()
  /** The one asked about last, and what it is for natives. */
  private layout: RunLayout | null = null
  private run: NativeRun = { mask: new Uint8Array(0), numbers: new Uint16Array(0) }

  /** `memory` is that of all buffers. Without MRG_RXBUF QEMU 7.2 leaves num_buffers unwritten. */
  constructor(
    bulk: HalBulk,
    memory: DmaBuffer,
    bufferBytes: number,
    { mergeable, maxTransmissionUnit }: Pick<NetSetup, 'mergeable' | 'maxTransmissionUnit'>,
    sizes: number[],
  ) {
    this.sizes = sizes
    this.bulk = bulk
    this.memory = memory
    this.bufferBytes = bufferBytes
    this.maxPlainLength = ETHERNET_HEADER_BYTES + maxTransmissionUnit
    this.headerMask = mergeable ? [...HEADER_MASK, 0xff, 0xff] : [...HEADER_MASK, 0, 0]
  }

  /**
   * Adds to a frame that was judged, and lies in the buffer slots[first] alone, those of the slots
   * up to `end` that continue it. Returns of how many it then consists. Of a short one see
   * `supersede`.
   */
  join(
    frame: ReceivedFrame,
    slots: Uint16Array,
    lengths: Uint32Array,
    first: number,
    end: number,
  ): number {
    const { joiner, bufferBytes } = this
    if (joiner === null) return 1
    const { bytes } = this.memory
    const { length, meta } = frame
    if (length < joiner.minLength) return this.supersede(joiner, frame, slots, lengths, first, end)
    if (meta.segmentSize === 0 && length > this.maxPlainLength) return 1
    const { offset } = frame.fragments[0]!
    const layout = joiner.layoutOf(bytes, offset, length, meta.checksumVerified)
    if (layout === null) return 1
    const { headerLength } = layout
    const unit = meta.segmentSize === 0 ? length - headerLength : meta.segmentSize
    if (layout !== this.layout) this.take(layout)
    const { mask, numbers } = this.run
    const count = this.bulk.countContinuing(
      bytes,
      bufferBytes,
      slots,
      lengths,
      first,
      end - first > MAX_FRAGMENTS ? first + MAX_FRAGMENTS : end,
      mask,
      numbers,
      unit,
      joiner.maxLength + NET_HEADER_BYTES,
    )
    if (count === 1) return 1
    const skipped = NET_HEADER_BYTES + headerLength
    const { fragments } = frame
    const { memory } = this
    const sizes = meta.segmentSize === 0 ? this.plainSizes : this.sizes
    // Mostly they are of one size.
    let size = 0
    let alike = 0
    let total = length
    for (let index = 1; index < count; index++) {
      const fragment = fragments[index]
      if (fragment === undefined) {
        fragments.push({ buffer: memory, offset: 0, length: 0 })
        index--
        continue
      }
      const text = lengths[first + index]! - skipped
      if (fragment.buffer !== memory) fragment.buffer = memory
      fragment.offset = slots[first + index]! * bufferBytes + skipped
      fragment.length = text
      total += text
      const nextSize = (text + headerLength) >> SIZE_SHIFT
      if (nextSize !== size) {
        sizes[size]! += alike
        size = nextSize
        alike = 0
      }
      alike++
    }
    sizes[size]! += alike
    this.headerLength = headerLength
    const last = slots[first + count - 1]! * bufferBytes + NET_HEADER_BYTES
    joiner.finish(this.memory, offset, total, last, count)
    frame.length = total
    frame.fragmentCount = count
    meta.segmentSize = unit
    // Each was vouched for or verified; the field is that of the first.
    meta.checksumVerified = true
    meta.checksumPartial = true
    return count
  }

  place(
    frame: ReceivedFrame,
    index: number,
    slot: number,
    offsetInBuffer: number,
    length: number,
  ): void {
    const { fragments } = frame
    const buffer = this.memory
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

  /**
   * How many of the frames from slots[first] up to `end` in a row say no more than the last of
   * them: `frame`, which was judged, is made that one.
   */
  private supersede(
    joiner: FrameJoiner,
    frame: ReceivedFrame,
    slots: Uint16Array,
    lengths: Uint32Array,
    first: number,
    end: number,
  ): number {
    if (lengths[first + 1] !== lengths[first]) return 1
    const { bufferBytes } = this
    const { bytes } = this.memory
    const { offset } = frame.fragments[0]!
    const layout = joiner.bareLayoutOf(bytes, offset, frame.length, frame.meta.checksumVerified)
    if (layout === null) return 1
    if (layout !== this.layout) this.take(layout)
    const { bulk } = this
    const { mask, numbers } = this.run
    const count = bulk.countContinuing(
      bytes,
      bufferBytes,
      slots,
      lengths,
      first,
      end,
      mask,
      numbers,
      NO_TEXT,
      joiner.maxLength,
    )
    if (count === 1) return 1
    this.headerLength = frame.length
    frame.fragments[0]!.offset = slots[first + count - 1]! * bufferBytes + NET_HEADER_BYTES
    joiner.noteSuperseded(count - 1)
    return count
  }

  private take(layout: RunLayout): void {
    this.layout = layout
    this.run = this.known.get(layout) ?? this.translate(layout)
  }

  private translate(layout: RunLayout): NativeRun {
    const mask = Uint8Array.from([...this.headerMask, ...layout.mask])
    const numbers = Uint16Array.of(
      NET_HEADER_BYTES + layout.headerLength,
      NET_HEADER_BYTES + layout.sequenceAt,
      NET_HEADER_BYTES + layout.lengthAt,
      NET_HEADER_BYTES + layout.lengthBias,
      NET_HEADER_BYTES + layout.headerSumAt,
      layout.headerSumLength,
      layout.textSumAt === 0 ? 0 : NET_HEADER_BYTES + layout.textSumAt,
      layout.textSumBias - NET_HEADER_BYTES,
    )
    const run = { mask, numbers }
    this.known.set(layout, run)
    return run
  }
}
